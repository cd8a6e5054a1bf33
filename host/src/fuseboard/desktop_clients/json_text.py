"""Change one member of a JSON text and leave every other character, comments and indentation too, as it is.

No library for it is both kept up and quick enough for files of megabytes. The trick that keeps it small: comments and
trailing commas are overwritten with blanks of the same length, so the standard library's parser does all the parsing
and its offsets hold in the original.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fuseboard.errors import FuseboardError

BLANK = " \t\r\n"
STRING = r'"(?:[^"\\\r\n]|\\.)*"?'
STRING_OR_COMMENT = re.compile(rf"{STRING}|//[^\r\n]*|/\*.*?\*/", re.DOTALL)
STRING_OR_LAST_COMMA = re.compile(rf"{STRING}|,(?=[{BLANK}]*[}}\]])", re.DOTALL)
STRING_OR_CONSTANT = re.compile(rf"{STRING}|-?Infinity|NaN", re.DOTALL)
INDENTED = re.compile(r'\n([ \t]+)"')
PLAIN_INDENT = "  "
LAST_COMMA = "this comma is one too many"


class BrokenText(FuseboardError):
    """It is no JSON, or not of the expected shape.

    Args:
        what: is wrong.
        text: the whole text.
        offset: of the place in it.
    """

    def __init__(self, what: str, text: str, offset: int) -> None:
        self.line = text.count("\n", 0, offset) + 1
        self.column = offset - text.rfind("\n", 0, offset)
        super().__init__(f"line {self.line}, column {self.column}: {what}")


@dataclass(frozen=True, slots=True)
class _Member:
    """Where a member of an object stands: its key and value, as offsets."""

    key: str
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Source:
    """A text in three forms of the same length.

    Attributes:
        text: as it is.
        bare: without comments.
        plain: without comments and trailing commas: strict JSON.
    """

    text: str
    bare: str
    plain: str


def parse(text: str, *, comments: bool) -> Any:
    """The value of a text; an empty one is an empty object.

    Args:
        text: JSON.
        comments: whether comments and trailing commas are allowed.

    Raises:
        BrokenText: it is no JSON.
    """
    value, _ = _parsed(_completed(text, comments), comments)
    return value


def put(text: str, path: Sequence[str], value: Any, *, comments: bool) -> str:
    """The text with a member set; what is missing on the way to it is added. An empty text is an empty object.

    Raises:
        BrokenText: it is no JSON, or something on the way is no object.
    """
    text = _completed(text, comments)
    _, source = _parsed(text, comments)
    at = _skip(source.plain, 0)
    for depth, key in enumerate(path):
        members, end = _members(source, at, path[:depth])
        found = [member for member in members if member.key == key]
        if not found:
            for missing in reversed(path[depth + 1 :]):
                value = {missing: value}
            return _inserted(source, at, members, end, key, value)
        at = found[-1].value
    end = found[-1].end
    written = _written(value, source, _indent_of(text, at), pretty="\n" in text[at:end] or not _is_flat(source))
    return f"{text[:at]}{written}{text[end:]}"


def drop(text: str, path: Sequence[str], *, comments: bool, keep_last: bool = False) -> str:
    """The text without a member, however often it is there.

    Args:
        text: JSON.
        path: of the member.
        comments: whether comments and trailing commas are allowed.
        keep_last: remove only what the last one of the same name overrules.

    Raises:
        BrokenText: it is no JSON, or something on the way is no object.
    """
    while True:
        _, source = _parsed(text, comments)
        at = _skip(source.plain, 0)
        for depth, key in enumerate(path):
            opened, (members, end) = at, _members(source, at, path[:depth])
            found = [index for index, member in enumerate(members) if member.key == key]
            if not found:
                return text
            at = members[found[-1]].value
        if keep_last and len(found) == 1:
            return text
        text = _removed(source, members, found[0], (opened, end))


def duplicates(text: str, section: str, *, comments: bool) -> list[str]:
    """The section, and members of it, that stand more than once where only the last one counts; dotted paths.

    Raises:
        BrokenText: it is no JSON.
    """
    _, source = _parsed(_completed(text, comments), comments)
    at = _skip(source.plain, 0)
    members, _ = _members(source, at, ())
    found = [member for member in members if member.key == section]
    twice = [section] if len(found) > 1 else []
    for member in found:
        if source.plain[member.value] == "{":
            keys = [inner.key for inner in _members(source, member.value, (section,))[0]]
            twice += [f"{section}.{key}" for key in dict.fromkeys(keys) if keys.count(key) > 1]
    return twice


def _completed(text: str, comments: bool) -> str:
    """A text of nothing, or of comments alone, with an empty object after it."""
    if (_without_comments(text) if comments else text).strip(BLANK):
        return text
    return f"{text.rstrip(BLANK)}{_newline(text) if text.strip(BLANK) else ''}{{}}{_newline(text)}"


def _parsed(text: str, comments: bool) -> tuple[Any, _Source]:
    bare = _without_comments(text) if comments else text
    plain = _without_last_commas(bare) if comments else text

    def refuse(constant: str) -> Any:
        # Only Python reads them; the client would read nothing of the whole file.
        found = next(match for match in STRING_OR_CONSTANT.finditer(plain) if match[0] == constant)
        raise BrokenText(f"{constant} is no number in JSON", text, found.start())

    try:
        return json.loads(plain, parse_constant=refuse), _Source(text, bare, plain)
    except json.JSONDecodeError as error:
        raise BrokenText(*_worded(error, text)) from None
    except (RecursionError, ValueError) as error:
        # Nested a thousand deep, or a number of thousands of digits: nobody's settings.
        raise BrokenText(f"it cannot be read ({type(error).__name__})", text, 0) from None


def _worded(error: json.JSONDecodeError, text: str) -> tuple[str, str, int]:
    """What is wrong, in which text, where."""
    if text.startswith(("//", "/*"), error.pos):
        return "a comment, which this client does not read", text, error.pos
    before = text[: error.pos].rstrip(BLANK)
    if before.endswith(",") and text[error.pos : error.pos + 1] in ("}", "]"):
        return LAST_COMMA, text, len(before) - 1
    # Python 3.13 finds it by itself, in words of its own.
    if error.msg.startswith("Illegal trailing comma"):
        return LAST_COMMA, text, error.pos
    return error.msg[:1].lower() + error.msg[1:], text, error.pos


def _without_comments(text: str) -> str:
    def blanked(match: re.Match[str]) -> str:
        found = match[0]
        return found if found.startswith('"') else re.sub(r"[^\r\n]", " ", found)

    return STRING_OR_COMMENT.sub(blanked, text)


def _without_last_commas(bare: str) -> str:
    def blanked(match: re.Match[str]) -> str:
        before = match.start() - 1
        while before >= 0 and bare[before] in BLANK:
            before -= 1
        # A comma that follows nothing stays, to be an error: only one after a value is harmless.
        return " " if match[0] == "," and before >= 0 and bare[before] not in "{[,:" else match[0]

    return STRING_OR_LAST_COMMA.sub(blanked, bare)


def _skip(plain: str, at: int) -> int:
    while at < len(plain) and plain[at] in BLANK:
        at += 1
    return at


def _members(source: _Source, at: int, path: Sequence[str]) -> tuple[list[_Member], int]:
    """The members of the object at this offset, and the offset of its closing brace."""
    plain, decoder = source.plain, json.JSONDecoder()
    if plain[at] != "{":
        raise BrokenText(f"{'.'.join(path) or 'it'} must be an object in braces", source.text, at)
    members: list[_Member] = []
    at = _skip(plain, at + 1)
    while plain[at] != "}":
        key, after = decoder.raw_decode(plain, at)
        value = _skip(plain, _skip(plain, after) + 1)
        _, end = decoder.raw_decode(plain, value)
        members.append(_Member(key, at, value, end))
        at = _skip(plain, end)
        if plain[at] == ",":
            at = _skip(plain, at + 1)
    return members, at


def _inserted(source: _Source, start: int, members: Sequence[_Member], close: int, key: str, value: Any) -> str:
    """The text with a new last member of the object from `start` to the brace at `close`."""
    text, newline = source.text, _newline(source.text)
    last = start + 1 + len(text[start + 1 : close].rstrip(BLANK))
    outer, after = _indent_of(text, start), ""
    if "\n" in text[start:close] or not (members or _is_flat(source)):
        own_line = members and not text[text.rfind("\n", 0, members[-1].start) + 1 : members[-1].start].strip(BLANK)
        inner = _indent_of(text, members[-1].start) if own_line else outer + _unit(source)
        piece = f"{newline}{inner}{json.dumps(key, ensure_ascii=False)}: {_written(value, source, inner, pretty=True)}"
        after = "" if "\n" in text[last:close] else newline + outer
    else:
        colon, gap = (":", "") if _is_tight(source) else (": ", " " if members else "")
        piece = f"{gap}{json.dumps(key, ensure_ascii=False)}{colon}{_written(value, source, outer, pretty=False)}"
    if not members:
        return f"{text[:last]}{piece}{after}{text[last:]}"
    end = members[-1].end
    if "," in source.bare[end:close]:
        # A comma after the last member is a habit of this text, and without one more the next line would differ.
        return f"{text[:last]}{piece},{after}{text[last:]}"
    return f"{text[:end]},{text[end:last]}{piece}{after}{text[last:]}"


def _removed(source: _Source, members: Sequence[_Member], index: int, braces: tuple[int, int]) -> str:
    """The text without one member of the object whose braces are there."""
    text, bare, member = source.text, source.bare, members[index]
    start, end = member.start, _skip(bare, member.end)
    followed = bare[end] == ","
    end = end + 1 if followed else member.end
    line, rest = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    if not text[line:start].strip(BLANK) and rest >= 0 and not text[end:rest].strip(BLANK):
        start, end = line, rest + 1
    elif followed:
        end += len(text[end:]) - len(text[end:].lstrip(" "))
    if not followed and index > 0:
        comma = bare.index(",", members[index - 1].end)
        start = start if text[comma + 1 : start].strip(" ") else comma
        text = text[:start] + text[end:]
        return text if start == comma else text[:comma] + text[comma + 1 :]
    opened, closed = braces
    if len(members) == 1 and not (text[opened + 1 : start] + text[end:closed]).strip(BLANK):
        start, end = opened + 1, closed
    return text[:start] + text[end:]


def _written(value: Any, source: _Source, indent: str, *, pretty: bool) -> str:
    if not pretty:
        separators = (",", ":") if _is_tight(source) else (", ", ": ")
        return json.dumps(value, ensure_ascii=False, separators=separators)
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(source)).split("\n")
    return f"{_newline(source.text)}{indent}".join(lines)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _unit(source: _Source) -> str:
    """One step of the text's indentation."""
    found = INDENTED.search(source.plain)
    return "\t" if found and found[1].startswith("\t") else found[1] if found else PLAIN_INDENT


def _indent_of(text: str, offset: int) -> str:
    line = text[text.rfind("\n", 0, offset) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _is_flat(source: _Source) -> bool:
    """Whether all stands in one line, and more than `{}`."""
    return "\n" not in source.text.strip(BLANK) and source.plain.strip(BLANK) != "{}"


def _is_tight(source: _Source) -> bool:
    """Whether no blank follows the colons."""
    return re.search(r'":[ \t]', source.plain) is None
