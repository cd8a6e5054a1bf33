"""`fuseboard plugins`: the ledger."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fuseboard.cli.options import Command, as_json
from fuseboard.cli.session import Session

if TYPE_CHECKING:
    from fuseboard.health import CheckResult
    from fuseboard.host import Host
    from fuseboard.ledger import Row

HEADS = ("PLUGIN", "VERSION", "STATE", "STAGE", "IMPORT", "CONTRIBUTES", "TOKENS", "REASON")


@click.command("plugins", cls=Command, short_help="Show every plugin with its state.")
@as_json
@click.pass_obj
def command(session: Session, as_json: bool) -> int:
    """Show every plugin with its state, whatever became of it.

    \b
    JSON: {"plugins": [{"name", "distribution", "version", "summary", "state", "stage", "reason", "since", "required",
      "import_ms", "contributes", "tokens", "noise": {"lines", "last"}, "blocking",
      "health": [{"name", "critical", "ok", "message", "details", "milliseconds"}]}],
      "not_installed": [text], "clashes": [text]}
    """

    async def show(host: Host) -> int:
        from fuseboard.discovery import not_installed

        await session.settle(host)
        with session.console.progressing():
            session.console.progress("asking health checks")
            health = await host.health()
        rows = host.ledger.rows()
        missing = not_installed(host.settings, host.discovered)
        clashes = list(host.catalogue.clashes)
        if as_json:
            plugins = [row.as_json() | {"health": _checks(health.get(row.name, []))} for row in rows]
            session.console.json({"plugins": plugins, "not_installed": missing, "clashes": clashes})
            return 0
        if rows:
            session.console.table(HEADS, [_cells(row) for row in rows])
        else:
            session.console.text("no plugin is installed: install one beside fuseboard, for example fuseboard-oci")
        for line in [*missing, *clashes]:
            session.console.note(f"fuseboard: {line}")
        return 0

    return session.with_host(show)


def _cells(row: Row) -> tuple[object, ...]:
    taken = "" if row.import_ms is None else f"{row.import_ms:.0f} ms"
    kinds = [_counted(number, kind.replace("_", " ")) for kind, number in row.contributes.items() if number]
    tokens = row.tokens or ""
    return (row.name, row.version, row.state, row.stage, taken, ", ".join(kinds), tokens, row.reason)


def _counted(number: int, kind: str) -> str:
    return f"{number} {kind.removesuffix('s') if number == 1 else kind}"


def _checks(results: list[CheckResult]) -> list[dict[str, Any]]:
    return [{name: value for name, value in asdict(result).items() if name != "plugin"} for result in results]
