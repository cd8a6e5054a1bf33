"""Why a client does not see fuseboard: its file, our entry in it, the program behind it, and its start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuseboard.desktop_clients.client_file import read
from fuseboard.desktop_clients.clients import Client, Machine
from fuseboard.desktop_clients.entry import runs_fuseboard
from fuseboard.desktop_clients.json_text import BrokenText, duplicates, parse
from fuseboard.desktop_clients.launch import launch_of
from fuseboard.desktop_clients.trial import Trial, try_start
from fuseboard.errors import FuseboardError

SLOW_START = 10.0
"""Seconds; some clients give up after so many."""

SECTIONS = ("mcpServers", "servers")
WELL = ("active", "blocked")


@dataclass(slots=True)
class Entry:
    """One entry that starts fuseboard.

    Attributes:
        file: where it stands.
        name: under which name.
        content: what it says.
        of_project: whether it came with a project, and so perhaps from a stranger.
        inputs: the ids of what its file says the client asks its user for.
        asked: references whose value only the client or its user knows; such an entry is not started.
        trial: what its start led to; None if it was not started.
    """

    file: Path
    name: str
    content: dict[str, Any]
    of_project: bool = False
    inputs: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    trial: Trial | None = None


@dataclass(slots=True)
class Diagnosis:
    """What was found out about one client.

    Attributes:
        client: the client.
        files: its files that are there.
        entries: those that start fuseboard.
        findings: a sentence for each thing that is wrong, with what to do.
        is_used: whether there is a sign that the client is used here.
    """

    client: Client
    files: list[Path] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    is_used: bool = False


def diagnose(
    client: Client, machine: Machine, seconds: float, file: Path | None = None, *, start_projects: bool = False
) -> Diagnosis:
    """Look at everything that keeps a client from seeing fuseboard, and start what it would start.

    Args:
        client: the client.
        machine: where its files lie.
        seconds: for the start of each entry.
        file: instead of the usual files.
        start_projects: start what the file of the project in the working directory names, too. It came with the
            project and may start anything; clients ask their user before they do.
    """
    found = Diagnosis(client)
    users = file if file is not None else client.file(machine)
    found.is_used = file is not None or users.exists() or _has_a_folder(users, machine)
    _look_at_file(found, users, machine)
    if file is None and client.project_file is not None:
        projects = client.file(machine, project=True)
        if projects != users:
            before = len(found.entries)
            _look_at_file(found, projects, machine)
            for entry in found.entries[before:]:
                entry.of_project = True
    for entry in found.entries:
        may_start = start_projects or not entry.of_project
        for text in _look_at_entry(entry, client, machine, seconds if may_start else None):
            found.findings.append(f"{entry.file}: {entry.name}: {text}")
    found.findings += _same_tools(found.entries)
    return found


def _has_a_folder(path: Path, machine: Machine) -> bool:
    """A client that was started once has made its folder; the user's own folder says nothing."""
    return path.parent != machine.home and path.parent.is_dir()


def _look_at_file(found: Diagnosis, path: Path, machine: Machine) -> None:
    client = found.client
    try:
        file = read(path)
        if file.raw is None:
            return
        found.files.append(path)
        content = parse(file.text, comments=client.comments)
    except BrokenText as error:
        found.findings.append(f"{path}: {error}; {client.title} reads none of its servers")
        return
    except FuseboardError as error:
        found.findings.append(str(error))
        return
    if file.marked and not client.comments:
        text = f"begins with a byte order mark, which {client.title} takes for broken; save it as UTF-8 without it"
        found.findings.append(f"{path}: {text}")
    if not isinstance(content, dict):
        found.findings.append(f"{path}: must be an object in braces; {client.title} reads none of its servers")
        return
    for path_of_member in duplicates(file.text, client.section, comments=client.comments):
        found.findings.append(f"{path}: {path_of_member} stands there twice, and only the last one counts; remove one")
    _look_for_entries(found, path, content)
    if client.name == "claude-code":
        _look_at_projects(found, path, content, machine)


def _look_for_entries(found: Diagnosis, path: Path, content: dict[str, Any]) -> None:
    client = found.client
    for section in SECTIONS:
        servers = content.get(section)
        if not isinstance(servers, dict):
            if section == client.section and section in content:
                found.findings.append(f"{path}: {section} must be an object in braces")
            continue
        ours = {name: entry for name, entry in servers.items() if runs_fuseboard(entry)}
        if section == client.section:
            found.entries += [Entry(path, name, entry, inputs=_inputs(content)) for name, entry in ours.items()]
            found.findings += [
                f"{path}: {name} does not start fuseboard; see the entry, or add ours: {client.install} --name NAME"
                for name in servers
                if name == "fuseboard" and name not in ours
            ]
        else:
            found.findings += [
                f"{path}: {name} stands in {section}, where {client.title} does not look; it reads {client.section}"
                for name in ours
            ]


