"""The one way of every call: names, deadlines, places, faults, nested calls."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import pytest
from mcp.shared.exceptions import MCPError

from fuseboard import BackendError, Caller, Context, ToolError
from fuseboard.dispatcher import DEEPEST_CALL
from fuseboard.errors import AmbiguousName, UnknownName
from fuseboard.fuse import FuseState
from fuseboard.host import Host
from fuseboard.settings import FuseSettings, HostSettings
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, error_of, plugin, seen, text_of, until

pytestmark = pytest.mark.anyio

CALLER = Caller("memory")


async def echo(text: str = "pong") -> str:
    """Return the text."""
    return text


def said(result: dict[str, Any]) -> str:
    """The text of a result in wire form."""
    return str(result["content"][0]["text"])


# --- names ------------------------------------------------------------------------------------------------------------


async def test_a_tool_is_called_by_its_public_name_its_bare_name_and_its_aliases() -> None:
    target = plugin(register_tools=lambda register: register(echo, aliases=["repeat"]))
    with anyio.fail_after(LONG):
        async with PluginHost(target, name="toy") as host:
            for name in ("toy_echo", "echo", "repeat"):
                assert text_of(await host.call_tool(name, {"text": name})) == name


async def test_a_bare_name_of_two_plugins_is_refused_with_both_public_names() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost({"one": plugin(echo), "two": plugin(echo)}) as host:
            with pytest.raises(AmbiguousName, match="one_echo or two_echo"):
                await host.host.dispatcher.call_tool("echo", {}, CALLER)
            with pytest.raises(MCPError, match="one_echo or two_echo"):
                await host.call_tool("echo")


async def test_an_unknown_name_of_a_plugin_that_is_down_says_why_it_is_down() -> None:
    broken = plugin(echo, lifespan=lambda: 1 / 0)
    with anyio.fail_after(LONG):
        async with PluginHost({"sick": broken}, allow_failure=True) as host:
            with pytest.raises(UnknownName, match=r"no tool 'sick_echo': plugin sick is failed: .*ZeroDivisionError"):
                await host.host.dispatcher.call_tool("sick_echo", {}, CALLER)


# --- errors -----------------------------------------------------------------------------------------------------------


async def misuse() -> str:
    raise ToolError("ask the other way round")


async def lose() -> str:
    raise BackendError("the registry does not answer")


async def crash() -> str:
    raise RuntimeError("password=hunter2")


async def leave() -> str:
    raise SystemExit(3)


async def cancel_itself() -> str:
    raise asyncio.CancelledError


async def whole_group() -> str:
    raise ExceptionGroup("many", [RuntimeError("password=hunter2")])


async def half_a_letter() -> str:
    raise ToolError("no such file \udcff")


async def hang() -> str:
    await asyncio.Event().wait()
    return "never"


@pytest.mark.parametrize("loop", ["own", "shared"])
async def test_what_a_tool_raises_for_the_model_reaches_it_and_the_rest_only_the_log(
    loop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fuse = FuseSettings(loop=loop, fault_threshold=100)
    tools = (misuse, lose, crash, leave, cancel_itself, whole_group)
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(*tools), name="toy", fuse=fuse) as host:
            errors = {tool.__name__: error_of(await host.call_tool(f"toy_{tool.__name__}")) for tool in tools}
    assert errors.pop("misuse") == "ask the other way round"
    assert errors.pop("lose") == "the registry does not answer"
    for name, text in errors.items():
        assert text.startswith(f"toy_{name} failed unexpectedly; the operator finds the cause in the log under ")
        reference = text.rsplit(" ", 1)[-1]
        assert f"toy_{name} failed (reference {reference})" in caplog.messages
    assert "hunter2" in caplog.text


async def test_an_error_text_that_is_not_unicode_does_not_reach_the_wire_as_it_is() -> None:
    """File names have such letters; the SDK's stdio server would end with the process."""
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(half_a_letter), name="toy") as host:
            error_of(await host.call_tool("toy_half_a_letter")).encode()


async def test_only_faults_of_the_plugin_count_for_its_fuse() -> None:
    """Wrong questions must not darken a circuit."""
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(echo, misuse), name="toy", fuse=FuseSettings(fault_threshold=2)) as host:
            for _ in range(5):
                error_of(await host.call_tool("toy_misuse"))
                error_of(await host.call_tool("toy_echo", {"wrong": 1}))
            assert host.host.circuit("toy").fuse.state is FuseState.CLOSED


@pytest.mark.parametrize("tool", [crash, lose, hang, leave])
async def test_faults_in_a_row_blow_the_fuse_and_calls_fail_at_once_with_the_reason(tool: Any) -> None:
    fuse = FuseSettings(fault_threshold=2, call_timeout=0.1, cool_down=10)
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(echo, tool), name="toy", fuse=fuse) as host:
            for _ in range(2):
                error_of(await host.call_tool(f"toy_{tool.__name__}"))
            refused = error_of(await host.call_tool("toy_echo"))
            row = host.row()
    assert refused.startswith("toy does not work at the moment: ")
    assert "tried again in" in refused
    assert (str(row.state), row.stage) == ("degraded", "call")


