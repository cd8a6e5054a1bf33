"""What a description says of parameters and of the result, in the usual forms of docstrings."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ARGUMENTS = re.compile(
    r"^(?:Args|Arguments|Parameters):?[ \t]*\n(?:-+[ \t]*\n)?((?:[ \t]+\S.*(?:\n|\Z)|[ \t]*\n)+)", re.MULTILINE
)
_NAMES = r"\*{0,2}\w+(?:, ?\*{0,2}\w+)*"
# Models write lists: "- key: which one", "`key` (str): which one", "**key**: which one".
_ENTRY = re.compile(rf"^(?:[-*•][ \t]+)?[`*]*({_NAMES})[`*]*\s*(?:\(.*?\))?\s*:[ \t]*(.*)$")
_UNDERLINED = re.compile(
    r"^(?:Other )?Parameters:?[ \t]*\n-{3,}[ \t]*\n(.*?)(?=^\S[^\n]*\n-{3,}[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_UNDERLINED_ENTRY = re.compile(rf"^({_NAMES})[ \t]*(?::.*)?$")
_FIELD = re.compile(r"^\s*[:@]param\s+(?:[^:\n]*\s)?(\w+):[ \t]*(\S.*)$", re.MULTILINE)
_RESULT = re.compile(r"^\s*(?:Returns?|Yields?):?[ \t]*(?:\n|\S)|^\s*[:@]returns?:", re.MULTILINE)
_RESULT_IN_WORDS = re.compile(r"\b(?:returns?|answers? with|gives? back)\b", re.IGNORECASE)


def parameters_in(text: str) -> dict[str, str]:
    """What a docstring says of each parameter: sections `Args:`, underlined `Parameters`, fields `:param name:`."""
    found = {match[1]: match[2].strip() for match in _FIELD.finditer(text)}
    for section in _ARGUMENTS.finditer(text):
        lines = [line for line in section[1].splitlines() if line.strip()]
        margin = min(len(line) - len(line.lstrip()) for line in lines)
        found |= _entries([line[margin:] for line in lines], _ENTRY)
    for section in _UNDERLINED.finditer(text):
        found |= _entries([line for line in section[1].splitlines() if line.strip()], _UNDERLINED_ENTRY)
    return found


def _entries(lines: Sequence[str], entry: re.Pattern[str]) -> dict[str, str]:
    """What each entry says: behind its colon, or else in the line below it, which is indented."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if line[0].isspace():
            found |= {name: line.strip() for name in names if not found[name]}
        elif (match := entry.match(line)) is not None:
            names = [name.strip(" *") for name in match[1].split(",")]
            found |= dict.fromkeys(names, match[2].strip() if entry.groups > 1 else "")
        else:
            names = []
    return found


def describes_result(text: str) -> bool:
    """Whether a description says what comes back: a section `Returns:`, or a sentence with that word."""
    return _RESULT.search(text) is not None or _RESULT_IN_WORDS.search(text) is not None
