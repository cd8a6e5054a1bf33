"""Health checks: asked in parallel, each under its deadline, remembered for a short time, and told to the ledger."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import pytest

from fuseboard import BackendError, Context, HealthReport
from fuseboard.health import CheckResult
from fuseboard.ledger import State
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, error_of, living, plugin, take_time_to_stop, text_of, until

pytestmark = pytest.mark.anyio


def checking(*checks: Any, timeout: float = LONG, **options: Any) -> Any:
    """A hook that registers these checks, by default with more time than a machine can take from them."""

    def register_health_checks(register: Any) -> None:
        for check in checks:
            register(check, timeout=timeout, **options)

    return register_health_checks


async def well(ctx: Context[Any]) -> None:
    return None


async def ill(ctx: Context[Any]) -> str:
    return "the disk is full"


async def raises(ctx: Context[Any]) -> None:
    raise BackendError("no socket")


async def crashes(ctx: Context[Any]) -> None:
    raise RuntimeError("password=hunter2")


async def leaves(ctx: Context[Any]) -> None:
    raise SystemExit(1)


async def odd(ctx: Context[Any]) -> Any:
    return 5


async def hangs(ctx: Context[Any]) -> None:
    await asyncio.Event().wait()


async def results_of(host: PluginHost, name: str = "toy", max_age: float = 0.0) -> dict[str, CheckResult]:
    return {result.name: result for result in (await host.host.health(max_age))[name]}


async def test_every_check_has_an_answer_whatever_it_does() -> None:
    async def counts(ctx: Context[int]) -> HealthReport:
        return HealthReport(ok=True, message="", details={"state": ctx.state, "surface": ctx.caller.surface})

    def hook(register: Any) -> None:
        checking(well, ill, raises, crashes, leaves, odd, counts)(register)
        checking(hangs, timeout=0.5)(register)

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(lifespan=living(7), register_health_checks=hook), name="toy") as host:
            found = await results_of(host)
    assert {name: result.ok for name, result in found.items()} == {
        "well": True,
        "ill": False,
        "raises": False,
        "crashes": False,
        "leaves": False,
        "odd": False,
        "hangs": False,
        "counts": True,
    }
    assert found["ill"].message == "the disk is full"
    assert found["raises"].message == "no socket"
    assert "hunter2" not in found["crashes"].message
    assert "sys.exit" in found["leaves"].message
    assert found["hangs"].message == "no answer within 0.5 s"
    assert found["counts"].details == {"state": 7, "surface": "health"}
    assert found["hangs"].milliseconds >= 499


async def test_checks_of_all_plugins_run_side_by_side() -> None:
    """Each waits for the other: one after the other they would never end."""
    together = {"a": threading.Event(), "b": threading.Event()}

    def meeting(mine: str, other: str) -> Any:
        async def meet(ctx: Context[Any]) -> None:
            together[mine].set()
            await until(together[other].is_set)

        return plugin(register_health_checks=checking(meet))

    with anyio.fail_after(LONG):
        async with PluginHost({"a": meeting("a", "b"), "b": meeting("b", "a")}) as host:
            found = await host.host.health()
    assert all(result.ok for results in found.values() for result in results)


async def test_those_who_ask_at_the_same_time_share_one_round_and_its_answer_is_kept_for_a_moment() -> None:
    asked: list[int] = []
    gate = threading.Event()

    async def count(ctx: Context[Any]) -> None:
        asked.append(1)
        await until(gate.is_set)

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(register_health_checks=checking(count)), name="toy") as host:
            many = [asyncio.create_task(host.host.health()) for _ in range(20)]
            await until(lambda: asked)
            gate.set()
            await asyncio.gather(*many)
            assert len(asked) == 1
            await host.host.health(max_age=60)
            assert len(asked) == 1
            await host.host.health(max_age=0)
            assert len(asked) == 2


async def test_one_who_goes_away_while_asking_does_not_take_the_answer_from_the_others() -> None:
    gate = threading.Event()

    async def slow(ctx: Context[Any]) -> None:
        await until(gate.is_set)

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(register_health_checks=checking(slow)), name="toy") as host:
            stays, goes = (asyncio.create_task(host.host.health(0)) for _ in range(2))
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # now both wait for the same round
            goes.cancel()
            await asyncio.wait({goes})
            gate.set()
            assert (await stays)["toy"][0].ok


async def test_a_plugin_is_degraded_while_a_critical_check_is_ill_and_active_again_after() -> None:
    sick = threading.Event()

    async def disk(ctx: Context[Any]) -> str | None:
        return "the disk is full" if sick.is_set() else None

    async def echo() -> str:
        return "pong"

    target = plugin(echo, register_health_checks=checking(disk))
    with anyio.fail_after(LONG):
        async with PluginHost(target, name="toy") as host:
            await host.host.health(0)
            sick.set()
            await host.host.health(0)
            row = host.row()
            ill = (row.state, row.stage, row.reason)
            assert text_of(await host.call_tool("toy_echo")) == "pong", "it is still served"
            sick.clear()
            await host.host.health(0)
            assert (host.row().state, host.row().reason) == (State.ACTIVE, "")
    assert ill == (State.DEGRADED, "health", "disk: the disk is full")


async def test_a_check_that_is_not_critical_is_told_and_changes_no_state() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(register_health_checks=checking(ill, critical=False)), name="toy") as host:
            found = await results_of(host)
            assert host.row().state is State.ACTIVE
    assert not found["ill"].ok


async def test_health_is_asked_once_when_a_plugin_has_come_up() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(register_health_checks=checking(ill)), name="toy") as host:
            await until(lambda: host.row().state is State.DEGRADED)


async def test_a_check_that_blocks_is_not_asked_again_while_it_still_runs() -> None:
    gate = threading.Event()
    asked: list[int] = []

    async def blocks(ctx: Context[Any]) -> None:
        asked.append(1)
        gate.wait(LONG)

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(register_health_checks=checking(blocks, timeout=0.05)), name="toy") as host:
            told = [(await results_of(host, max_age=LONG))["blocks"].message]
            while "test_health.py" not in told[-1]:  # the first may have been given up before it began to block
                told.append((await results_of(host))["blocks"].message)
            gate.set()
    assert set(told[:-1]) == {"no answer within 0.05 s"}
    assert told[-1].startswith("the check still runs")
    assert len(asked) == 1


async def test_after_a_fault_the_health_check_blows_the_fuse_with_its_reason() -> None:
    """The plugin's backend is gone: there is no need to wait for as many faults as blow a fuse."""
    gone = threading.Event()

    async def connection(ctx: Context[Any]) -> str | None:
        return "connection refused" if gone.is_set() else None

    async def work() -> str:
        raise BackendError("the registry does not answer")

    target = plugin(work, register_health_checks=checking(connection))
    fuse = FuseSettings(fault_threshold=1_000_000, cool_down=10)
    with anyio.fail_after(LONG):
        async with PluginHost(target, name="toy", fuse=fuse) as host:
            await host.host.health(0)
            gone.set()
            said = ""
            while "connection: connection refused" not in said:
                said = error_of(await host.call_tool("toy_work"))
                await anyio.sleep(0.05)  # an answer is good for a second, so that a flood of faults asks only once
    assert said.startswith("toy does not work at the moment: ")


