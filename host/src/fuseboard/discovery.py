"""Find the plugins that are installed and read what their metadata says, before anything of them is imported."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, Literal

import importlib_metadata
from importlib_metadata import EntryPoint

from fuseboard.naming import HOUSE
from fuseboard.settings import HostSettings
from fuseboard.strict_json import one_line

GROUP = "fuseboard.plugins"
NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
CHECKED_REQUIREMENTS = ("fuseboard", "mcp")

logger = logging.getLogger(__name__)

Verdict = tuple[Literal["blocked", "incompatible", "conflicted"], str]


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that is installed.

    Attributes:
        name: the entry point's name; the distribution's where its entry points cannot be read.
        value: what to import, `module` or `module:object`.
        distribution: the distribution that brings it.
        version: of the distribution, "" if it cannot be read.
        summary: the distribution's one line about itself.
        requires: what the distribution says that it requires.
        verdict: None for a candidate; else the state it is in without being imported, and the reason.
    """

    name: str
    value: str
    distribution: str
    version: str = ""
    summary: str = ""
    requires: Sequence[str] = ()
    verdict: Verdict | None = None

    @property
    def entry_point(self) -> EntryPoint:
        """The entry point, to be loaded on the plugin's circuit."""
        return EntryPoint(self.name, self.value, GROUP)


def discover(settings: HostSettings) -> list[Found]:
    """Every installed plugin, sorted by name and distribution. Imports none of them and never raises."""
    found = [plugin for distribution in _distributions() for plugin in _plugins_of(distribution)]
    judged = [replace(plugin, verdict=_verdict(plugin, settings, found)) for plugin in found]
    return sorted(judged, key=lambda plugin: (plugin.name, plugin.distribution, plugin.value))


def not_installed(settings: HostSettings, found: Sequence[Found]) -> list[str]:
    """A sentence for each name in the settings that no installed plugin has: reported, never fatal."""
    installed = sorted({plugin.name for plugin in found})
    named = {
        "load_plugins": settings.load_plugins or [],
        "block_plugins": settings.block_plugins,
        "fuses": settings.fuses,
        "plugins": settings.plugins,
    }
    return [
        f"{setting} names {name[:80]}, which is not installed{_advice(name, installed)}"
        for setting, names in named.items()
        for name in names
        if name not in installed
    ]


def _advice(name: str, installed: Sequence[str]) -> str:
    near = get_close_matches(name, installed, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; installed are: {', '.join(installed)}" if installed else "; no plugin is"


def _distributions() -> Iterator[Any]:
    """Each distribution once: of two with one name, the first on `sys.path` is the one that Python imports."""
    seen = set()
    for distribution in importlib_metadata.distributions():
        name = _file_name(distribution).partition("-")[0].lower().replace(".", "_")
        if not name or name not in seen:
            seen.add(name)
            yield distribution


def _file_name(distribution: Any) -> str:
    """`name-version` of its folder. Reading each distribution's METADATA for its name would take a long time."""
    return PurePath(str(getattr(distribution, "_path", ""))).stem


def _plugins_of(distribution: Any) -> Iterator[Found]:
    try:
        text = distribution.read_text("entry_points.txt") or ""
        # The exact group is sought only where it can be: nearly every distribution is passed over here.
        if GROUP not in text:
            return
        points = [point for point in distribution.entry_points if point.group == GROUP]
    except Exception as error:
        yield _unreadable(distribution, f"its entry_points.txt cannot be read ({type(error).__name__})")
        return
    for point in points:
        yield _described(point, distribution)


def _unreadable(distribution: Any, what: str) -> Found:
    name, _, version = (_file_name(distribution) or "unknown").partition("-")
    return Found(name, "", name, version, verdict=("incompatible", f"{what}: install {name} again"))


def _described(point: EntryPoint, distribution: Any) -> Found:
    try:
        metadata = distribution.metadata
        name, version = str(metadata["Name"]), str(metadata["Version"])
        summary = str(metadata.get("Summary") or "")
        requires = tuple(str(line) for line in distribution.requires or ())
    except Exception as error:
        logger.debug("metadata of %s: %s", distribution, error)
        row = _unreadable(distribution, "its METADATA is missing or cannot be read")
        return replace(row, name=one_line(point.name), value=point.value)
    return Found(one_line(point.name), point.value, one_line(name), one_line(version), one_line(summary), requires)


def _verdict(plugin: Found, settings: HostSettings, found: Sequence[Found]) -> Verdict | None:
    if (reason := _blocked(plugin.name, settings)) is not None:
        return "blocked", reason
    if plugin.verdict is not None:
        return plugin.verdict
    if (reason := _illegal(plugin.name) or _unmet(plugin.requires)) is not None:
        return "incompatible", reason
    others = [other for other in found if other.name == plugin.name and other.value and other is not plugin]
    if others:
        brought = " and ".join(f"{other.distribution} {other.version}".strip() for other in others)
        return "conflicted", f"{brought} brings a plugin of this name too; uninstall one of them"
    return None


def _blocked(name: str, settings: HostSettings) -> str | None:
    if name in settings.block_plugins:
        return "block_plugins names it"
    if settings.load_plugins is not None and name not in settings.load_plugins:
        return "load_plugins does not name it"
    return None if settings.fuse(name).enabled else f"fuses.{name}.enabled is false"


def _illegal(name: str) -> str | None:
    if name == HOUSE:
        return "the name fuseboard is the host's own; give the entry point another name"
    if NAME.fullmatch(name) is None or "__" in name:
        return f"the name {name!r} must be lower-case letters, digits and single _, from a letter on, at most 31"
    return None


def _unmet(requires: Sequence[str]) -> str | None:
    """What the distribution needs of the host or the SDK and does not get, in the words of both."""
    for text in requires:
        if re.split(r"[^A-Za-z0-9._-]", text.strip(), maxsplit=1)[0].lower() not in CHECKED_REQUIREMENTS:
            continue
        if (reason := _unmet_one(text)) is not None:
            return reason
    return None


def _unmet_one(text: str) -> str | None:
    # Imported here: it takes 30 ms, and is needed only where a plugin names the host or the SDK.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        needed = Requirement(text)
        applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
    except (InvalidRequirement, ValueError) as error:
        return f"its requirement {one_line(text)!r} cannot be read ({type(error).__name__})"
    try:
        installed = importlib_metadata.version(needed.name)
    except Exception:
        return None  # run from a source tree that is not installed: nothing to compare with
    if not applies or needed.specifier.contains(installed, prereleases=True):
        return None
    return f"it needs {needed.name}{needed.specifier}, installed is {needed.name} {installed}"
