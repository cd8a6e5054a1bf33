"""Real `fuseboard` processes with misbehaving plugins, and the SDK's client to ask them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import anyio
import mcp
import mcp.client.session as sdk_session
import mcp.client.stdio as sdk_stdio
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent, TextResourceContents

Surface = Literal["stdio", "http"]
Era = Literal["legacy", "auto"]

WAYS: Sequence[tuple[Surface, Era]] = [("stdio", "legacy"), ("stdio", "auto"), ("http", "legacy"), ("http", "auto")]
"""Every surface in both protocol eras."""

TWO_WAYS: Sequence[tuple[Surface, Era]] = [("stdio", "auto"), ("http", "legacy")]
"""Each surface and each era once, where the two have nothing to do with each other."""

SECRET = "hunter2-tell-nobody"
COMMAND = [sys.executable, "-m", "fuseboard"]
PATIENCE = 120.0
"""Seconds after which a test gives up waiting for anything. Only a broken host makes anybody wait so long."""

AT_ONCE = 20.0
"""Seconds within which a healthy plugin answers even on a machine that stands still now and then.

What it must not wait for lasts a minute, until the test lets it go (`Board.release`), or for ever.
"""

ENDS_WITHIN = 20.0
"""The same for the end of the process, which idle takes two seconds at most; a plugin would keep it for a minute."""

AMPLE: Mapping[str, Any] = {"import_timeout": 600, "start_timeout": 600}
"""What a plugin has for its beginning unless a test says otherwise."""

# The shell keeps the bytes that were on the wire and the exit status, which the SDK's client would not tell.
_RECORDED = '{ "$@"; echo $? >"$0/status"; } | tee "$0/wire"'


@dataclass
class Board:
    """One host, not started yet: which plugins it has and how it treats them.

    Args:
        site: where the misbehaving distributions are installed.
        folder: for its settings, its log and its journal.
        plugins: which of them are loaded; `healthy` always is.
        fuse: how every plugin but `healthy` is treated.
        fuses: how single plugins are treated.
        sections: the plugins' own settings.
        environment: more variables.
    """

    site: Path
    folder: Path
    plugins: Sequence[str]
    fuse: Mapping[str, Any] = field(default_factory=dict)
    fuses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sections: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def prepared(self) -> dict[str, str]:
        """Write the settings; return the environment of the process."""
        fuses = {name: {**AMPLE, **self.fuse, **self.fuses.get(name, {})} for name in self.plugins}
        fuses["healthy"] = {**AMPLE, **self.fuses.get("healthy", {})}
        settings = {"fuses": fuses, "plugins": dict(self.sections)}
        file = self.folder / "fuseboard.yaml"
        file.write_text(json.dumps(settings))  # every JSON is YAML
        own = {name: value for name, value in os.environ.items() if not name.startswith(("FUSEBOARD_", "CLOUD_RU_"))}
        return {
            **own,
            "PYTHONPATH": str(self.site),
            "FUSEBOARD_CONFIG": str(file),
            "FUSEBOARD_LOAD_PLUGINS": ",".join(["healthy", *self.plugins]),
            "FAULTY_JOURNAL": str(self.folder / "journal"),
            "FAULTY_SECRET": SECRET,
            **self.environment,
        }

    def log(self) -> str:
        """The process's standard error so far."""
        return _text(self.folder / "log")

    def journal(self) -> list[str]:
        """What the plugins have noted so far."""
        return _text(self.folder / "journal").splitlines()

    def release(self, name: str) -> None:
        """Let go what waits in a plugin under this name, now and from now on."""
        (self.folder / f"released-{name}").touch()

    async def noted(self, *lines: str, seconds: float = PATIENCE) -> None:
        """Wait until the plugins have noted these lines, one that is given twice twice."""
        await until(lambda: not Counter(lines) - Counter(self.journal()), f"{lines} in {self.journal}", seconds)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `fuseboard` that ends by itself."""
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.prepared(),
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )


@dataclass
class Line:
    """A client on a host that runs.

    Attributes:
        board: the host.
        surface: the way in.
        era: of the client.
        client: the SDK's client.
        address: of the HTTP surface, "" on stdio.
    """

    board: Board
    surface: Surface
    era: Era
    client: mcp.Client
    address: str = ""

    async def ledger(self) -> dict[str, Any]:
        """Every plugin as `fuseboard://plugins` shows it, once none of them starts any more."""
        with anyio.fail_after(PATIENCE):
            while True:
                text = await read(self.client, "fuseboard://plugins")
                rows = json.loads(text)["plugins"]
                if not any(row["state"] == "starting" for row in rows):
                    return {"text": text} | {row["name"]: row for row in rows}
                await anyio.sleep(0.05)

    async def row(self, name: str, state: str = "", reason: str = "") -> dict[str, Any]:
        """One plugin; with `state` and a part of the `reason`, as soon as it is in that state for that reason."""
        row: dict[str, Any] = {}
        with anyio.move_on_after(PATIENCE):
            while not row or not row["state"].startswith(state) or reason not in row["reason"]:
                row = (await self.ledger())[name]
                await anyio.sleep(0.02)
        assert (row["state"].startswith(state), reason in row["reason"]) == (True, True), row
        return row

    async def status(self, *lines: str) -> str:
        """What the status tool says, as soon as it says these lines."""
        text = ""
        with anyio.move_on_after(PATIENCE):
            while not text or not set(lines) <= set(text.splitlines()):
                text = said(await self.client.call_tool("fuseboard_status"))
        assert set(lines) <= set(text.splitlines()), text
        return text

    async def call(self, tool: str, /, **arguments: Any) -> CallToolResult:
        """Call a tool; every call of a test ends in time."""
        with anyio.fail_after(PATIENCE):
            return await self.client.call_tool(tool, arguments)

    async def healthy_answers(self, *, within: float = AT_ONCE) -> None:
        """The healthy plugin does all it can: a tool on its loop, one in a thread, a prompt, a resource."""
        with anyio.fail_after(within):
            assert said(await self.client.call_tool("healthy_echo", {"text": "hello"})) == "hello"
            assert said(await self.client.call_tool("healthy_add", {"a": 1, "b": 2})) == "3"
            prompt = await self.client.get_prompt("healthy_greeting", {"name": "Ada"})
            assert isinstance(prompt.messages[0].content, TextContent)
            assert prompt.messages[0].content.text == "Greet Ada."
            assert await read(self.client, "healthy://motto") == "one fault never darkens the house"


@asynccontextmanager
async def line(board: Board, surface: Surface, era: Era, **options: Any) -> AsyncIterator[Line]:
    """Start a host, connect a client, and see to it that the process ends as it should.

    Args:
        board: the host.
        surface: the way in.
        era: "legacy" for the handshake revisions, "auto" for 2026-07-28.
        options: more arguments of `mcp.Client`.

    Raises:
        AssertionError: something else than JSON-RPC was on the wire, or the process did not end by itself, in time,
            with status 0.
    """
    if surface == "http":
        async with (
            http_host(board) as address,
            patient(mcp.Client(f"{address}/mcp", mode=era, cache=None, **options)) as client,
        ):
            yield Line(board, surface, era, client, address)
        return
    begun = 0.0
    with (board.folder / "log").open("w") as log:
        server = StdioServerParameters(
            command="sh", args=["-c", _RECORDED, str(board.folder), *COMMAND, "stdio"], env=board.prepared()
        )
        async with patient(mcp.Client(stdio_client(server, errlog=log), mode=era, cache=None, **options)) as client:
            yield Line(board, surface, era, client)
            begun = time.monotonic()
        took = time.monotonic() - begun
    wire = _text(board.folder / "wire").splitlines()
    assert (wire != [], [text for text in wire if not is_message(text)]) == (True, [])
    status = int(_text(board.folder / "status") or -1)
    assert (status, took < ENDS_WITHIN) == (0, True), f"{status}, {took:.1f} s: {board.log()}"


@asynccontextmanager
async def patience_of_the_client() -> AsyncIterator[None]:
    """The SDK's client would take a slow host for one of the other era after 10 s, and kill it 2 s after its end."""
    with (
        patch.object(sdk_session, "DISCOVER_TIMEOUT_SECONDS", PATIENCE),
        patch.object(sdk_stdio, "PROCESS_TERMINATION_TIMEOUT", PATIENCE),
    ):
        yield


