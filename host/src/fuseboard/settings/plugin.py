"""Filling a plugin's own settings class from the host's sources, by pydantic-settings' rules for names and types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, AliasPath, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, SecretsSettingsSource

from fuseboard.errors import PluginFailure
from fuseboard.settings import LoadedSettings
from fuseboard.settings.show import STARS, holds_secret, looks_secret
from fuseboard.settings.sources import ENV_PREFIX, Layers, Variable, leaves
from fuseboard.settings.wording import MUST_BE, limited, requirement, unknown

NESTED = "__"
SHORTEST_HIDDEN = 4


def fill(plugin: str, cls: Any, loaded: LoadedSettings) -> Any:
    """See `fuseboard.settings.fill_plugin_settings`."""
    if not (isinstance(cls, type) and issubclass(cls, BaseSettings)):
        raise PluginFailure(plugin, "settings", "the hook `settings` must return a class derived from BaseSettings")
    sources = _Sources(plugin, cls, loaded)
    try:
        return cls(_build_sources=(sources.in_order(), {}))
    except ValidationError as error:
        raise PluginFailure(plugin, "settings", sources.worded(error)) from None


class _Names:
    """How the fields of a class are called: in the environment, and by the class itself."""

    def __init__(self, plugin: str, cls: type[BaseSettings]) -> None:
        config = cls.model_config
        self.cls = cls
        self.prefix = config.get("env_prefix") or f"{ENV_PREFIX}{plugin.upper()}_"
        self.delimiter = config.get("env_nested_delimiter") or NESTED
        self.section = f"{ENV_PREFIX}PLUGINS{NESTED}{plugin.upper()}{NESTED}"
        self._by_name = bool(config.get("populate_by_name") or config.get("validate_by_name"))

    def variables(self, field: str) -> list[str]:
        """The environment names of a field, the best one first."""
        names = _aliases(self.cls.model_fields[field])
        return [*names, self.prefix + field.upper()] if self._by_name or not names else names

    def key(self, field: str) -> str:
        """The key by which the class takes a field."""
        return next(iter(_aliases(self.cls.model_fields[field])), field)

    def field(self, key: str) -> str | None:
        """The field that a key of a section means, by its name or alias in any case; None if there is none."""
        for name, info in self.cls.model_fields.items():
            if key.lower() in (alias.lower() for alias in (name, *_aliases(info))):
                return name
        return None


def _aliases(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [str(choice.path[0]) if isinstance(choice, AliasPath) else choice for choice in choices if choice]


class _Variables(EnvSettingsSource):
    """A set of variables: the class's own names, over those of the plugin's section (FUSEBOARD_PLUGINS__...).

    Only names that the class knows are taken, so a `.env` that many share does not trip `extra="forbid"`.
    """

    def __init__(self, names: _Names, variables: Mapping[str, Variable]) -> None:
        super().__init__(names.cls, env_prefix=names.prefix, env_nested_delimiter=names.delimiter)
        self._names = names
        self._known = {self._normal(name): variable for name, variable in variables.items()}
        self.env_vars = {name: variable.text for name, variable in self._known.items()}
        self.section = Layers()
        for name, variable in variables.items():
            if name.upper().startswith(names.section):
                path = tuple(name[len(names.section) :].lower().split(NESTED))
                self.section.put(path, variable.text, variable.source)

    def _normal(self, name: str) -> str:
        return name if self.case_sensitive else name.lower()

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Decode JSON; what is none is left to the validation, which reports all wrong fields at once."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value

    def __call__(self) -> dict[str, Any]:
        values = {}
        for key, value in self.section.values.items():
            field = self._names.field(key)
            if field is not None and self.field_is_complex(self.settings_cls.model_fields[field]):
                value = _decoded(value)
            values[self._names.key(field) if field else key] = value
        return _merged(values, super().__call__())

    def source_of(self, field: str) -> str | None:
        """Which variable sets a field, None if none does."""
        for wanted in map(self._normal, self._names.variables(field)):
            for name, variable in self._known.items():
                if name == wanted or name.startswith(wanted + self._names.delimiter):
                    return variable.source
        return next(
            (self.section.source((key,)) for key in self.section.values if self._names.field(key) == field), None
        )


def _decoded(value: Any) -> Any:
    """JSON lists and objects in the texts of variables."""
    if isinstance(value, dict):
        return {key: _decoded(part) for key, part in value.items()}
    if not str(value).lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    layers = Layers(values=under)
    layers.put_all(over, lambda path: "")
    return layers.values


class _Sources:
    """The sources of one plugin's settings, and the words for what is wrong in them."""

    def __init__(self, plugin: str, cls: type[BaseSettings], loaded: LoadedSettings) -> None:
        self._plugin = plugin
        self._cls = cls
        self._names = _Names(plugin, cls)
        self._environment = _Variables(self._names, loaded.environment)
        self._dotenv = _Variables(self._names, loaded.dotenv)
        self._file = loaded.file
        sections = loaded.file.content.get("plugins") if loaded.file is not None else None
        self._section: dict[str, Any] = dict((sections or {}).get(plugin) or {})

    def in_order(self) -> tuple[Any, ...]:
        """The highest precedence first; a class that brings sources of its own has them above the file."""
        own = self._cls.settings_customise_sources(
            self._cls,
            init_settings=InitSettingsSource(self._cls, {}),
            env_settings=self._environment,
            dotenv_settings=self._dotenv,
            file_secret_settings=SecretsSettingsSource(self._cls),
        )
        keys = {key: self._names.field(key) for key in self._section}
        section = {self._names.key(field) if field else key: self._section[key] for key, field in keys.items()}
        return (*own, InitSettingsSource(self._cls, section))

    def worded(self, error: ValidationError) -> str:
        """One sentence for all problems: each with its field, its source and what to do, none with a value."""
        problems = error.errors(include_url=False, include_input=False)
        return limited([self._line(problem) for problem in problems]).replace("\n", "; ")

    def _line(self, problem: Any) -> str:
        path = [str(part) for part in problem["loc"]]
        field = self._names.field(path[0]) if path else None
        if field is None:
            return self._loose_line(problem, path)
        if problem["type"] == "missing" and len(path) == 1:
            return f"{field} is missing: set {self._names.variables(field)[0]} or plugins.{self._plugin}.{field}"
        place = f"{'.'.join([field, *path[1:]])} ({self._source_of(field)})"
        if problem["type"] == "extra_forbidden":
            return f"{place}: no such setting"
        annotation = self._cls.model_fields[field].annotation
        if problem["type"] not in MUST_BE and (holds_secret(annotation) or looks_secret(field)):
            return f"{place}: is not valid"
        return f"{place}: {self._without_values(problem)}"

    def _loose_line(self, problem: Any, path: list[str]) -> str:
        """A problem of the whole class, or of a key that is no field."""
        if problem["type"] != "extra_forbidden":
            return self._without_values(problem)
        source = self._file.source(("plugins", self._plugin, *path)) if self._file and path[0] in self._section else ""
        for variables in (self._dotenv, self._environment):
            if path[0] in variables.section.values:
                source = variables.section.source((path[0],))
        return f"plugins.{self._plugin}.{path[0]} ({source}): {unknown(path[0], list(self._cls.model_fields))}"

    def _source_of(self, field: str) -> str:
        source = self._environment.source_of(field) or self._dotenv.source_of(field)
        if source is not None:
            return source
        if self._file is None or not any(self._names.field(key) == field for key in self._section):
            return "default"
        return self._file.source(("plugins", self._plugin, field))

    def _without_values(self, problem: Any) -> str:
        """The requirement; a validator of the plugin may quote what it got, so known values are cut out."""
        text = requirement(problem)
        if problem["type"] in MUST_BE:
            return text
        for value in sorted(self._known_values(), key=len, reverse=True):
            text = text.replace(value, STARS)
        return text[:300]

    def _known_values(self) -> set[str]:
        given = [self._environment(), self._dotenv(), self._section]
        texts = set()
        for values in given:
            for path, value in leaves(values):
                parts = value if isinstance(value, list) else [value]
                secret = any(looks_secret(part) for part in path) or self._is_secret(path[0])
                texts |= {str(part) for part in parts if len(str(part)) >= (1 if secret else SHORTEST_HIDDEN)}
        return texts

    def _is_secret(self, key: str) -> bool:
        field = self._names.field(key)
        return field is not None and holds_secret(self._cls.model_fields[field].annotation)
