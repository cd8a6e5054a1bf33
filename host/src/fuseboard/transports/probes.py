"""What a supervisor asks: does the process answer (`/livez`, `/healthz`), and may it get traffic (`/readyz`)?"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from fuseboard.caller import CALLER, Caller
from fuseboard.health import CheckResult
from fuseboard.ledger import UP, Row


def probe_routes(host: Any) -> list[Route]:
    """The three routes. `/livez` and `/healthz` never touch a plugin."""

    async def alive(request: Request) -> JSONResponse:
        return JSONResponse({"alive": True})

    async def ready(request: Request) -> JSONResponse:
        report = readiness(host.ledger.rows(), await host.health())
        status = 200 if report["ready"] else 503
        client: Caller | None = request.scope.get(CALLER)
        if client is None and host.settings.auth.enabled:
            return JSONResponse({"ready": report["ready"]}, status)  # reasons are for those who are let in
        if client is not None:
            known = {row.name for row in host.known_rows(client.roles)}
            report["plugins"] = [plugin for plugin in report["plugins"] if plugin["name"] in known]
        return JSONResponse(report, status)

    return [Route("/livez", alive), Route("/healthz", alive), Route("/readyz", ready)]


def readiness(rows: list[Row], checks: dict[str, list[CheckResult]]) -> dict[str, Any]:
    """Whether the host may get traffic: no required plugin is down or still starting. The others do not matter."""
    plugins = [_plugin(row, checks.get(row.name, [])) for row in rows]
    return {"ready": all(plugin["up"] or not plugin["required"] for plugin in plugins), "plugins": plugins}


def _plugin(row: Row, checks: list[CheckResult]) -> dict[str, Any]:
    return {
        "name": row.name,
        "version": row.version,
        "required": row.required,
        "up": row.state in UP and all(check.ok for check in checks if check.critical),
        "state": str(row.state),
        "stage": row.stage,
        "reason": row.reason,
        "since": row.since.isoformat(timespec="seconds"),
        "checks": [
            {"name": check.name, "ok": check.ok, "critical": check.critical, "message": check.message}
            for check in checks
        ],
    }
