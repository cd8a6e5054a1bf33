"""`fuseboard doctor`: why a desktop client does not see fuseboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fuseboard.cli.console import clean
from fuseboard.cli.desktop import CLIENT_NAMES, machine
from fuseboard.cli.options import Command, as_json
from fuseboard.cli.session import Session
from fuseboard.desktop_clients.clients import CLIENTS

if TYPE_CHECKING:
    from fuseboard.desktop_clients.diagnosis import Diagnosis, Entry


@click.command("doctor", cls=Command, short_help="Explain why a desktop client does not see fuseboard.")
@click.argument("client", type=CLIENT_NAMES, metavar="[CLIENT]", required=False)
@click.option(
    "--file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
    help="The client's file, if it is not at its usual place.",
)  # fmt: skip
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0.1), default=30.0,
    help="Time for each start to answer in; 30 if absent.",
)  # fmt: skip
@click.option("--project", is_flag=True, help="Start also what the file of this folder's project names.")
@as_json
@click.pass_obj
def command(
    session: Session, client: str | None, file: Path | None, timeout: float, project: bool, as_json: bool
) -> int:
    """Explain why a desktop client does not see fuseboard; without CLIENT, look at all that are used here.

    Reads the client's files, starts what its entries start, in the environment that a client gives, and asks it for
    its tools and for the state of its plugins. Other servers are not started, and those of a project's file only with
    --project: such a file came with the project and may start anything. The exit code is 1 when something is wrong.

    \b
    JSON: {"clients": [{"client", "files": [text], "findings": [text], "entries": [{"file", "name", "command": [text],
      "asked": [text], "seconds": number or null, "server", "tools": [text], "plugins": rows of the ledger or null,
      "stdout": [text], "stderr": [text]}]}], "findings": number}
    """
    from fuseboard.desktop_clients.diagnosis import diagnose

    if file is not None and client is None:
        raise click.UsageError("--file needs CLIENT: whose file is it?")
    found = []
    with session.console.progressing():
        for name in CLIENTS if client is None else [client]:
            session.console.progress(f"looking at {CLIENTS[name].title}")
            found.append(diagnose(CLIENTS[name], machine(), timeout, file, start_projects=project))
    if client is None:
        found = [each for each in found if each.is_used or each.files] or found
    _add_what_is_missing(found, named=client is not None)
    number = sum(len(each.findings) for each in found)
    if as_json:
        session.console.json({"clients": [_as_json(each) for each in found], "findings": number})
    else:
        for each in found:
            for line in _lines(each):
                session.console.text(line)
    return 1 if number else 0


def _add_what_is_missing(found: list[Diagnosis], *, named: bool) -> None:
    """No entry is something wrong in a client that was named, and when no client at all has one."""
    if not named and any(each.entries or each.findings for each in found):
        return
    for each in found:
        if each.entries or (each.findings and each.files):
            continue
        what = f"{each.files[0]} has no entry" if each.files else f"{each.client.title} has no file here"
        each.findings.append(f"{what}; run: {each.client.install}")


def _lines(found: Diagnosis) -> Iterator[str]:
    title = found.client.title
    if not found.entries and not found.findings:
        yield f"{title}: without fuseboard"
        return
    yield f"{title}: {len(found.findings)} wrong" if found.findings else f"{title}: fine"
    for entry in found.entries:
        if entry.trial is None and entry.asked:
            told = f"not started, since only {title} has a value for {', '.join(map(clean, entry.asked))}"
        elif entry.trial is None:
            told = "not started, since it is a project's; --project starts it" if entry.of_project else "not started"
        elif entry.trial.seconds is None:
            told = "did not answer"
        else:
            told = f"answered after {entry.trial.seconds:.1f} s with {len(entry.trial.tools)} tools"
        yield f"  {clean(entry.name)} in {entry.file}: {told}"
    for text in found.findings:
        yield f"  wrong: {clean(text)}"


def _as_json(found: Diagnosis) -> dict[str, Any]:
    return {
        "client": found.client.name,
        "files": [str(path) for path in found.files],
        "findings": found.findings,
        "entries": [_entry_as_json(entry) for entry in found.entries],
    }


def _entry_as_json(entry: Entry) -> dict[str, Any]:
    trial, args = entry.trial, entry.content.get("args")
    return {
        "file": str(entry.file),
        "name": entry.name,
        "command": [entry.content["command"], *(args if isinstance(args, list) else [])],
        "asked": entry.asked,
        "seconds": None if trial is None or trial.seconds is None else round(trial.seconds, 3),
        "server": trial.server if trial else "",
        "tools": trial.tools if trial else [],
        "plugins": trial.plugins if trial else None,
        "stdout": trial.noise if trial else [],
        "stderr": trial.log if trial else [],
    }
