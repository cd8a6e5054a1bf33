"""The host: plugins start side by side, calls and listings wait for them, and one that dies is started again."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from fuseboard import Caller, Context
from fuseboard.errors import CallError, UnknownName
from fuseboard.host import Host
from fuseboard.ledger import State
from fuseboard.mcp_server import build_server
from fuseboard.settings import FuseSettings, HostSettings
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, living, plugin, seen, take_time_to_stop, text_of, until

pytestmark = pytest.mark.anyio

CALLER = Caller("memory")
PATIENT = HostSettings(fuses={"slow": FuseSettings(start_timeout=LONG)})
"""For a plugin that starts when the test says so."""


async def echo(text: str = "pong") -> str:
    """Return the text."""
    return text


def slow(gate: threading.Event, *tools: Any) -> object:
    """A plugin that starts when the gate opens."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[str]:
        await seen(gate)
        yield "ready"

    return plugin(*(tools or (echo,)), lifespan=lifespan, instructions=lambda: "Slow but good.")


async def served_names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


# --- starting ---------------------------------------------------------------------------------------------------------


async def test_entering_the_host_waits_for_no_plugin() -> None:
    gate = threading.Event()
    async with Host(PATIENT, plugins={"slow": slow(gate), "quick": plugin(echo)}) as host:
        assert host.ledger["slow"].state is State.STARTING
        await until(lambda: host.ledger["quick"].state is State.ACTIVE)
        assert not await host.settled(0.01)
        assert host.ledger["slow"].state is State.STARTING
        gate.set()
        assert await host.settled(LONG)
        assert host.ledger["slow"].state is State.ACTIVE


async def test_a_call_to_a_plugin_that_still_starts_waits_for_it() -> None:
    gate = threading.Event()
    with anyio.fail_after(LONG):
        async with Host(PATIENT, plugins={"slow": slow(gate)}) as host:
            call = asyncio.create_task(host.dispatcher.call_tool("slow_echo", {}, CALLER))
            bare = asyncio.create_task(host.dispatcher.call_tool("echo", {}, CALLER))
            await asyncio.sleep(0)
            assert not call.done()
            gate.set()
            results = await asyncio.gather(call, bare)
    assert [result["content"][0]["text"] for result in results] == ["pong", "pong"]


async def test_a_call_to_a_plugin_that_does_not_come_up_ends_at_its_deadline_and_says_so() -> None:
    """The deadline of the call holds from the moment it came, also while it waits for the plugin."""
    gate = threading.Event()
    settings = HostSettings(fuses={"slow": FuseSettings(call_timeout=0.2, start_timeout=600)})
    async with Host(settings, plugins={"slow": slow(gate)}) as host:
        with anyio.fail_after(LONG / 2), pytest.raises(CallError) as refused:
            await host.dispatcher.call_tool("slow_echo", {}, CALLER)
        gate.set()
    assert "slow is starting" in str(refused.value)


