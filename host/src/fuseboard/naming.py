"""The rules for prefixes and namespaces."""

from __future__ import annotations

import re
from collections.abc import Collection

from fuseboard.errors import RegistrationError

HOUSE = "fuseboard"
"""The name, prefix and URI scheme of what the host itself contributes; no plugin may have it."""


def prefix_of(plugin: str, prefix: str | None) -> str:
    """What stands before a plugin's public names: as the operator set it, or `<plugin>_`."""
    return f"{plugin}_" if prefix is None else prefix


def check_namespace(namespace: str, plugin: str, plugins: Collection[str]) -> None:
    """Check the namespace of what a plugin adds at run time; "" is its own.

    Raises:
        RegistrationError: it is no legal name, or another plugin's.
    """
    if namespace in ("", plugin):
        return
    if re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,40}", namespace) is None:
        raise RegistrationError(
            f"namespace {namespace[:60]!r} is not legal: letters, digits, _ and -, at most 41 of them"
        )
    if namespace in plugins or namespace == HOUSE:
        raise RegistrationError(f"namespace {namespace!r} is the name of a plugin")