def _inputs(content: dict[str, Any]) -> list[str]:
    described = content.get("inputs")
    return [str(each.get("id")) for each in described if isinstance(each, dict)] if isinstance(described, list) else []


def _look_at_projects(found: Diagnosis, path: Path, content: dict[str, Any], machine: Machine) -> None:
    """Claude Code keeps servers of one folder, and those that were switched off in it, in the user's file."""
    projects = content.get("projects")
    project = projects.get(str(machine.here)) if isinstance(projects, dict) else None
    if not isinstance(project, dict):
        return
    servers = project.get("mcpServers")
    if isinstance(servers, dict):
        found.entries += [Entry(path, name, entry) for name, entry in servers.items() if runs_fuseboard(entry)]
    for member in ("disabledMcpServers", "disabledMcpjsonServers"):
        switched_off = project.get(member)
        for name in switched_off if isinstance(switched_off, list) else ():
            if name == "fuseboard" or any(entry.name == name for entry in found.entries):
                found.findings.append(f"{path}: {name} is switched off for this folder ({member}); enable it with /mcp")


def _look_at_entry(entry: Entry, client: Client, machine: Machine, seconds: float | None) -> Iterator[str]:
    """What is wrong with an entry; it is started if there are seconds for it."""
    wrong = list(_shape(entry.content))
    yield from wrong
    if entry.content.get("disabled") is True:
        yield 'it is switched off ("disabled": true)'
    if wrong:
        return
    launch = launch_of(entry.content, client, machine, entry.inputs)
    yield from launch.troubles
    entry.asked = launch.asked
    if seconds is not None and launch.can_start and not launch.asked:
        entry.trial = try_start(launch.command, launch.variables, launch.folder, seconds)
        yield from _of_trial(entry.trial)


def _shape(entry: dict[str, Any]) -> Iterator[str]:
    args, variables = entry.get("args", []), entry.get("env", {})
    if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        yield "its args must be a list of texts"
    if not isinstance(variables, dict) or not all(isinstance(text, str) for text in variables.values()):
        yield "the values of its env must be texts in quotes, numbers too"
    if entry.get("type", "stdio") != "stdio":
        yield f'its type must be "stdio", not {entry["type"]!r}'


def _of_trial(trial: Trial) -> Iterator[str]:
    if trial.trouble:
        said = f"; it said: {' | '.join(trial.log)}" if trial.log else "; it said nothing on standard error"
        yield f"{trial.trouble}{said}"
    if trial.noise:
        yield f"it prints to standard output what is no protocol, such as {trial.noise[0]!r}; clients may give it up"
    if trial.seconds is not None and trial.seconds > SLOW_START:
        yield f"it took {trial.seconds:.1f} s to answer; fuseboard plugins shows which import takes long"
    for row in trial.plugins or ():
        ill = [check for check in row.get("health") or () if not check.get("ok")]
        if row.get("state") not in WELL and not (ill and row.get("stage") == "health"):
            stage = f" at {row['stage']}" if row.get("stage") else ""
            yield f"plugin {row.get('name')} is {row.get('state')}{stage}: {row.get('reason')}"
        for check in ill:
            yield f"plugin {row.get('name')}: health check {check.get('name')}: {check.get('message')}"
    if trial.plugins == [] and not trial.trouble:
        yield "no plugin is installed beside it, so it has no tools but its own; install one, such as fuseboard-oci"


def _same_tools(entries: Sequence[Entry]) -> Iterator[str]:
    for index, entry in enumerate(entries):
        for other in entries[:index]:
            where = "" if entry.file == other.file else f" ({other.file})"
            mine, theirs = ({*each.trial.tools} if each.trial else set() for each in (entry, other))
            if both := sorted(mine & theirs):
                shown = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
                text = f"{entry.name} and {other.name}{where} offer the same {len(both)} tools ({shown}); keep one"
                yield f"{entry.file}: {text}"
            elif not (entry.trial and other.trial) and _same_program(entry, other):
                yield f"{entry.file}: {entry.name} and {other.name}{where} start the same program; keep one"


def _same_program(entry: Entry, other: Entry) -> bool:
    return all(entry.content.get(key) == other.content.get(key) for key in ("command", "args"))
