"""What a new plugin may be called, and what follows from its name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fuseboard.discovery import NAME, Found
from fuseboard.errors import FuseboardError
from fuseboard.naming import HOUSE

RULE = "lower-case letters, digits and single _, from a letter on, at most 31"


class IllegalName(FuseboardError):
    """No plugin may have this name; the text says why and offers another one where it can."""


def check_name(name: str, installed: Sequence[Found], commands: Sequence[str]) -> None:
    """Check the name of a plugin that does not exist yet.

    Args:
        name: as it was typed.
        installed: the plugins that are installed.
        commands: of the host; a plugin's own commands would not be reached behind the name of one.

    Raises:
        IllegalName: the host would not serve a plugin of this name.
    """
    # The distribution is named after it, and no distribution's name ends with a dash.
    if NAME.fullmatch(name) is None or "__" in name or name.endswith("_") or name == HOUSE:
        better = _better(name)
        advice = f"; try {better}" if better else ""
        what = "is the host's own name" if name == HOUSE else f"is no name for a plugin: it takes {RULE}"
        raise IllegalName(f"{name[:80]!r} {what}{advice}")
    for plugin in installed:
        if plugin.name == name:
            raise IllegalName(
                f"plugin {name} is installed already, by {plugin.distribution}; of two with one name neither is served;"
                " choose another name or uninstall it"
            )
    if name in commands:
        raise IllegalName(f"{name} is a command of fuseboard, so a plugin of this name could have none; choose another")


def _better(name: str) -> str:
    """A legal name that is close; "" if there is none."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip()).lower()
    plain = re.sub(r"[^a-z0-9]+", "_", words).strip("_").removeprefix(f"{HOUSE}_").lstrip("0123456789_")[:31].strip("_")
    return plain if NAME.fullmatch(plain) is not None and "__" not in plain and plain != HOUSE else ""


def words_of(name: str) -> dict[str, str]:
    """What the templates call the plugin's parts."""
    return {
        "plugin": name,
        "distribution": f"{HOUSE}-{name.replace('_', '-')}",
        "package": f"{HOUSE}_{name}",
        "class": "".join(part.capitalize() for part in name.split("_")),
        "variables": f"{HOUSE.upper()}_{name.upper()}_",
    }