@asynccontextmanager
async def patient(client: mcp.Client) -> AsyncIterator[mcp.Client]:
    """Connect with that patience, and leave with it. In between it would be everybody's: some lines are long-lived."""
    async with AsyncExitStack() as connection:
        async with patience_of_the_client():
            await connection.enter_async_context(client)
        try:
            yield client
        finally:
            async with patience_of_the_client():
                await connection.aclose()


@asynccontextmanager
async def http_host(board: Board) -> AsyncIterator[str]:
    """Run `fuseboard http` on a free port; yields its address without a path. Ended by SIGTERM."""
    with (board.folder / "log").open("w") as log, (board.folder / "wire").open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, "http", "--port", "0"],
            cwd=board.folder,
            env=board.prepared(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
        )
    serving = re.compile(r"serving (http://127\.0\.0\.1:\d+)/mcp")
    try:
        await until(lambda: serving.search(board.log()) or process.poll() is not None, "its address in the log")
        match = serving.search(board.log())
        assert match is not None, board.log()
        yield match[1]
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        with anyio.move_on_after(PATIENCE, shield=True):
            while process.poll() is None:
                await anyio.sleep(0.01)
        took = time.monotonic() - begun
        status = process.returncode
        assert (status, took < ENDS_WITHIN) == (0, True), f"{status}, {took:.1f} s: {board.log()}"
        assert _text(board.folder / "wire") == ""
    finally:
        process.kill()
        process.wait()


async def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition of the world outside this process."""
    with anyio.move_on_after(seconds):
        while not condition():
            await anyio.sleep(0.01)
    assert condition(), f"waited {seconds:g} s for {what}"


async def read(client: mcp.Client, uri: str) -> str:
    """The text of a resource."""
    with anyio.fail_after(PATIENCE):
        content = (await client.read_resource(uri)).contents[0]
    assert isinstance(content, TextResourceContents)
    return content.text


def said(result: CallToolResult, *, error: bool = False) -> str:
    """The text of a result, which is an error or is none."""
    assert bool(result.is_error) is error, result
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text


def is_message(text: str) -> bool:
    """Whether a line is a JSON-RPC message."""
    try:
        return bool(json.loads(text)["jsonrpc"] == "2.0")
    except (ValueError, KeyError, TypeError):
        return False


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