async def test_a_call_with_wrong_arguments_is_no_proof_that_the_plugin_works_again() -> None:
    """Not a line of the plugin's tool has run: the try is left to the next call."""
    fuse = FuseSettings(fault_threshold=1, cool_down=0.01)
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(echo, crash), name="toy", fuse=fuse) as host:
            error_of(await host.call_tool("toy_crash"))
            circuit = host.host.circuit("toy")
            while "wrong arguments" not in error_of(await host.call_tool("toy_echo", {"wrong": 1})):
                await asyncio.sleep(0.002)  # the cool-down
            assert circuit.fuse.state is not FuseState.CLOSED
            assert text_of(await host.call_tool("toy_echo")) == "pong"
            assert circuit.fuse.state is FuseState.CLOSED


# --- deadlines and places ---------------------------------------------------------------------------------------------


async def test_a_call_ends_at_its_deadline_and_is_cancelled_there() -> None:
    cancelled = threading.Event()

    async def wait() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return "never"

    fuse = FuseSettings(call_timeout=0.1, fault_threshold=1_000_000)
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(wait), name="toy", fuse=fuse) as host:
            while not cancelled.is_set():  # the deadline may have passed before the tool was reached
                told = error_of(await host.call_tool("toy_wait"))
                assert told == "toy_wait did not end within 0.1 s and was cancelled"


async def test_a_tool_can_have_a_deadline_of_its_own() -> None:
    target = plugin(register_tools=lambda register: register(hang, timeout=0.05))
    with anyio.fail_after(LONG):
        async with PluginHost(target, name="toy") as host:
            assert "did not end within 0.05 s" in error_of(await host.call_tool("toy_hang"))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_that_cancels_ends_the_tool_and_blames_nobody(mode: str) -> None:
    began, cancelled = threading.Event(), threading.Event()

    async def wait() -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return "never"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(wait), name="toy", fuse=FuseSettings(fault_threshold=1), mode=mode) as host:
            call = asyncio.create_task(host.call_tool("toy_wait"))
            await seen(began)
            call.cancel()
            await seen(cancelled)
            circuit = host.host.circuit("toy")
            await until(lambda: not circuit.running and circuit.bulkhead.taken == 0)
            assert circuit.fuse.state is FuseState.CLOSED


async def test_more_calls_than_may_run_wait_and_more_than_may_wait_are_told_that_it_is_busy() -> None:
    gate = threading.Event()

    async def work() -> str:
        await seen(gate)
        return "done"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(work), name="toy", fuse=FuseSettings(max_calls=2, max_queue=1)) as host:
            calls = {asyncio.create_task(host.call_tool("toy_work")) for _ in range(4)}
            (refused,), patient = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            gate.set()
            answers = [text_of(await call) for call in patient]
    assert error_of(await refused) == "toy is busy: 2 calls run and 1 wait; try again in a moment"
    assert answers == ["done", "done", "done"]


async def test_a_call_that_only_waited_for_a_place_until_its_deadline_is_no_fault_of_the_plugin() -> None:
    gate = threading.Event()

    async def work() -> str:
        await seen(gate)
        return "done"

    target = plugin(register_tools=lambda register: (register(work), register(echo, timeout=0.05)))
    with anyio.fail_after(LONG):
        async with PluginHost(target, name="toy", fuse=FuseSettings(max_calls=1, fault_threshold=1)) as host:
            first = asyncio.create_task(host.call_tool("toy_work"))
            await until(lambda: host.host.circuit("toy").bulkhead.taken)
            late = error_of(await host.call_tool("toy_echo"))
            state = host.host.circuit("toy").fuse.state
            gate.set()
            await first
    assert "0.05 s" in late
    assert state is FuseState.CLOSED


async def test_a_call_abandoned_in_a_worker_thread_keeps_its_place_until_the_thread_returns() -> None:
    began, gate = threading.Event(), threading.Event()

    def block() -> str:
        began.set()
        gate.wait(LONG)
        return "done"

    fuse = FuseSettings(call_timeout=0.1, max_calls=1, max_queue=0, fault_threshold=1_000_000)
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(block), fuse=fuse) as host:
            assert "did not end within" in error_of(await host.call_tool("plugin_block"))
            while not began.is_set():  # the deadline may have passed before the thread was there
                error_of(await host.call_tool("plugin_block"))
            assert "is busy" in error_of(await host.call_tool("plugin_block"))
            bulkhead = host.host.circuit("plugin").bulkhead
            assert bulkhead.taken == 1
            gate.set()
            await until(lambda: bulkhead.taken == 0)


# --- nested calls -----------------------------------------------------------------------------------------------------


async def test_a_nested_call_on_ones_own_plugin_takes_no_second_place() -> None:
    async def outer(ctx: Context[None]) -> str:
        return said(await ctx.board.call("toy_echo", {"text": "inner"}))

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(outer, echo), name="toy", fuse=FuseSettings(max_calls=1, max_queue=0)) as host:
            assert text_of(await host.call_tool("toy_outer")) == "inner"
            assert host.host.circuit("toy").bulkhead.taken == 0


