"""YAML as the toolkit understands it, and one entry of a document replaced without touching the rest of its text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import yaml

from fuseboard_docker_mcp.toolkit.tame import Untame, tame

DEEPEST_DOCUMENT = 200
"""Brackets that are open at once; the time for a document grows with the square of them."""
LONGEST_DOCUMENT = 256 * 1024
"""Characters. Reading YAML is slow: this many take about a second."""
_BRACKET = re.compile(r"[][{}]")
_INTEGER = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"


class _Loader(yaml.SafeLoader):
    """Plain scalars as the toolkit reads them."""


def _integer(loader: Any, node: yaml.ScalarNode) -> int:
    text: str = loader.construct_scalar(node)
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


def _float(loader: Any, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node))


def core_schema(loader: Any) -> None:
    """Give a subclass of a safe loader the core schema of YAML 1.2: `on`, `yes` and dates stay text."""
    # Without those of the base class, which follow YAML 1.1.
    loader.yaml_implicit_resolvers = {}
    for tag, pattern, begins in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("int", _INTEGER, "-+0123456789"),
        ("float", _FLOAT, "-+.0123456789"),
        ("merge", r"<<", "<"),
    ):
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), begins)
    loader.add_constructor("tag:yaml.org,2002:int", _integer)
    loader.add_constructor("tag:yaml.org,2002:float", _float)


core_schema(_Loader)


def load(text: str) -> Any:
    """The value of a YAML document, which may be JSON. None where it is empty.

    Raises:
        ValueError: it is not YAML, longer than `LONGEST_DOCUMENT` or too deep, grows without bound through its
            aliases, or holds what JSON has no form for. The text says which.
    """
    _check_size(text)
    try:
        # A subclass of the safe loader: it makes nothing but plain values.
        return tame(yaml.load(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise ValueError(f"is no YAML: {_reason(error)}") from None
    except Untame:
        raise
    except (RecursionError, ValueError, TypeError, AttributeError, OverflowError):
        raise ValueError("is no YAML that can be read") from None


def with_entry(text: str, name: str, values: Mapping[str, Any]) -> str:
    """A document whose top level is a mapping, with one entry of it replaced or added; all else stays as it is written.

    Args:
        text: the document; it may be empty.
        name: the key, a plain word.
        values: the new value; an empty one is written as `{}`.

    Raises:
        ValueError: the document is not such a mapping, or cannot be changed safely.
    """
    before = load(text)
    if before is not None and not isinstance(before, dict):
        raise ValueError("is no mapping of servers")
    wanted = {**(before or {}), name: dict(values)}
    entry = f"{_quoted(name)}: {_quoted(dict(values))}"
    after = _replaced(text, name, entry) if before else f"{entry}\n"
    try:
        kept = _same(load(after), wanted)
    except ValueError:
        kept = False
    if not kept:
        # An entry that another one refers to, for example.
        raise ValueError("cannot be changed without touching the entries of other servers")
    return after


def _replaced(text: str, name: str, entry: str) -> str:
    root = yaml.compose(text, Loader=_Loader)
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("is no mapping of servers")
    for key, value in root.value:
        if isinstance(key, yaml.ScalarNode) and key.value == name:
            start, end = key.start_mark.index, value.end_mark.index
            # The end of a block lies before the next entry: it takes the end of its line along.
            tail = "\n" if text[start:end].endswith("\n") else ""
            return f"{text[:start]}{entry}{tail}{text[end:]}"
    if root.flow_style:
        start = root.start_mark.index + 1
        return f"{text[:start]}{entry}, {text[start:]}"
    start = root.start_mark.index
    return f"{text[:start]}{entry}\n{' ' * root.start_mark.column}{text[start:]}"


def _quoted(value: Any) -> str:
    """A value in the form that JSON and YAML share: every text in quotes, all on one line."""
    shown = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return "".join(character if character.isprintable() else _escaped(character) for character in shown)


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def _same(left: Any, right: Any) -> bool:
    """Equality that tells 1 from true and from 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def _check_size(text: str) -> None:
    if len(text) > LONGEST_DOCUMENT:
        raise ValueError(f"has more than {LONGEST_DOCUMENT} characters")
    # Brackets inside of texts count as well, but texts rarely leave hundreds of them open.
    steps = (1 if bracket in "[{" else -1 for bracket in _BRACKET.findall(text))
    if max(accumulate(steps), default=0) > DEEPEST_DOCUMENT:
        raise ValueError(f"opens more than {DEEPEST_DOCUMENT} brackets at once")


def _reason(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return "it cannot be read"
