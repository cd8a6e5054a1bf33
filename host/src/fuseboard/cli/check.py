"""`fuseboard check`: everything that an operator wants to know before production."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fuseboard.cli.options import Command, as_json
from fuseboard.cli.session import Session

if TYPE_CHECKING:
    from fuseboard.host import Host


@click.command("check", cls=Command, short_help="Report what is wrong or doubtful.")
@click.option("--strict", is_flag=True, help="Warnings end with exit code 1 too.")
@as_json
@click.pass_obj
def command(session: Session, strict: bool, as_json: bool) -> int:
    """Load everything and report what is wrong or doubtful.

    The exit code is 1 when an error was found, with --strict also when a warning was, and 2 when settings are wrong.

    \b
    JSON: {"findings": [{"level": "error" or "warning", "plugin": text or null, "text"}],
      "errors": number, "warnings": number, "plugins": number}
    """

    async def check(host: Host) -> int:
        from fuseboard.cli.findings import findings_of

        await session.settle(host)
        with session.console.progressing():
            session.console.progress("asking health checks")
            health = await host.health()
        findings = findings_of(host, health)
        levels = [finding.level for finding in findings]
        errors, warnings = levels.count("error"), levels.count("warning")
        if as_json:
            rows = [{"level": each.level, "plugin": each.plugin, "text": each.text} for each in findings]
            counted = {"errors": errors, "warnings": warnings, "plugins": len(host.ledger.rows())}
            session.console.json({"findings": rows, **counted})
        else:
            for each in findings:
                session.console.text(f"{each.level}: {f'{each.plugin}: ' if each.plugin else ''}{each.text}")
            session.console.text(f"{len(host.ledger.rows())} plugins, {errors} errors, {warnings} warnings")
        return 1 if errors or (strict and warnings) else 0

    return session.with_host(check)