async def test_a_call_that_comes_back_through_another_plugin_takes_no_second_place_either() -> None:
    async def outer(ctx: Context[None]) -> str:
        return said(await ctx.board.call("other_back", {}))

    async def back(ctx: Context[None]) -> str:
        return said(await ctx.board.call("toy_echo", {"text": f"for {ctx.caller.principal}"}))

    plugins = {"toy": plugin(outer, echo), "other": plugin(back)}
    with anyio.fail_after(LONG):
        async with PluginHost(plugins, fuse=FuseSettings(max_calls=1, max_queue=0)) as host:
            assert text_of(await host.call_tool("toy_outer")) == "for toy"


async def test_calls_are_nested_only_so_deep() -> None:
    async def dig(ctx: Context[None], depth: int = 1) -> str:
        result = await ctx.board.call("toy_dig", {"depth": depth + 1})
        return f"{depth} {said(result)}"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(dig), name="toy") as host:
            text = text_of(await host.call_tool("toy_dig"))
    assert text == "1 2 3 4 5 6 7 8 toy_dig: calls are nested more than 8 deep"
    assert DEEPEST_CALL == 8


async def test_a_nested_call_has_only_the_time_that_is_left_and_its_plugin_is_not_blamed() -> None:
    """The one who begins late is at fault, not the one who is asked late."""
    entered = threading.Event()

    async def outer(ctx: Context[None]) -> str:
        return said(await ctx.board.call("other_slow", {}))

    async def slow() -> str:
        entered.set()
        await asyncio.Event().wait()
        return "never"

    target = plugin(register_tools=lambda register: register(outer, timeout=0.1))
    other = plugin(register_tools=lambda register: register(slow, timeout=600))
    fuses = {"toy": FuseSettings(fault_threshold=1_000_000), "other": FuseSettings(fault_threshold=1)}
    with anyio.fail_after(LONG):
        async with Host(HostSettings(fuses=fuses), plugins={"toy": target, "other": other}) as host:
            await host.settled()
            while not entered.is_set():  # no time may be left before the other plugin is reached
                assert "600 s" not in said(await host.dispatcher.call_tool("toy_outer", {}, CALLER))
            await until(lambda: not host.circuit("other").running)
            assert host.circuit("other").fuse.state is FuseState.CLOSED


async def test_a_call_that_is_cancelled_cancels_what_it_calls() -> None:
    began, cancelled = threading.Event(), threading.Event()

    async def outer(ctx: Context[None]) -> str:
        return said(await ctx.board.call("other_wait", {}))

    async def wait() -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return "never"

    with anyio.fail_after(LONG):
        async with PluginHost({"toy": plugin(outer), "other": plugin(wait)}) as host:
            call = asyncio.create_task(host.call_tool("toy_outer"))
            await seen(began)
            call.cancel()
            await seen(cancelled)
            await until(lambda: not host.host.circuit("other").running)


async def test_an_error_of_a_nested_call_is_a_result_that_says_so() -> None:
    async def outer(ctx: Context[None]) -> str:
        result = await ctx.board.call("toy_misuse", {})
        return f"{result['isError']} {said(result)}"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(outer, misuse), name="toy") as host:
            assert text_of(await host.call_tool("toy_outer")) == "True ask the other way round"


async def test_a_plugin_that_calls_what_does_not_exist_fails_in_its_own_name() -> None:
    """The client asked for `toy_outer`, which exists: it must not be told that its name is unknown."""

    async def outer(ctx: Context[None]) -> str:
        return said(await ctx.board.call("nobody_home", {}))

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(outer), name="toy") as host:
            assert "nobody_home" in error_of(await host.call_tool("toy_outer"))


async def test_a_background_task_that_a_call_leaves_behind_is_no_part_of_it_any_more() -> None:
    """It outlives the deadline of that call, and takes a place of its own."""
    gate, answers, tasks = threading.Event(), list[str](), list[asyncio.Task[None]]()

    async def begin(ctx: Context[None]) -> str:
        async def refresh() -> None:
            await seen(gate)
            answers.append(said(await ctx.board.call("toy_echo", {})))

        tasks.append(asyncio.create_task(refresh()))
        return "begun"

    tools = {begin: 0.2, hang: 0.2, echo: LONG}
    target = plugin(register_tools=lambda register: [register(tool, timeout=tools[tool]) for tool in tools])
    with anyio.fail_after(LONG):
        async with PluginHost(target, name="toy", fuse=FuseSettings(fault_threshold=1_000_000)) as host:
            while text_of(await host.call_tool("toy_begin")) != "begun":
                pass  # where the machine stood still it has missed its deadline
            error_of(await host.call_tool("toy_hang"))  # now the time of the first call is over as well
            gate.set()
            await until(lambda: len(answers) == len(tasks))
    assert set(answers) == {"pong"}
