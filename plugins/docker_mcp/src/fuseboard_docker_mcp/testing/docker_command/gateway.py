"""`docker mcp gateway run` over stdio: starts the servers, then passes messages between one client and containers."""

from __future__ import annotations

import os
import signal
import threading

from .arguments import Parsed, parsed
from .downstream import Ended
from .engine import pull
from .gateway_files import Wanted, wanted_servers
from .gateway_session import Served, Session
from .state import Failed, JsonObject, State, refuse, warn

VALUES = (
    *("--servers", "--catalog", "--config", "--tools-config", "--registry", "--secrets", "--profile", "--transport"),
    *("--port", "--host", "--cpus", "--memory", "--tools", "--interceptor", "--additional-catalog", "--oci-ref"),
    *("--additional-config", "--additional-registry", "--additional-tools-config", "--mcp-registry"),
)
SWITCHES = (
    *("--long-lived", "--watch", "--log-calls", "--verbose", "--dry-run", "--block-secrets", "--block-network"),
    *("--verify-signatures", "--static", "--enable-all-servers", "--debug-dns"),
)
CREDENTIALS = """\
! no Docker config found
! No credential helper found
! Install a credential helper from: https://github.com/docker/docker-credential-helpers
! Then configure Docker to use it (see repo for platform-specific instructions)
- Using credential helper: docker-credential-notfound
"""
UNPINNED = (
    "image must be referenced by digest; pin the MCP image to a sha256 digest or disable signature verification "
    "with --verify-signatures=false"
)
COLLISION = "enable tool-name-prefix or set unique catalog prefixes"


def run_gateway(state: State, args: list[str]) -> int:
    """Run a gateway until its client goes away; SIGTERM ends it at once with exit code 1."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(1))
    flags = parsed(args, "docker mcp gateway run", VALUES, SWITCHES)
    if (transport := flags.one("--transport", "stdio")) != "stdio":
        refuse(f'unknown transport "{transport}", expected stdio, sse or streaming')
    if "--port" in flags.values:
        refuse("cannot use --port with --transport=stdio")
    if state.fault("flood", []):
        warn(("x" * 1023 + "\n") * 1024)
    wanted = wanted_servers(state, flags)
    for one in wanted:
        one.limits = ["--cpus", flags.one("--cpus", "1"), "--memory", flags.one("--memory", "2Gb")]
    if state.dialect == "P":
        socket = f"{state.mcp_home.parent.parent}/.cache/docker-secrets-engine/engine.sock"
        dial = f"unavailable: dial unix {socket}: connect: no such file or directory"
        warn(f"Warning: Failed to fetch secrets from secrets engine: secrets engine is not available: {dial}\n")
    warn("- Configuration read in 1.5ms\n")
    _have_images(state, flags, [one.entry for one in wanted if one.entry])
    warn(f"- Those servers are enabled: {', '.join(one.name for one in wanted)}\n- Listing MCP tools...\n")
    session = Session(state, kept="--long-lived" in flags.switches, verbose="--verbose" in flags.switches)
    _start(session, [one for one in wanted if one.entry is not None])
    if state.dialect == "P":
        _check_names(session.served)
    warn(f"> {sum(len(one.tools) for one in session.served)} tools listed in 1.5s\n")
    warn("- Starting OAuth provider loops...\n" + CREDENTIALS + "> Initialized in 1.5s\n")
    if "--dry-run" in flags.switches:
        warn("Dry run mode enabled, not starting the server.\n")
        return 0
    warn("> Start stdio server\n")
    session.run()
    return 0


def _have_images(state: State, flags: Parsed, entries: list[JsonObject]) -> None:
    images = sorted({str(entry["image"]) for entry in entries if entry.get("image")})
    if not images:
        return
    warn("- Using images:\n" + "".join(f"  - {image}\n" for image in images))
    checks = state.dialect == "P" and "--verify-signatures" not in flags.off
    for image in images:
        if checks and image.startswith("mcp/") and "@sha256:" not in image:
            refuse(f"verifying docker image {image}: {UNPINNED}")
        if image not in state.data["images"]:
            try:
                pull(state, image)
            except Failed as failed:
                warn(f"  - warning: pulling docker image {image}: {failed.words}")
    warn("> Images pulled in 1.5ms\n")


def _start(session: Session, wanted: list[Wanted]) -> None:
    """Start every server once to list what it has, all at the same time."""
    starts = [threading.Thread(target=_start_one, args=(session, one), daemon=True) for one in wanted]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    session.served.sort(key=lambda one: one.wanted.name)


def _start_one(session: Session, wanted: Wanted) -> None:
    entry = wanted.entry or {}
    if entry.get("type") == "remote" or not entry.get("image"):
        url = (entry.get("remote") or {}).get("url", "")
        post = f'Post "{url}": dial tcp: connect: connection refused'
        sending = f'sending "initialize": rejected by transport: {post}'
        return warn(f'  > Can\'t start {wanted.name}: failed to connect: calling "initialize": {sending}\n')
    wanted.resolve(session.state.dialect != "A")
    try:
        downstream = session.connect(wanted)
        served = Served(wanted)
        served.list_from(downstream)
    except Ended:
        warn(CREDENTIALS)
        return warn(f'  > Can\'t start {wanted.name}: failed to connect: calling "initialize": EOF\n')
    downstream.close()
    session.served.append(served)
    prompts = f" ({len(served.prompts)} prompts)" if served.prompts else ""
    return warn(f"  > {wanted.name}: ({len(served.tools)} tools){prompts}\n")


def _check_names(served: list[Served]) -> None:
    owner: dict[str, str] = {}
    for one in served:
        for tool in one.tools:
            first = owner.setdefault(tool["name"], one.wanted.name)
            if first != one.wanted.name:
                both = f'server "{first}" and server "{one.wanted.name}" both expose tool name "{tool["name"]}"'
                refuse(f"loading configuration: tool name collision: {both}; {COLLISION}")
