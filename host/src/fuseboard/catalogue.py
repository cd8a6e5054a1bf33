"""The catalogue: an immutable snapshot of all contributions that may be served, under their public names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from hashlib import sha256
from itertools import combinations
from typing import Any, Generic, TypeVar

from fuseboard.access import AccessPolicy, Rights, Rules
from fuseboard.contributions.prompt import Prompt
from fuseboard.contributions.resource import Resource
from fuseboard.contributions.tool import Tool
from fuseboard.contributions.wire import CHECKED_REVISIONS
from fuseboard.errors import AmbiguousName, UnknownName

PUBLIC_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
LONGEST_NAME = 64
LISTS = ("tools", "prompts", "resources", "templates")

Item = TypeVar("Item", Tool, Prompt, Resource)


@dataclass(frozen=True, slots=True)
class Entry(Generic[Item]):
    """One contribution under its public name (a resource's is its URI)."""

    public_name: str
    plugin: str
    item: Item


@dataclass(frozen=True, slots=True)
class Namespace:
    """Contributions that get their names together: all of a plugin, or what it proxies from one server.

    Attributes:
        plugin: who owns them.
        prefix: before every tool's and prompt's name.
        added: whether they came at run time: then they lose against a name that is served.
        tools, prompts, resources: the contributions.
    """

    plugin: str
    prefix: str
    added: bool
    tools: Sequence[Tool]
    prompts: Sequence[Prompt]
    resources: Sequence[Resource]


def public_name(prefix: str, name: str) -> str:
    """The public name; one that is too long is cut and gets a short hash that depends on nothing but itself."""
    whole = prefix + name
    if len(whole) <= LONGEST_NAME:
        return whole
    return f"{whole[: LONGEST_NAME - 9]}_{sha256(whole.encode()).hexdigest()[:8]}"


class Catalogue:
    """The snapshot. Build a new one for every change.

    Args:
        namespaces: what is up now.
        rules: the operator's, for everybody: what they do not permit is neither listed nor callable, on no surface.
        owners: names of plugins, whose URI schemes nobody else may use.

    Attributes:
        tools, prompts: by public name, in the order of plugins and registration.
        resources: by URI.
        templates: in order.
        clashes: one sentence for every name, URI or template that is not served.
        clashes_of: the same by plugin that claims it.
    """

    def __init__(
        self, namespaces: Iterable[Namespace] = (), rules: Rules | None = None, owners: Collection[str] = ()
    ) -> None:
        self.clashes: list[str] = []
        self.clashes_of: dict[str, list[str]] = {}
        self._rules: Rules = rules if rules is not None else AccessPolicy()
        self._rights: Rights | None = None
        self._seen: dict[Rights, Catalogue] = {}
        self._owners = frozenset(owners)
        spaces = sorted(namespaces, key=lambda space: (space.added, "" if space.added else space.plugin))
        self.tools = self._named(spaces, "tool", lambda space: space.tools)
        self.prompts = self._named(spaces, "prompt", lambda space: space.prompts)
        self.resources = self._exact(spaces)
        self.templates = self._templates(spaces)
        self._whole_tools = self.tools
        self._loose_tools = _loose_names(self.tools.values())
        self._loose_prompts = _loose_names(self.prompts.values())
        self._lists: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._bytes: dict[tuple[str, str], bytes] = {}

    def _named(
        self, spaces: Sequence[Namespace], kind: str, items: Callable[[Namespace], Sequence[Any]]
    ) -> dict[str, Entry[Any]]:
        served: dict[str, Entry[Any]] = {}
        refused: set[str] = set()
        for space in spaces:
            for item in items(space):
                entry = Entry(public_name(space.prefix, item.name), space.plugin, item)
                name = entry.public_name
                if PUBLIC_NAME.fullmatch(name) is None:
                    self._refuse(
                        f"{kind} {name[:80]!r} of {space.plugin} is no legal name and is not served", space.plugin
                    )
                elif name in refused or name in served:
                    self._clash(kind, served.get(name), entry, added=space.added)
                    if not space.added:
                        refused.add(name)
                else:
                    served[name] = entry
        return {name: entry for name, entry in served.items() if name not in refused and _permitted(self._rules, entry)}

    def _clash(self, kind: str, first: Entry[Any] | None, second: Entry[Any], *, added: bool) -> None:
        owner = first.plugin if first is not None else "another plugin"
        verdict = "the first stays" if added else "neither is served; set another prefix for one of them"
        plugins = {second.plugin} if first is None or added else {first.plugin, second.plugin}
        self._refuse(f"{kind} {second.public_name} is claimed by {owner} and {second.plugin}: {verdict}", *plugins)

    def _refuse(self, text: str, *plugins: str) -> None:
        self.clashes.append(text)
        for plugin in plugins:
            self.clashes_of.setdefault(plugin, []).append(text)

    def _exact(self, spaces: Sequence[Namespace]) -> dict[str, Entry[Resource]]:
        served: dict[str, Entry[Resource]] = {}
        refused: set[str] = set()
        for space, item in self._resources(spaces, templates=False):
            entry = Entry(item.uri, space.plugin, item)
            if item.uri in served or item.uri in refused:
                self._clash("resource", served.get(item.uri), entry, added=space.added)
                if not space.added:
                    refused.add(item.uri)
            else:
                served[item.uri] = entry
        return {uri: entry for uri, entry in served.items() if uri not in refused}

    def _templates(self, spaces: Sequence[Namespace]) -> tuple[Entry[Resource], ...]:
        entries = [
            (space, Entry(item.uri, space.plugin, item)) for space, item in self._resources(spaces, templates=True)
        ]
        refused: set[int] = set()
        for (first, (_, one)), (second, (space, two)) in combinations(enumerate(entries), 2):
            if one.item.overlaps(two.item):
                refused |= {second} if space.added else {first, second}
                self._clash("resource template", one, two, added=space.added)
        return tuple(entry for index, (_, entry) in enumerate(entries) if index not in refused)

    def _resources(self, spaces: Sequence[Namespace], *, templates: bool) -> Iterator[tuple[Namespace, Resource]]:
        for space in spaces:
            for item in space.resources:
                scheme = item.uri.partition(":")[0].lower()
                if (item.template is not None) is not templates:
                    continue
                if scheme != space.plugin and scheme in self._owners:
                    owner = f"{scheme}:// belongs to {scheme}"
                    self._refuse(f"resource {item.uri} of {space.plugin} is not served: {owner}", space.plugin)
                elif _permitted(self._rules, Entry(item.uri, space.plugin, item)):
                    yield space, item

    def tool(self, name: str) -> Entry[Tool]:
        """The tool with this public name, bare name or alias.

        Raises:
            UnknownName: no tool answers to it; AmbiguousName: more than one does.
        """
        return self.tools.get(name) or _loose(self.tools, self._loose_tools, "tool", name)

    def prompt(self, name: str) -> Entry[Prompt]:
        """The prompt with this public name, bare name or alias. Raises like `tool`."""
        return self.prompts.get(name) or _loose(self.prompts, self._loose_prompts, "prompt", name)

    def resource(self, uri: str) -> tuple[Entry[Resource], dict[str, Any]]:
        """The resource that answers to a URI, exact before template, with the template's variables.

        Raises:
            UnknownName: none does, or the operator denies this URI although the template is served.
        """
        if (exact := self.resources.get(uri)) is not None:
            return exact, {}
        for entry in self.templates:
            if (variables := entry.item.match(uri)) is not None and not self._denies(uri):
                return entry, variables
        raise UnknownName(f"no resource {uri[:200]!r}")

    def _denies(self, uri: str) -> bool:
        return any(rules.denies(uri) for rules in (self._rules, self._rights) if rules is not None)

    def seen_with(self, rights: Rights | None) -> Catalogue:
        """The part of this snapshot that a caller with these rights may see and call; made once for each rights."""
        if rights is None:
            return self
        if (known := self._seen.get(rights)) is not None:
            return known
        seen = copy(self)
        seen._rights, seen._seen, seen._lists, seen._bytes = rights, {}, {}, {}
        seen.tools, seen.prompts, seen.resources = (
            {name: entry for name, entry in entries.items() if _permitted(rights, entry)}
            for entries in (self.tools, self.prompts, self.resources)
        )
        seen.templates = tuple(entry for entry in self.templates if _permitted(rights, entry))
        seen._loose_tools, seen._loose_prompts = _loose_names(seen.tools.values()), _loose_names(seen.prompts.values())
        self._seen[rights] = seen
        return seen

    def may_call(self, name: str, *, reads_only: bool, destroys: bool) -> bool:
        """Whether a tool of this public name may be called; what is served is judged by its own hints.

        Args:
            name: the public name; one that is too long is cut as it would be if it were served.
            reads_only, destroys: the hints of a tool that is not served.
        """
        name = public_name("", name)
        rules = [rule for rule in (self._rules, self._rights) if rule is not None]
        if (entry := self._whole_tools.get(name)) is not None:
            return all(_permitted(rule, entry) for rule in rules)
        return all(rule.permits(name, reads_only=reads_only, destroys=destroys) for rule in rules)

    def listed(self, kind: str, revision: str) -> list[dict[str, Any]]:
        """The wire forms of "tools", "prompts", "resources" or "templates" for a protocol revision; computed once."""
        if (known := self._lists.get((kind, revision))) is not None:
            return known
        if kind == "tools" or kind == "prompts":
            entries: Iterable[Entry[Any]] = (self.tools if kind == "tools" else self.prompts).values()
            forms = [entry.item.form(entry.public_name, entry.plugin, revision) for entry in entries]
        else:
            entries = self.resources.values() if kind == "resources" else self.templates
            forms = [entry.item.form(entry.plugin, revision) for entry in entries]
        self._lists[kind, revision] = forms
        return forms

    def refused_lists(self) -> Iterator[tuple[str, str, Exception]]:
        """The lists that cannot be sent to clients of an era: kind, protocol revision and error.

        One item that an era's schema refuses would spoil the whole list for its clients.
        """
        for revision in CHECKED_REVISIONS:
            for kind in LISTS:
                try:
                    self.listed(kind, revision)
                except Exception as error:
                    yield kind, revision, error

    def listed_bytes(self, kind: str, revision: str) -> bytes:
        """The same as JSON, the items joined by commas without brackets; computed once."""
        if (known := self._bytes.get((kind, revision))) is not None:
            return known
        items = [json.dumps(form, separators=(",", ":")).encode() for form in self.listed(kind, revision)]
        self._bytes[kind, revision] = joined = b",".join(items)
        return joined


def _permitted(rules: Rules, entry: Entry[Any]) -> bool:
    return rules.permits(entry.public_name, reads_only=entry.item.reads_only, destroys=entry.item.destroys)


def _loose_names(entries: Iterable[Entry[Any]]) -> dict[str, list[str]]:
    loose: dict[str, list[str]] = {}
    for entry in entries:
        for name in {entry.item.name, *entry.item.aliases}:
            loose.setdefault(name, []).append(entry.public_name)
    return loose


def _loose(served: Mapping[str, Entry[Item]], loose: Mapping[str, list[str]], kind: str, name: str) -> Entry[Item]:
    candidates = loose.get(name, [])
    if len(candidates) == 1:
        return served[candidates[0]]
    if candidates:
        raise AmbiguousName(f"{kind} {name!r} is ambiguous: call {' or '.join(sorted(candidates))}")
    raise UnknownName(f"no {kind} {name[:80]!r}")
