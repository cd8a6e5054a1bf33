"""Settings as an operator may see them: each value with its source, secrets masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr

from fuseboard.settings import HostSettings, LoadedSettings
from fuseboard.settings.sources import SettingPath

STARS = "***"
SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token|credential|authorization|cookie|bearer|signature|headers?$|"
    r"(^|[_.-])(key|keys|auth|pat|pin)($|[_.-])|api_?key",
    re.IGNORECASE,
)
USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")
BEARER = re.compile(r"\b(bearer|basic)\s+\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting.

    Attributes:
        name: dotted, as in the file.
        value: a JSON value; "***" stands for a secret.
        source: where it came from, for example "fuseboard.yaml:3", "command line" or "default".
    """

    name: str
    value: Any
    source: str


def looks_secret(name: str) -> bool:
    """Whether a value under this name is probably a secret; for values of which nothing but the name is known."""
    return SECRET_NAME.search(name) is not None


def holds_secret(annotation: Any) -> bool:
    """Whether a type is, or contains, one of pydantic's secret types."""
    if annotation in (SecretStr, SecretBytes):
        return True
    return any(holds_secret(part) for part in get_args(annotation))


def masked(value: Any, name: str = "") -> Any:
    """A raw value of a plugin's section without what is, or looks like, a secret."""
    if value is not None and not isinstance(value, bool) and name and looks_secret(name):
        return STARS
    if isinstance(value, Mapping):
        return {str(key): masked(part, str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [masked(part) for part in value]
    if isinstance(value, str):
        return BEARER.sub(rf"\1 {STARS}", USER_IN_URL.sub(STARS, value))
    return value if isinstance(value, bool | int | float | None) else str(value)


def shown_settings(loaded: LoadedSettings) -> list[ShownSetting]:
    """Every setting of the host, and each plugin's section as it was given."""
    return list(_rows(loaded.settings, (), loaded))


def _rows(model: BaseModel, above: SettingPath, loaded: LoadedSettings) -> Iterator[ShownSetting]:
    for name, info in type(model).model_fields.items():
        path = (*above, name)
        value = getattr(model, name)
        if path == ("plugins",):
            yield from _raw(value, path, loaded)
        elif isinstance(value, BaseModel):
            yield from _rows(value, path, loaded)
        elif path in (("fuses",), ("access", "roles")):
            for plugin, fuse in sorted(value.items()):
                yield from _rows(fuse, (*path, plugin), loaded)
        else:
            shown = _masked_or_plain(value, secret=holds_secret(info.annotation))
            yield ShownSetting(".".join(path), shown, loaded.source(path))


def _masked_or_plain(value: Any, *, secret: bool) -> Any:
    if secret and value:
        return [STARS] * len(value) if isinstance(value, list) else STARS
    return str(value) if isinstance(value, Path) else value


def _raw(section: Mapping[str, Any], above: SettingPath, loaded: LoadedSettings) -> Iterator[ShownSetting]:
    for key, value in section.items():
        path = (*above, str(key))
        if isinstance(value, Mapping) and value and not looks_secret(str(key)):
            yield from _raw(value, path, loaded)
        else:
            yield ShownSetting(".".join(path), masked(value, str(key)), loaded.source(path))


def file_schema() -> dict[str, Any]:
    """The JSON Schema of `fuseboard.yaml`."""
    schema = HostSettings.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "fuseboard.yaml"}
