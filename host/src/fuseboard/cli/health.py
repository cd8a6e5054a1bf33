"""`fuseboard health`: what a supervisor asks of a running host, without curl or a shell."""

from __future__ import annotations

import json
from typing import Any

import click

from fuseboard.cli.options import Command, as_json
from fuseboard.cli.session import Session
from fuseboard.strict_json import are_objects

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
LARGEST_ANSWER = 4 * 1024 * 1024


@click.command("health", cls=Command, short_help="Ask a running host whether it is well.")
@click.argument("url", metavar="[URL]", required=False)
@click.option("--live", is_flag=True, help="Ask only whether the process answers, not whether it may get traffic.")
@click.option(
    "--timeout", type=click.FloatRange(0.1, 3600), default=5.0, metavar="SECONDS", help="Wait at most so long (5)."
)
@as_json
@click.pass_obj
def command(session: Session, url: str | None, live: bool, timeout: float, as_json: bool) -> int:
    """Ask the host that serves HTTP at URL, by default at http.host and http.port, whether it is ready.

    The exit code is 0 when it is, and 1 when it is not or does not answer. Where clients have to authenticate, the host
    tells strangers no more than that.

    \b
    JSON: the answer of /readyz: {"ready": true or false, "plugins": [{"name", "version", "required", "up", "state",
      "stage", "reason", "since", "checks"}]}, without the plugins where clients have to authenticate;
      with --live: {"alive": true}
    """
    base = (url or _own_address(session)).rstrip("/").removesuffix("/mcp")
    if not base.startswith(("http://", "https://")):
        raise click.UsageError(f"{base!r} is no address; write http://HOST:PORT")
    answer = _asked(f"{base}/{'livez' if live else 'readyz'}", timeout)
    if isinstance(answer, str):
        session.console.error(answer)
        return 1
    if as_json:
        session.console.json(answer)
    else:
        _show(session, answer)
    return 0 if answer.get("ready", answer.get("alive")) is True else 1


def _own_address(session: Session) -> str:
    http = session.load().settings.http
    host = EVERY_ADDRESS.get(http.host, http.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{http.port}"


def _asked(url: str, timeout: float) -> dict[str, Any] | str:
    """The answer, or what is wrong."""
    from threading import Thread

    # The time of a socket begins anew with every byte that comes.
    found: list[dict[str, Any] | str] = []
    asking = Thread(target=lambda: found.append(_fetched(url, timeout)), daemon=True)
    asking.start()
    asking.join(timeout)
    return found[0] if found else f"nothing healthy answers at {url}: timed out after {timeout:g} s"


def _fetched(url: str, timeout: float) -> dict[str, Any] | str:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, build_opener

    # A probe asks the process itself, never a proxy that the environment names.
    opener = build_opener(ProxyHandler({}))
    try:
        try:
            with opener.open(url, timeout=timeout) as response:
                body = response.read(LARGEST_ANSWER)
        except HTTPError as error:
            # Not ready is told with status 503 and the same body.
            body = error.read(LARGEST_ANSWER)
    except (OSError, HTTPException) as error:
        return f"nothing healthy answers at {url}: {getattr(error, 'reason', None) or error or type(error).__name__}"
    except ValueError as error:
        return f"{url} is no address: {error}"
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not _is_ours(answer):
        return f"what answers at {url} is no fuseboard, or refuses this address: {body[:200].decode(errors='replace')}"
    return dict(answer)


def _is_ours(answer: Any) -> bool:
    if not isinstance(answer, dict) or not {"ready", "alive"} & answer.keys():
        return False
    plugins = answer.get("plugins", [])
    return are_objects(plugins) and all(are_objects(plugin.get("checks", [])) for plugin in plugins)


def _show(session: Session, answer: dict[str, Any]) -> None:
    if "ready" not in answer:
        return session.console.text("alive")
    session.console.text("ready" if answer["ready"] is True else "not ready")
    for plugin in answer.get("plugins", []):
        # Who blocked a plugin knows it, unless the host is told to need it.
        if not plugin.get("up") and (plugin.get("required") or plugin.get("state") != "blocked"):
            required = "required, " if plugin.get("required") else ""
            wrong = plugin.get("reason") or "; ".join(
                str(check.get("message") or "") for check in plugin.get("checks", [])
            )
            state = f"{plugin.get('name')}: {required}{plugin.get('state')}"
            session.console.text(f"{state}: {wrong}" if wrong else state)
