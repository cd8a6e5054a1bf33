"""Reading the YAML file: its values and the line of each, with double keys refused."""

from __future__ import annotations

from typing import Any

import yaml

from fuseboard.errors import SettingsError
from fuseboard.settings.sources import SettingPath, one_line

MERGE = "tag:yaml.org,2002:merge"
TEXT = "tag:yaml.org,2002:str"


def parse(text: str, name: str) -> tuple[dict[str, Any], dict[SettingPath, int]]:
    """Read a settings file.

    Args:
        text: the file's text.
        name: how messages call the file.

    Returns:
        The settings, sections without content left out, and the line (from 1) of each setting.

    Raises:
        SettingsError: it is no YAML, has one key twice, refers to itself, or is no mapping.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return {}, {}
        if not isinstance(node, yaml.MappingNode):
            raise SettingsError(f"{name}:1: must hold settings as `name: value`, not {_kind(node)}")
        survey = _Survey(name)
        survey.walk(node, ())
        content: dict[str, Any] = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise SettingsError(_worded(error, name)) from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{name}: cannot be read as YAML: {type(error).__name__}; quote unusual values") from None
    return _without_empty(content, depth=2), survey.lines


def _without_empty(section: dict[str, Any], depth: int) -> dict[str, Any]:
    """A section of which every line is commented out is no value for YAML, and sets nothing."""
    kept = {key: value for key, value in section.items() if value is not None}
    if depth == 1:
        return kept
    return {key: _without_empty(value, depth - 1) if isinstance(value, dict) else value for key, value in kept.items()}


class _Survey:
    """Notes the line of each setting, and refuses what YAML allows and nobody means."""

    def __init__(self, name: str) -> None:
        self.lines: dict[SettingPath, int] = {}
        self._name = name
        self._open: set[int] = set()
        self._done: set[int] = set()

    def walk(self, node: Any, above: SettingPath) -> None:
        """Look at a node and all below it; one that several aliases share is looked at once."""
        if id(node) in self._open:
            raise SettingsError(f"{self._name}:{_line(node)}: a section refers to itself by an alias; write it out")
        if id(node) in self._done or isinstance(node, yaml.ScalarNode):
            return
        self._open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.walk(item, (*above, "-"))
        else:
            self._mapping(node, above)
        self._open.discard(id(node))
        self._done.add(id(node))

    def _mapping(self, node: Any, above: SettingPath) -> None:
        first: dict[str, int] = {}
        for key, value in node.value:
            if key.tag != MERGE:
                self._key(key, above, first)
            self.walk(value, (*above, str(key.value)))

    def _key(self, key: Any, above: SettingPath, first: dict[str, int]) -> None:
        name = str(key.value)
        place = f"{self._name}:{_line(key)}: {one_line('.'.join((*above, name)))[:80]}"
        if key.tag != TEXT and above[:1] != ("plugins",):
            raise SettingsError(f"{place}: YAML does not read this name as a text; put it in quotes")
        if name in first:
            raise SettingsError(f"{place} is there twice (first in line {first[name]}); keep one")
        first[name] = _line(key)
        if "-" not in above:
            self.lines[(*above, name)] = _line(key)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: Any) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else "a single value"


def _worded(error: yaml.YAMLError, name: str) -> str:
    """PyYAML's own words without its excerpt of the file, which may hold a secret."""
    mark = getattr(error, "problem_mark", None)
    place = f"{name}:{mark.line + 1}" if mark is not None else name
    problem = getattr(error, "problem", None) or "it has a character that YAML does not allow"
    context = getattr(error, "context", None) or ""
    hint = "quote a value that starts with *" if "alias" in f"{context} {problem}" else "check indentation and quotes"
    return f"{place}: not valid YAML: {problem}; {hint}"