async def test_a_call_of_an_unknown_name_is_refused_once_every_plugin_has_come_up() -> None:
    gate = threading.Event()
    with anyio.fail_after(LONG):
        async with Host(PATIENT, plugins={"slow": slow(gate)}) as host:
            call = asyncio.create_task(host.dispatcher.call_tool("nobody", {}, CALLER))
            await asyncio.sleep(0)
            gate.set()
            with pytest.raises(UnknownName, match="no tool 'nobody'"):
                await call


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_handshake_waits_a_second_and_a_listing_two_for_plugins_that_still_start(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    limits: list[float | None] = []

    async def noted(timeout: float | None = None) -> bool:
        limits.append(timeout)
        return await settled(timeout)

    with anyio.fail_after(LONG):
        async with Host(PATIENT, plugins={"slow": slow(gate), "quick": plugin(echo)}) as host:
            settled = host.settled
            monkeypatch.setattr(host, "settled", noted)
            await until(lambda: host.ledger["quick"].state is State.ACTIVE)
            begun = time.monotonic()
            async with Client(build_server(host).server, mode=mode, cache=None) as client:
                greeted = time.monotonic() - begun
                names = await served_names(client)
                listed = time.monotonic() - begun - greeted
                gate.set()
                await settled()
                later = await served_names(client)
    assert greeted > 0.9
    assert listed > 1.9
    assert limits == [1, 2]
    assert names == ["fuseboard_status", "quick_echo"]
    assert later == ["fuseboard_status", "quick_echo", "slow_echo"]


async def test_a_handshake_and_a_listing_wait_no_longer_than_the_plugins_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HANDSHAKE_WAITS", "LISTING_WAITS"):
        monkeypatch.setattr(f"fuseboard.mcp_server.handlers.{name}", 2 * LONG)
    gate = threading.Event()
    with anyio.fail_after(LONG):
        async with Host(PATIENT, plugins={"slow": slow(gate)}) as host:
            threading.Timer(0.1, gate.set).start()
            async with Client(build_server(host).server, cache=None) as client:
                assert await served_names(client) == ["fuseboard_status", "slow_echo"]
                assert client.instructions == "slow: Slow but good."


# --- failing and coming back ------------------------------------------------------------------------------------------


async def test_a_plugin_that_does_not_start_in_time_is_failed_and_the_rest_serve() -> None:
    gate, stage = threading.Event(), ""
    settings = HostSettings(fuses={"slow": FuseSettings(start_timeout=0.1)})
    with anyio.fail_after(LONG):
        while stage != "start":  # its registration has no more time, and may miss it before
            async with Host(settings, plugins={"slow": slow(gate), "quick": plugin(echo)}) as host:
                await host.settled()
                row = host.ledger["slow"]
                answer = await host.dispatcher.call_tool("quick_echo", {}, CALLER)
            stage = row.stage
            assert row.state is State.FAILED
            assert "did not end within 0.1 s" in row.reason
            assert answer["content"][0]["text"] == "pong"
    gate.set()


async def test_a_lifespan_that_fails_is_entered_again_after_a_while() -> None:
    attempts: list[float] = []
    again = threading.Event()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[int]:
        attempts.append(time.monotonic())
        if len(attempts) == 1:
            raise RuntimeError("password=hunter2")
        await seen(again)
        yield len(attempts)

    async def state(ctx: Context[int]) -> str:
        return str(ctx.state)

    with anyio.fail_after(LONG):
        async with PluginHost(
            plugin(state, lifespan=lifespan), name="toy", allow_failure=True, fuse=FuseSettings(start_timeout=LONG)
        ) as host:
            row = host.row()
            assert (str(row.state), row.stage) == ("failed", "start")
            assert "started again after 1 s" in row.reason
            assert "hunter2" not in row.reason
            again.set()
            await until(lambda: host.row().state is State.ACTIVE)
            assert text_of(await host.call_tool("toy_state")) == "2"
            assert (host.row().reason, host.row().stage) == ("", "")
    assert attempts[1] - attempts[0] >= 0.99


async def test_a_lifespan_that_ends_while_it_should_not_takes_the_plugin_down_until_it_is_started_again() -> None:
    die, again = threading.Event(), threading.Event()
    lives: list[int] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        lives.append(1)
        async with asyncio.TaskGroup() as group:
            if len(lives) == 1:
                group.create_task(fail_when_told())
            else:
                await seen(again)
            yield

    async def fail_when_told() -> None:
        await seen(die)
        raise ConnectionResetError(104, "Connection reset by peer")

    with anyio.fail_after(LONG):
        async with PluginHost(
            plugin(echo, lifespan=lifespan), name="toy", fuse=FuseSettings(start_timeout=LONG)
        ) as host:
            assert text_of(await host.call_tool("toy_echo")) == "pong"
            die.set()
            await until(lambda: host.row().state is State.FAILED)
            assert host.row().reason.startswith("its lifespan ended: ConnectionResetError: Connection reset by peer")
            assert await served_names(host.client) == ["fuseboard_status"]
            with pytest.raises(MCPError, match="plugin toy is failed: its lifespan ended"):
                await host.call_tool("toy_echo")
            again.set()
            await until(lambda: host.row().state is State.ACTIVE)
            assert text_of(await host.call_tool("toy_echo")) == "pong"
    assert len(lives) == 2


async def test_a_required_plugin_that_is_not_there_has_a_row_of_its_own() -> None:
    settings = HostSettings(fuses={"oci": FuseSettings(required=True), "toy": FuseSettings(required=True)})
    async with Host(settings, plugins={"toy": plugin(echo)}) as host:
        await host.settled(LONG)
        missing, there = host.ledger["oci"], host.ledger["toy"]
    assert (missing.required, missing.state, missing.stage) == (True, State.FAILED, "metadata")
    assert missing.reason == "it is required and not installed"
    assert (there.required, there.state) == (True, State.ACTIVE)


# --- stopping ---------------------------------------------------------------------------------------------------------


async def test_leaving_the_host_leaves_every_lifespan_and_cancels_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    take_time_to_stop(monkeypatch)
    settings = HostSettings(fuses={"toy": FuseSettings(stop_timeout=LONG)})
    began, cancelled, stopped = threading.Event(), threading.Event(), threading.Event()

    async def wait() -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return "never"

    with anyio.fail_after(LONG):
        async with Host(settings, plugins={"toy": plugin(wait, lifespan=living(stopped=stopped))}) as host:
            await host.settled()
            call = asyncio.create_task(host.dispatcher.call_tool("toy_wait", {}, CALLER))
            await seen(began)
    assert cancelled.is_set()
    assert stopped.is_set()
    assert not host.abandoned
    await asyncio.wait({call}, timeout=LONG)


async def test_a_plugin_that_does_not_stop_is_abandoned_in_time() -> None:
    gate = threading.Event()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        try:
            yield
        finally:  # also when it is cancelled before it could leave
            gate.wait(LONG)

    settings = HostSettings(fuses={"stuck": FuseSettings(stop_timeout=0.1)})
    async with Host(settings, plugins={"stuck": plugin(echo, lifespan=lifespan)}) as host:
        await host.settled(LONG)
        begun = time.monotonic()
    assert time.monotonic() - begun < LONG / 2
    assert host.abandoned
    gate.set()
    await until(lambda: not any(thread.name == "fuseboard-stuck" for thread in threading.enumerate()))


def open_loops() -> set[asyncio.AbstractEventLoop]:
    gc.collect()
    return {item for item in gc.get_objects() if isinstance(item, asyncio.AbstractEventLoop) and not item.is_closed()}


async def test_a_host_that_is_left_at_once_leaves_nothing_open() -> None:
    """A command line that fails early does that; an event loop that is not closed is a warning on its way out."""
    before = open_loops()
    with anyio.fail_after(LONG):
        async with Host(HostSettings(), plugins={"toy": plugin(echo)}):
            pass
        await until(lambda: open_loops() <= before)


async def test_a_host_can_be_entered_and_left_many_times_and_keeps_no_thread() -> None:
    before = threading.active_count()
    with anyio.fail_after(LONG):
        for _ in range(10):
            async with PluginHost(plugin(echo), name="toy") as host:
                assert text_of(await host.call_tool("toy_echo")) == "pong"
    await until(lambda: threading.active_count() <= before + 1)


# --- one loop for a trusted plugin ------------------------------------------------------------------------------------


async def test_a_plugin_on_the_shared_loop_works_like_any_other() -> None:
    home = threading.current_thread().name

    async def where(ctx: Context[str]) -> str:
        return f"{threading.current_thread().name} {ctx.state}"

    def blocking() -> str:
        return threading.current_thread().name

    with anyio.fail_after(LONG):
        async with PluginHost(
            plugin(where, blocking, lifespan=living("state")), name="toy", fuse=FuseSettings(loop="shared")
        ) as host:
            assert text_of(await host.call_tool("toy_where")) == f"{home} state"
            assert text_of(await host.call_tool("toy_blocking")) != home
