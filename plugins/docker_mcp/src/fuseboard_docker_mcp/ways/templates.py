"""The templates of catalogue entries: `{{server.key|filter}}` over the configuration, `$NAME` over the environment.

Everything here is pure. A template comes from a catalogue and its values from a user, so nothing is trusted: whatever
the text, the answer is a text (or a list of them) in time that grows with its length, or `WrongConfiguration`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fuseboard_docker_mcp.errors import WrongConfiguration
from fuseboard_docker_mcp.text import clean

OPEN, CLOSE = "{{", "}}"
LONGEST = 100_000
"""Bytes of one finished text: Linux takes 131072 for one argument or variable, its name and the zero included."""

_VARIABLE = re.compile(r"\$(?:\{([^{}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_BRACED = re.compile(r"\$\{([^{}]*)\}")
_DRIVE = re.compile(r"([A-Za-z]):[\\/]")


def is_template(text: str) -> bool:
    """Whether a text holds a term in double braces."""
    return OPEN in text and CLOSE in text[text.find(OPEN) :]


def value(template: str, config: Mapping[str, Any]) -> Any:
    """Evaluate a template: the value itself where one term is all of it, else the text of all terms in a row.

    Args:
        template: text with `{{key}}`, `{{a.b}}` and `{{key|filter|filter}}`; a key that is unknown is empty.
        config: nested values; for an entry of a catalogue `{server: {key: value}}`.

    Raises:
        WrongConfiguration: a value is nested too deep, or the text too long, to be written.
    """
    parts = terms(template)
    try:
        if len(parts) == 1:
            return _term(parts[0], config)
        pieces, size = [], 0
        for part in parts:
            pieces.append(written(_term(part, config)))
            size += len(pieces[-1])
            if size > LONGEST:
                # A page of terms times a long value must not fill the memory first.
                break
    except (RecursionError, ValueError):
        raise WrongConfiguration(f"what {clean(template, 80)!r} stands for cannot be written as text") from None
    return passable("".join(pieces), template)


def text(template: str, config: Mapping[str, Any]) -> str:
    """Evaluate a template to one text.

    Raises:
        WrongConfiguration: the text does not fit into an argument or a variable of a process.
    """
    return _safely(value(template, config), template)


def items(templates: Iterable[str], config: Mapping[str, Any]) -> list[str]:
    """Evaluate templates to a list of texts; a value that is a list becomes several of them.

    Raises:
        WrongConfiguration: one does not fit into an argument or a variable of a process.
    """
    found: list[str] = []
    for template in templates:
        result = value(template, config)
        several = result if isinstance(result, list) else [result]
        found += [_safely(item, template) for item in several]
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}`; a name that is not in `variables` is empty."""
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2] or "", ""), text)


def names_in(text: str) -> set[str]:
    """The names that `expand` would look up in a text."""
    return {found[1] or found[2] or "" for found in _VARIABLE.finditer(text)}


def expand_braced(text: str, variables: Mapping[str, str]) -> str:
    """Replace `${NAME}` alone, as in headers, where a bare dollar is a dollar.

    Raises:
        KeyError: with the name that is not in `variables`.
    """
    return _BRACED.sub(lambda found: variables[found[1]], text)


def passable(text: str, where: str) -> str:
    """Return `text` when a process can be given it as an argument or a variable.

    Args:
        where: what it was made of, for the error; never its value, which may be a secret.

    Raises:
        WrongConfiguration: it holds a NUL or half of a surrogate pair, or is longer than `LONGEST` bytes.
    """
    try:
        trouble = f"has more than {LONGEST} bytes" if len(text.encode()) > LONGEST else ""
    except UnicodeEncodeError:
        trouble = "is no valid Unicode text"
    if "\0" in text:
        trouble = "holds a NUL character"
    if trouble:
        raise WrongConfiguration(f"what {clean(where, 80)!r} stands for {trouble}; no process can be given that")
    return text


def written(value: Any) -> str:
    """A value as the gateway writes it into a text: `true`, `3`, `[a b]`, nothing for null; objects as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, list):
        return f"[{' '.join(map(written, value))}]"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _safely(value: Any, template: str) -> str:
    try:
        return passable(written(value), template)
    except (RecursionError, ValueError):
        raise WrongConfiguration(f"what {clean(template, 80)!r} stands for cannot be written as text") from None


def terms(template: str) -> list[str]:
    """Cut a template into terms in double braces and the texts between them."""
    found, at = [], 0
    while (start := template.find(OPEN, at)) >= 0 and (end := template.find(CLOSE, start + 2)) >= 0:
        if start > at:
            found.append(template[at:start])
        found.append(template[start : end + 2])
        at = end + 2
    if at < len(template) or not found:
        found.append(template[at:])
    return found


def _term(term: str, config: Mapping[str, Any]) -> Any:
    if not (term.startswith(OPEN) and term.endswith(CLOSE) and len(term) >= 4):
        return term
    path, *filters = term[2:-2].split("|")
    found = _dig(path, config)
    for name in filters:
        found = _filtered(found, name.strip())
    return found


def _dig(path: str, config: Mapping[str, Any]) -> Any:
    """Look a dotted key up; a key that holds dots itself, as names of servers may, is found as well."""
    rest: str | None = ".".join(part.strip() for part in path.split("."))
    found: Any = config
    while rest is not None:
        if not isinstance(found, Mapping):
            return ""
        fits = [key for key in found if isinstance(key, str) and (rest == key or rest.startswith(f"{key}."))]
        if not fits:
            return ""
        longest = max(fits, key=len)
        found = found[longest]
        rest = None if rest == longest else rest[len(longest) + 1 :]
    return "" if found is None else found


def _filtered(value: Any, name: str) -> Any:
    name, _, argument = name.partition(":")
    if name in _FILTERS:
        return _FILTERS[name](value)
    if name == "or":
        return _default(argument.strip()) if value in ("", [], None) else value
    if name == "mount_as":
        source = written(_first(value))
        return f"{source}:{argument.strip()}" if source else ""
    return value


def _default(argument: str) -> Any:
    if not (argument.startswith("[") and argument.endswith("]")):
        return argument
    return [item.strip() for item in argument[1:-1].split(",") if item.strip()]


def _each(change: Callable[[str], str]) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [change(written(item)) for item in value]
        return change(written(value))

    return changed


def _target(path: str) -> str:
    """Where a path of this machine is mounted in a container: at itself, `C:\\a` at `/C/a`."""
    drive = _DRIVE.match(path)
    return "/" + (drive[1] + path[2:]).replace("\\", "/") if drive else path


def _volume(path: str) -> str:
    return f"{path}:{_target(path)}" if path else ""


def _into(value: Any) -> list[str]:
    if isinstance(value, list):
        return [written(item) for item in value]
    return [written(value)] if written(value) else []


def _first(value: Any) -> Any:
    return (value[0] if value else "") if isinstance(value, list) else value


def _last(value: Any) -> Any:
    return (value[-1] if value else "") if isinstance(value, list) else value


_FILTERS: Mapping[str, Callable[[Any], Any]] = {
    "volume": _each(_volume),
    "volume-target": _each(_target),
    "into": _into,
    "first": _first,
    "last": _last,
}
