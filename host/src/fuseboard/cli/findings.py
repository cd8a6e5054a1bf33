"""What `fuseboard check` finds in a host whose plugins have been loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from fuseboard.cli.console import clean
from fuseboard.cli.root import COMMANDS
from fuseboard.cli.session import why
from fuseboard.discovery import not_installed
from fuseboard.ledger import SLOW_IMPORT
from fuseboard.settings import HostSettings, LoadedSettings
from fuseboard.settings.auth import is_loopback, unsafe_binding
from fuseboard.settings.sources import ENV_PREFIX, setting_of

if TYPE_CHECKING:
    from fuseboard.health import CheckResult
    from fuseboard.host import Host
    from fuseboard.ledger import Row


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong (`error`) or doubtful (`warning`), of a plugin or of the whole (None)."""

    level: Literal["error", "warning"]
    plugin: str | None
    text: str


def findings_of(host: Host, health: Mapping[str, Sequence[CheckResult]]) -> list[Finding]:
    """All findings, errors first. A plugin that the operator blocked is none."""
    found = [
        *_of_settings(host),
        *(finding for row in host.ledger.rows() for finding in _of_plugin(row, host.settings)),
        *(finding for results in health.values() for finding in _of_health(results)),
        *(Finding("error", None, clash) for clash in host.catalogue.clashes),
        *_of_wire_forms(host),
    ]
    return sorted(found, key=lambda finding: finding.level)


def _of_settings(host: Host) -> Iterator[Finding]:
    installed = {found.name for found in host.discovered}
    for text in not_installed(host.settings, host.discovered):
        yield Finding("warning", None, text)
    for name, fuse in host.settings.fuses.items():
        if fuse.required and name not in installed:
            yield Finding("error", name, "it is required and not installed")
        if fuse.loop == "shared" and name in installed:
            yield Finding(
                "warning", name, "it runs on the host's own loop (loop: shared): if it blocks, all stand still"
            )
    yield from _of_unknown_variables(host.loaded, installed)
    yield from _of_access(host.settings)


def _of_unknown_variables(loaded: LoadedSettings, installed: set[str]) -> Iterator[Finding]:
    known = [f"{ENV_PREFIX}CONFIG", *(f"{ENV_PREFIX}{name.upper()}" for name in HostSettings.model_fields)]
    plugins = tuple(f"{ENV_PREFIX}{name.upper()}_" for name in installed)
    for name, variable in {**loaded.dotenv, **loaded.environment}.items():
        upper = name.upper()
        ours = upper in known or setting_of(name, HostSettings.model_fields) is not None
        if upper.startswith(ENV_PREFIX) and not ours and not upper.startswith(plugins):
            near = get_close_matches(upper, known, n=1)
            advice = f"; did you mean {near[0]}?" if near else ""
            yield Finding("warning", None, f"{clean(variable.source)} sets nothing of the host or a plugin{advice}")


def _of_access(settings: HostSettings) -> Iterator[Finding]:
    http, auth, access = settings.http, settings.auth, settings.access
    if (reason := unsafe_binding(http.host, auth, allowed=http.allow_unauthenticated)) is not None:
        yield Finding("error", None, " ".join(reason.split()))
    elif not is_loopback(http.host) and not auth.enabled:
        text = f"http.host is {http.host}: everybody who reaches this machine may call every tool without a password"
        yield Finding("warning", None, text)
    if access.roles and not auth.enabled and not access.anonymous_roles:
        text = "access.roles is set and nobody can authenticate (auth): over HTTP nobody may see or call anything"
        yield Finding("warning", None, text)
    named = {*(access.local_roles or ()), *access.anonymous_roles}
    for role in sorted(named - access.roles.keys()):
        yield Finding("warning", None, f"the role {clean(role)} is given and access.roles does not know it")


def _of_plugin(row: Row, settings: HostSettings) -> Iterator[Finding]:
    if row.state not in ("active", "blocked"):
        yield Finding("error", row.name, why(row))
    if row.state == "blocked" and row.required:
        yield Finding("error", row.name, f"it is required and blocked: {row.reason}")
    if row.name in COMMANDS:
        yield Finding("warning", row.name, f"fuseboard {row.name} is a command of the host, so it can have none itself")
    if row.import_ms is not None and row.import_ms > SLOW_IMPORT:
        yield Finding("warning", row.name, f"its import takes {row.import_ms / 1000:.1f} s")
    if row.noisy:
        first = row.noise[0] if row.noise else ""
        text = f"it prints to standard output ({row.noisy} lines, such as {first[:80]!r}): use logging"
        yield Finding("warning", row.name, text)
    for kind in ("routes", "middleware"):
        if number := row.contributes.get(kind, 0):
            yield Finding("warning", row.name, f"it brings {number} {kind}, which run on the host's own loop")


def _of_health(results: Sequence[CheckResult]) -> Iterator[Finding]:
    for result in results:
        if not result.ok:
            level: Literal["error", "warning"] = "error" if result.critical else "warning"
            yield Finding(level, result.plugin, f"health check {result.name}: {result.message or 'it is ill'}")


def _of_wire_forms(host: Host) -> Iterator[Finding]:
    for kind, revision, error in host.catalogue.refused_lists():
        yield Finding("error", None, f"{kind} cannot be listed in revision {revision}: {type(error).__name__}")
    for entry in host.catalogue.tools.values():
        if not entry.item.description:
            text = f"tool {entry.public_name} has no description: a model cannot know when to call it"
            yield Finding("warning", entry.plugin, text)
