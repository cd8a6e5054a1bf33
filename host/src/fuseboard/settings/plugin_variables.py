"""Which environment variables the settings of a plugin are read from, and which of them hold secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic_settings import BaseSettings

# The rules for names are those of the filling, which nobody else needs: they stay private to this folder.
from fuseboard.settings.plugin import _Names
from fuseboard.settings.show import holds_secret, looks_secret, masked


def variables_of(plugin: str, cls: Any, names: Iterable[str]) -> dict[str, bool]:
    """Those of some variables that a plugin's settings are filled from.

    Args:
        plugin: its name.
        cls: what its hook `settings` returned; None for a plugin without settings.
        names: of variables.

    Returns:
        By name, whether the field holds a secret, as far as its type and its name tell.
    """
    if not (isinstance(cls, type) and issubclass(cls, BaseSettings)):
        return {}
    rules = _Names(plugin, cls)
    exact = bool(cls.model_config.get("case_sensitive"))
    found = {}
    for name in names:
        field = _field_of(rules, cls, name, exact=exact)
        if field is not None:
            found[name] = holds_secret(cls.model_fields[field].annotation) or looks_secret(field) or looks_secret(name)
    return found


def is_secret_value(name: str, text: str) -> bool:
    """Whether a value, or something inside one that is JSON, looks like a secret."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return bool(masked(value, name) != value)


def _field_of(rules: _Names, cls: type[BaseSettings], name: str, *, exact: bool) -> str | None:
    if name.upper().startswith(rules.section):
        key = name[len(rules.section) :].lower().partition("__")[0]
        return rules.field(key)
    given = name if exact else name.lower()
    for field in cls.model_fields:
        for variable in rules.variables(field):
            wanted = variable if exact else variable.lower()
            if given == wanted or given.startswith(wanted + rules.delimiter):
                return field
    return None
