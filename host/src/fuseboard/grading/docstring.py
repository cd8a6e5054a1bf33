"""What a description says of parameters and of the result, in the usual forms of docstrings."""

from __future__ import annotations

import re

_ARGUMENTS = re.compile(
    r"^(?:Args|Arguments|Parameters):?[ \t]*\n(?:-+[ \t]*\n)?((?:[ \t]+\S.*(?:\n|\Z)|[ \t]*\n)+)", re.MULTILINE
)
_ENTRY = re.compile(r"^(\*{0,2}\w+(?:, ?\w+)*)\s*(?:\([^)\n]*\))?\s*:[ \t]*(.*)$")
_FIELD = re.compile(r"^\s*:param\s+(?:[^:\n]*\s)?(\w+):[ \t]*(\S.*)$", re.MULTILINE)
_RESULT = re.compile(r"^\s*(?:Returns?|Yields?):?[ \t]*(?:\n|\S)|^\s*:returns?:", re.MULTILINE)
_RESULT_IN_WORDS = re.compile(r"\b(?:returns?|answers? with|gives? back)\b", re.IGNORECASE)


def parameters_in(text: str) -> dict[str, str]:
    """What a docstring says of each parameter: sections `Args:` and fields `:param name:`."""
    found = {match[1]: match[2].strip() for match in _FIELD.finditer(text)}
    for section in _ARGUMENTS.finditer(text):
        lines = [line for line in section[1].splitlines() if line.strip()]
        margin = min(len(line) - len(line.lstrip()) for line in lines)
        for line in lines:
            entry = _ENTRY.match(line[margin:])
            if entry is not None:
                found |= {name.strip(): entry[2].strip() for name in entry[1].lstrip("*").split(",")}
    return found


def describes_result(text: str) -> bool:
    """Whether a description says what comes back: a section `Returns:`, or a sentence with that word."""
    return _RESULT.search(text) is not None or _RESULT_IN_WORDS.search(text) is not None
