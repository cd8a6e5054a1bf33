"""A server that dies, however it dies: its callers are told, it comes back, and nobody else notices."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import anyio
import pytest

from tests.plugins.docker_mcp.chaos.served import (
    SHORT_LIMIT,
    Bench,
    bench,
    error_of,
    new_mark,
    text_of,
    toy,
    undisturbed,
)
from tests.plugins.docker_mcp.processes import (
    PATIENCE,
    no_leak,
    wait_until_gone,
    wait_until_reaped,
    wait_until_there_are,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_killed_server_fails_its_calls_at_once_and_comes_back(tmp_path: Path) -> None:
    mark, answers = new_mark(), []
    with no_leak():
        async with bench(tmp_path, {"victim": toy(mark)}, mark) as made:
            await made.started("victim")
            first = await made.pid("victim")
            async with undisturbed(made):
                async with anyio.create_task_group() as group:
                    working = [anyio.Event() for _ in range(5)]

                    async def work(begun: anyio.Event) -> None:
                        async def progress(*_: object) -> None:
                            begun.set()

                        slow = made.host.call_tool("victim_slow", {"seconds": 600}, progress_callback=progress)
                        answers.append(error_of(await slow))

                    for begun in working:
                        group.start_soon(work, begun)
                    for begun in working:
                        await begun.wait()
                    os.kill(first, signal.SIGKILL)
                assert [answer.partition(":")[0] for answer in answers] == ["SERVER_DIED"] * 5
                await made.wait_for_state("victim", "ready")
                assert await made.pid("victim") != first
        await wait_until_gone(mark)


async def test_a_server_that_is_killed_while_nobody_asks_is_there_for_the_next_call(tmp_path: Path) -> None:
    mark = new_mark()
    async with bench(tmp_path, {"victim": toy(mark)}, mark) as made:
        await made.started("victim")
        async with undisturbed(made):
            for _ in range(3):
                before = await made.pid("victim")
                os.kill(before, signal.SIGKILL)
                await wait_until_reaped(before)
                with anyio.fail_after(PATIENCE):
                    while (answer := await made.call("victim", "echo", text="back")).is_error:
                        assert text_of(answer).partition(":")[0] in {"SERVER_DIED", "NOT_ACTIVE", "CANNOT_START"}
                        await anyio.sleep(0.02)
                assert text_of(answer) == "back"
    await wait_until_gone(mark)


async def test_a_server_that_ends_in_every_call_stays_usable(tmp_path: Path) -> None:
    mark = new_mark()
    async with bench(tmp_path, {"victim": toy(mark)}, mark) as made:
        await made.started("victim")
        async with undisturbed(made):
            for code in (0, 1, 77):
                await made.wait_for_state("victim", "ready")
                assert error_of(await made.call("victim", "die", code=code)).startswith("SERVER_DIED")
    await wait_until_gone(mark)


async def test_a_server_that_dies_whenever_it_starts_again_is_given_up_and_says_why(tmp_path: Path) -> None:
    """It starts once: the file that it needs is gone at the second start."""
    mark, program = new_mark(), tmp_path / "once.sh"
    server = toy(mark)
    once = f'rm "$0" || exit 3; exec "{server["command"]}" "$@"'
    program.write_text(once)
    server |= {"command": "/bin/sh", "args": [str(program), *server["args"]]}
    async with bench(tmp_path, {"victim": server}, mark, proxy={"reconnect_attempts": 2}) as made:
        await made.started("victim")
        async with undisturbed(made):
            os.kill(await made.pid("victim"), signal.SIGKILL)
            await made.wait_for_state("victim", "failed")
            refused = error_of(await made.call("victim", "echo", text="hello"))
        assert refused.partition(":")[0] in {"CANNOT_START", "NOT_ACTIVE", "SERVER_DIED"}, refused
        await made.stop("victim")
        assert await made.state("victim") == ""
    await wait_until_gone(mark)


@pytest.mark.parametrize("end", ["stop", "kill", "host"])
async def test_grandchildren_go_with_their_server(end: str, tmp_path: Path) -> None:
    """They ignore everything but SIGKILL, and so does the server."""
    mark, apart = new_mark(), new_mark()
    stubborn = toy(apart, "--spawn-child", "--ignore-term", "--ignore-eof")
    async with bench(tmp_path, {"parent": stubborn}, mark, proxy={"reconnect_attempts": 0}) as made:
        await made.started("parent")
        await wait_until_there_are(2, apart)
        async with undisturbed(made):
            if end == "stop":
                await made.stop("parent")
            elif end == "kill":
                os.kill(await made.pid("parent"), signal.SIGKILL)
            if end != "host":
                await wait_until_gone(apart)
    await wait_until_gone(apart)
    await wait_until_gone(mark)


async def test_a_server_that_stands_still_is_stopped_and_holds_up_nobody(tmp_path: Path) -> None:
    """Stopped by SIGSTOP it reads nothing: what is sent to it fills the pipe, and SIGTERM does not end it."""
    mark = new_mark()
    async with bench(tmp_path, {"victim": toy(mark)}, mark, proxy={"call_timeout": SHORT_LIMIT}) as made:
        await made.started("victim")
        os.kill(await made.pid("victim"), signal.SIGSTOP)
        async with undisturbed(made):
            async with anyio.create_task_group() as group:
                answers: list[str] = []

                async def ask() -> None:
                    answers.append(error_of(await made.call("victim", "echo", text="x" * 20_000)))

                for _ in range(20):
                    group.start_soon(ask)
            assert {answer.partition(":")[0] for answer in answers} == {"CALL_TIMEOUT"}
            with anyio.fail_after(PATIENCE):
                await made.stop("victim")
    await wait_until_gone(mark)


async def _cancel_twenty(made: Bench, seconds: float) -> None:
    """Call a slow tool twenty times, and cancel all once one of them is at work, or after so many seconds."""
    at_work = anyio.Event()

    async def progress(*_: object) -> None:
        at_work.set()

    async def call() -> None:
        await made.host.call_tool("victim_slow", {"seconds": 600}, progress_callback=progress)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(call)
        with anyio.move_on_after(seconds):
            await at_work.wait()
        group.cancel_scope.cancel()


async def test_a_storm_of_cancelled_calls_leaves_a_server_that_answers(tmp_path: Path) -> None:
    mark = new_mark()
    with no_leak():
        async with bench(tmp_path, {"victim": toy(mark)}, mark) as made:
            await made.started("victim")
            async with undisturbed(made):
                for number in range(10):
                    await _cancel_twenty(made, 0.05 if number % 2 else PATIENCE)
                with anyio.fail_after(PATIENCE):
                    while (asked := await made.call("victim", "asked")).structured_content["cancelled"] < 5:
                        await anyio.sleep(0.05)
                assert not asked.is_error
                assert text_of(await made.call("victim", "echo", text="on")) == "on"
    await wait_until_gone(mark)