async def test_a_plugin_sees_the_health_of_all_through_its_board() -> None:
    async def look(ctx: Context[Any]) -> str:
        return str({name: [check.ok for check in checks] for name, checks in (await ctx.board.health()).items()})

    plugins = {"toy": plugin(look), "sick": plugin(register_health_checks=checking(ill, well))}
    with anyio.fail_after(LONG):
        async with PluginHost(plugins) as host:
            assert text_of(await host.call_tool("toy_look")) == "{'sick': [False, True], 'toy': []}"


async def broken_letters(ctx: Context[Any]) -> str:
    return "no such file \udcff"


async def a_lock_in_the_details(ctx: Context[Any]) -> HealthReport:
    return HealthReport(ok=True, details={"lock": threading.Lock()})


async def nan_in_the_details(ctx: Context[Any]) -> HealthReport:
    return HealthReport(ok=True, details={"ratio": float("nan")})


async def wrong_types(ctx: Context[Any]) -> HealthReport:
    return HealthReport(ok="yes", message=None, details=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("check", [broken_letters, a_lock_in_the_details, nan_in_the_details, wrong_types])
async def test_a_strange_answer_of_one_plugin_does_not_hide_the_state_of_the_others(check: Any) -> None:
    """The status is asked for just when something is wrong."""
    with anyio.fail_after(LONG):
        async with PluginHost(
            {"toy": plugin(register_health_checks=checking(check)), "fine": plugin(well_tool)}
        ) as host:
            status = await host.call_tool("fuseboard_status")
            listed = await host.read_resource("fuseboard://plugins")
    assert not status.is_error
    assert "fine: active" in text_of(status)
    assert '"fine"' in listed.contents[0].text  # type: ignore[union-attr]


async def well_tool() -> str:
    return "well"


async def test_a_check_that_runs_while_the_host_stops_is_no_news_for_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_time_to_stop(monkeypatch)
    begun = threading.Event()

    async def slow(ctx: Context[Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    with anyio.fail_after(LONG):
        async with PluginHost(
            plugin(well, register_health_checks=checking(slow)), name="toy", fuse=FuseSettings(stop_timeout=LONG)
        ) as host:
            asking = asyncio.create_task(host.host.health())
            await until(begun.is_set)
        [result] = (await asking)["toy"]
    assert result.message == "the plugin is being stopped"
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
