"""The health of the plugin: what of Docker is there, and how the started servers are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio

from fuseboard import Context, HealthReport
from fuseboard_docker_mcp.errors import DockerMcpError
from fuseboard_docker_mcp.orchestrator import Orchestrator
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.words import utc

if TYPE_CHECKING:
    from fuseboard_docker_mcp.sessions import Session

# Below the host's deadline of a check, so that the answer says who is slow.
PATIENCE = 1.5
BELIEVED = 30.0
"""Seconds between two looks at Docker: health is asked every few seconds, and each look starts a process."""
ILL = frozenset({"failed", "reconnecting"})


async def docker(ctx: Context[Orchestrator]) -> HealthReport:
    """Tell what of Docker is there. It is no fault when nothing is: servers of the settings work without it."""
    state = ctx.state
    if state.seen_docker is None or time.monotonic() - state.seen_docker[0] > BELIEVED:
        state.seen_docker = (time.monotonic(), await _look(state))
    return state.seen_docker[1]


async def _look(state: Orchestrator) -> HealthReport:
    details: dict[str, Any] = {"way": state.settings.way}
    if state.settings.way == "direct":
        return HealthReport(ok=True, message="Docker is not used: way is direct", details=details)
    message = f"docker gave no answer within {PATIENCE:g} s"
    with anyio.move_on_after(PATIENCE):
        message = await _described(state, details)
    return HealthReport(ok=True, message=message, details=details)


async def _described(state: Orchestrator, details: dict[str, Any]) -> str:
    try:
        details["docker"] = state.docker.path()
        details["way"] = await state.door.way()
        if details["way"] == "toolkit":
            toolkit = await state.door.toolkit()
            details |= {"toolkit": toolkit.version, "dialect": toolkit.dialect}
            return f"MCP Toolkit {toolkit.version}, dialect {toolkit.dialect}"
        details["engine"] = await state.docker.check_engine()
    except DockerMcpError as error:
        details["code"] = error.code
        return clean(str(error))
    return f"Docker engine {details['engine']}; way is {details['way']}"


async def servers(ctx: Context[Orchestrator]) -> HealthReport:
    """Tell how each started server is. A server that failed is ill; the others work on."""
    state = ctx.state
    sessions = sorted(state.pool.sessions(), key=lambda session: session.name)
    details = {session.name: _details(state, session) for session in sessions}
    bad = [f"{session.name} is {session.state}" for session in sessions if session.state in ILL]
    for name, error in sorted(state.not_started.items()):
        details.setdefault(name, {"state": "not started", "reason": clean(str(error))})
        bad.append(f"{name} was not started with the host")
    ready = sum(session.state == "ready" for session in sessions)
    message = clean("; ".join(bad)) if bad else f"{ready} ready"
    return HealthReport(ok=not bad, message=message, details=details)


def _details(state: Orchestrator, session: Session) -> dict[str, Any]:
    details: dict[str, Any] = {
        "state": session.state,
        "since": utc(session.since),
        "restarts": session.restarts,
        "tools": len(session.tools),
    }
    if session.reason is not None:
        details["reason"] = clean(str(session.reason))
    if (last := state.last_calls.get(session.name)) is not None:
        details["last_call"] = {
            "tool": last.tool,
            "at": utc(last.at),
            "seconds": round(last.seconds, 3),
            "outcome": last.outcome,
        }
    return details
