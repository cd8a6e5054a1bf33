"""`fuseboard validate`: grades plugins, for their authors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from fuseboard.cli.options import Command, as_json
from fuseboard.cli.session import Session
from fuseboard.naming import HOUSE

if TYPE_CHECKING:
    from fuseboard.discovery import Found
    from fuseboard.grading.apart import Grade
    from fuseboard.settings import LoadedSettings


@click.command("validate", cls=Command, short_help="Grade plugins, for their authors.")
@click.argument("names", nargs=-1, metavar="[DIST]...")
@click.option("--strict", is_flag=True, help="Warnings fail a plugin too.")
@click.option("--call", "call", is_flag=True, help="Call read-only tools that need no arguments, or give examples.")
@click.option(
    "--ignore", "ignored", metavar="CODE", multiple=True, help="Leave out findings of CODE. Can be given again."
)
@as_json
@click.option(
    "--in-this-process", "here", is_flag=True, hidden=True, help="Grade one plugin, without a process for it."
)
@click.pass_obj
def command(
    session: Session,
    names: Sequence[str],
    strict: bool,
    call: bool,
    ignored: Sequence[str],
    as_json: bool,
    here: bool,
) -> int:
    """Grade DIST: a distribution, a plugin, or fuseboard for the host's own tools. All plugins if none is named.

    Each plugin is loaded with the present settings, in a process of its own, asked for everything and stopped. On
    Linux processes that it leaves running are found. Its tools are not called without --call. That its backend is
    missing is no finding. What listing its tools costs is estimated at four characters of JSON a token. The exit code
    is 1 when a plugin failed: an error was found, with --strict also when a warning was.

    \b
    JSON: {"total": number, "successful": number, "failed": number, "errors": number, "warnings": number,
      "plugins": [{"name", "distribution", "version", "passed", "import_ms", "stop_ms", "tools", "tokens",
        "called": [name], "findings": [{"code", "severity": "error" or "warning", "place", "text", "advice"}]}]}
    """
    loaded = session.load()
    chosen = _chosen(names, loaded)
    if here:
        return _grade_here(session, chosen[0], call)
    grades = [grade.without(ignored) for grade in _grade_each(session, chosen, call)]
    if as_json:
        session.console.json(_report(grades, strict))
    else:
        _show(session, grades, strict)
    return 0 if all(grade.passes(strict) for grade in grades) else 1


def _chosen(names: Sequence[str], loaded: LoadedSettings) -> list[Found]:
    """The plugins that the words mean. Without a word, all but those that the operator blocked."""
    from fuseboard.discovery import discover

    found = discover(loaded.settings)
    if not names:
        return [plugin for plugin in found if plugin.verdict is None or plugin.verdict[0] != "blocked"]
    chosen = []
    for name in dict.fromkeys(names):
        meant = [_house()] if name == HOUSE else [plugin for plugin in found if _is_meant(plugin, name)]
        if not meant:
            known = ", ".join(sorted({plugin.name for plugin in found})) or "none"
            raise click.UsageError(f"no plugin and no distribution is called {name[:80]!r}; installed plugins: {known}")
        chosen += [plugin for plugin in meant if plugin not in chosen]
    return chosen


def _is_meant(plugin: Found, name: str) -> bool:
    return name == plugin.name or name.lower().replace("_", "-") == plugin.distribution.lower().replace("_", "-")


def _house() -> Found:
    from importlib.metadata import version

    from fuseboard.discovery import Found

    return Found(HOUSE, "", HOUSE, version(HOUSE), "The host's own tools.")


def _grade_each(session: Session, chosen: Sequence[Found], call: bool) -> list[Grade]:
    from fuseboard.grading.apart import grade_apart

    words = ["--call"] if call else []
    if session.config is not None:
        words += ["--config", str(session.config)]
    grades = []
    with session.console.progressing():
        for number, found in enumerate(chosen, 1):
            session.console.progress(f"grading {found.name} ({number} of {len(chosen)})")
            grades.append(grade_apart(found, words))
    return grades


def _grade_here(session: Session, found: Found, call: bool) -> int:
    """Run the plugin in this process and print the report. What it leaves behind ends with the process."""
    import asyncio

    from fuseboard.cli.ending import end_soon
    from fuseboard.cli.log import set_up
    from fuseboard.grading import grade
    from fuseboard.grading.apart import Grade
    from fuseboard.grading.running import observe
    from fuseboard.host import Host

    loaded = session.load({"load_plugins": [] if found.name == HOUSE else [found.name]})
    set_up(loaded, "nothing")

    async def run() -> int:
        host = Host(loaded)
        session.wire.on_noise = host.heard
        subject = await observe(host, found, call=call, drain=session.wire.drain)
        session.wire.on_noise = None
        graded = Grade(found, grade(subject), subject.figures())
        session.console.json(_report([graded], strict=False))
        if host.abandoned:
            # asyncio itself may now wait for what the plugin left behind.
            session.abandoned = True
            end_soon(session.wire, session.console.out, 1)
        return 0

    return asyncio.run(run())


def _report(grades: Sequence[Grade], strict: bool) -> dict[str, Any]:
    return _counted(grades, strict) | {
        "plugins": [
            {
                "name": grade.found.name,
                "distribution": grade.found.distribution,
                "version": grade.found.version,
                "passed": grade.passes(strict),
                **grade.figures,
                "findings": [finding.as_json() for finding in grade.findings],
            }
            for grade in grades
        ]
    }


def _counted(grades: Sequence[Grade], strict: bool) -> dict[str, int]:
    successful = sum(grade.passes(strict) for grade in grades)
    severities = [finding.severity for grade in grades for finding in grade.findings]
    return {
        "total": len(grades),
        "successful": successful,
        "failed": len(grades) - successful,
        "errors": severities.count("error"),
        "warnings": severities.count("warning"),
    }


def _show(session: Session, grades: Sequence[Grade], strict: bool) -> None:
    for grade in grades:
        for one in grade.findings:
            place = f"{one.place}: " if one.place else ""
            session.console.text(f"{one.severity}: {grade.found.name}: {place}{one.text}; {one.advice} [{one.code}]")
    counted = _counted(grades, strict)
    words = ", ".join(f"{number} {word}" for word, number in counted.items())
    session.console.text(f"plugins: {words}")
