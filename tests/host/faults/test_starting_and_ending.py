"""The first and the last seconds of a host with bad plugins: it answers while they load, and it always ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp
import pytest

from tests.host.faults.running import (
    PATIENCE,
    TWO_WAYS,
    Board,
    Era,
    Line,
    Surface,
    http_host,
    line,
    said,
    until,
)

pytestmark = pytest.mark.anyio

# --- the first seconds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("surface", "era"), TWO_WAYS)
async def test_the_healthy_plugin_answers_long_before_the_deadline_of_a_hanging_import(
    site: Path, tmp_path: Path, surface: Surface, era: Era
) -> None:
    """The handshake waits at most 1 s and a listing 2 s; the import would hang for ten minutes, and still does."""
    board = Board(site, tmp_path, ["import_hangs"], fuse={"import_timeout": 600, "stop_timeout": 0.3})
    async with line(board, surface, era) as served:
        names = [tool.name for tool in (await served.client.list_tools()).tools]
        assert {"healthy_echo", "fuseboard_status"} <= set(names)
        await served.healthy_answers()
        assert "import_hangs: starting" in said(await served.call("fuseboard_status"))


async def test_a_call_to_a_plugin_that_starts_late_waits_for_it(site: Path, tmp_path: Path) -> None:
    """Its lifespan succeeds at the second attempt, after the first listing; `list_changed` tells of it."""
    fuse = {"import_timeout": 600, "start_timeout": 600, "stop_timeout": 0.3}
    board = Board(site, tmp_path, ["life_late", "import_hangs"], fuse=fuse)
    changes: list[str] = []
    answers: list[str] = []

    async def heard(message: object) -> None:
        changes.append(type(message).__name__)

    async with line(board, "stdio", "legacy", message_handler=heard) as served:

        async def call() -> None:
            answers.append(said(await served.call("life_late_fine")))

        before = [tool.name for tool in (await served.client.list_tools()).tools]
        assert [name for name in before if name.startswith("life_late")] == []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await served.healthy_answers()
            assert (answers, "ToolListChangedNotification" in changes) == ([], False)
            board.release("late")
        assert answers == ["fine"]
        await until(lambda: "ToolListChangedNotification" in changes, "the notification")
        after = [tool.name for tool in (await served.client.list_tools()).tools]
        assert "life_late_fine" in after


# --- noise --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("surface", "era"), TWO_WAYS)
async def test_what_a_plugin_prints_is_in_the_log_and_never_on_the_wire(
    site: Path, tmp_path: Path, surface: Surface, era: Era
) -> None:
    """`line` proves that nothing but JSON-RPC was on the wire, from the first byte to the last."""
    board = Board(site, tmp_path, ["import_prints"])
    async with line(board, surface, era) as served:
        assert said(await served.call("import_prints_aloud")) == "said"
        assert said(await served.call("import_prints_aloud_in_a_thread")) == "said"
        await served.healthy_answers()
        await until(lambda: "thread: by a child" in board.log(), "the log")
        assert (await served.row("import_prints"))["noise"]["lines"] >= 9
    for when in ("import", "call", "thread"):
        for how in ("printed", "as bytes", "without an end"):
            assert re.search(f"import_prints printed: .*{when}: {how}", board.log())
        for how in ("on the descriptor", "by a child"):
            assert f"{when}: {how}" in board.log()


async def test_a_line_on_the_descriptor_is_under_the_name_of_the_only_plugin_that_is_at_work(
    site: Path, tmp_path: Path
) -> None:
    """Who wrote to a descriptor is known only when nobody else could have been it, a moment before too."""
    board = Board(site, tmp_path, ["import_prints"])
    async with line(board, "stdio", "auto") as served:
        with anyio.fail_after(PATIENCE):
            for how in ("on the descriptor", "by a child"):
                while f"import_prints printed: call: {how}" not in board.log():
                    await served.call("import_prints_aloud")


@pytest.mark.parametrize(("surface", "era"), TWO_WAYS)
async def test_a_plugin_that_takes_over_the_log_starts_no_echo_without_end(
    site: Path, tmp_path: Path, surface: Surface, era: Era
) -> None:
    """What it sends to standard output is logged, and what is logged it sends to standard output."""
    board = Board(site, tmp_path, ["import_hijacks_log"])
    async with line(board, surface, era) as served:
        assert said(await served.call("import_hijacks_log_fine")) == "fine"
        for _ in range(20):
            await served.healthy_answers()
    assert "the log is mine" in board.log()
    assert len(board.log()) < 200_000


@pytest.mark.parametrize(("surface", "era"), TWO_WAYS)
async def test_a_flood_on_standard_output_is_cut_and_holds_up_nobody(
    site: Path, tmp_path: Path, surface: Surface, era: Era
) -> None:
    board = Board(site, tmp_path, ["import_floods_stdout"], fuse={"call_timeout": 600})
    async with line(board, surface, era) as served:
        await served.ledger()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(served.call, "import_floods_stdout_lines")
            tasks.start_soon(served.call, "import_floods_stdout_one_line")
            await served.healthy_answers()
        assert said(await served.call("import_floods_stdout_fine")) == "fine"
        await served.healthy_answers()
    assert len(board.log()) < 1_000_000


async def test_check_reports_the_noise(site: Path, tmp_path: Path) -> None:
    done = Board(site, tmp_path, ["import_prints"]).run("check")
    assert "import_prints" in done.stdout + done.stderr
    assert "import: printed" in done.stdout + done.stderr


# --- the last seconds ---------------------------------------------------------------------------------------------

HANGING: list[tuple[str, dict[str, Any]]] = [
    ("hanging_hang", {"name": "one"}),
    ("held_hang_for_ever", {"name": "two"}),
    ("stuck_ignore_cancel", {"name": "three"}),
    ("blocking_block", {}),
]
ENDING = {
    "exit_raises": "raises at exit",
    "exit_hangs": "hangs at exit",
    "exit_ignores_cancel": "ignores cancel at exit",
    "exit_blocks": "blocks at exit",
    "exit_exits": "exits at exit",
    "exit_atexit": "hangs in atexit",
    "exit_child": "leaves a child",
    "exit_fork": "leaves a fork",
    "exit_properly": "left properly",
}


@pytest.mark.parametrize(("surface", "era"), TWO_WAYS)
async def test_whatever_plugins_do_at_their_end_the_process_ends_in_time_and_every_lifespan_was_left(
    site: Path, tmp_path: Path, surface: Surface, era: Era
) -> None:
    """`line` proves that the process ends by itself, in time and with status 0."""
    fuses = {name: {"stop_timeout": 2.5} for name in ("exit_hangs", "exit_ignores_cancel", "exit_blocks")}
    board = Board(site, tmp_path, [*ENDING, "life_thread_stays"], fuse={"stop_timeout": 15}, fuses=fuses)
    async with line(board, surface, era) as served:
        await served.ledger()
        await served.healthy_answers()
    board.release("children")
    assert set(ENDING.values()) <= set(board.journal())
    assert "exit_blocks does not stop at fuseboard_faulty/lifespans.py" in board.log()


@pytest.mark.parametrize(("surface", "era"), TWO_WAYS)
async def test_the_process_ends_in_time_while_calls_hang_in_every_way(
    site: Path, tmp_path: Path, surface: Surface, era: Era
) -> None:
    fuses = {"hanging": {"stop_timeout": 15}}
    board = Board(site, tmp_path, ["hanging", "held", "stuck", "blocking"], fuse={"stop_timeout": 0.3}, fuses=fuses)
    async with line(board, surface, era) as served:
        await served.ledger()
        async with anyio.create_task_group() as tasks:
            for tool, arguments in HANGING:
                tasks.start_soon(served.client.call_tool, tool, dict(arguments))
            await board.noted("one begins", "two begins", "three begins", "block begins")
            await served.healthy_answers()
            tasks.cancel_scope.cancel()
    assert "one was cancelled" in board.journal()


async def test_the_process_ends_in_time_while_plugins_still_hang_at_their_beginnings(
    site: Path, tmp_path: Path
) -> None:
    fuse = {"import_timeout": 600, "start_timeout": 600, "stop_timeout": 0.3}
    names = ["import_hangs", "import_waits", "hook_hangs", "life_hangs", "life_blocks"]
    async with line(Board(site, tmp_path, names, fuse=fuse), "stdio", "auto") as served:
        await served.client.get_prompt("healthy_greeting", {"name": "Ada"})


# --- what an operator requires ------------------------------------------------------------------------------------


async def test_the_probe_says_not_ready_while_a_required_plugin_is_down_and_the_others_serve(
    site: Path, tmp_path: Path
) -> None:
    board = Board(site, tmp_path, ["import_raises", "life_late"], fuses={"life_late": {"required": True}})
    async with http_host(board) as address, httpx2.AsyncClient(timeout=PATIENCE) as http:
        first = await http.get(f"{address}/readyz")
        assert (first.status_code, first.json()["ready"]) == (503, False)
        assert (await http.get(f"{address}/livez")).status_code == 200
        async with mcp.Client(f"{address}/mcp", cache=None) as client:
            served = Line(board, "http", "auto", client, address)
            await served.healthy_answers()
            board.release("late")
            await served.row("life_late", "active")
        assert (await http.get(f"{address}/readyz")).status_code == 200


# --- the command line, which works with every plugin broken ---------------------------------------------------------

BROKEN = ["import_raises", "import_hangs", "import_exits", "hook_misspelt", "schema_empty_input", "config_missing"]


async def test_the_list_of_plugins_never_fails(site: Path, tmp_path: Path) -> None:
    done = Board(site, tmp_path, BROKEN, fuse={"import_timeout": 0.5, "stop_timeout": 0.3}).run("plugins", "--json")
    assert done.returncode == 0, done.stderr
    states = {row["name"]: row["state"] for row in json.loads(done.stdout)["plugins"]}
    assert {name: states[name] for name in ["healthy", *BROKEN]} == {"healthy": "active"} | dict.fromkeys(
        BROKEN, "failed"
    )


async def test_check_fails_and_names_each_broken_plugin(site: Path, tmp_path: Path) -> None:
    done = Board(site, tmp_path, BROKEN, fuse={"import_timeout": 0.5, "stop_timeout": 0.3}).run("check")
    assert done.returncode == 1, done.stderr
    assert [name for name in BROKEN if name not in done.stdout] == []


async def test_a_call_on_the_command_line_works_beside_broken_plugins(site: Path, tmp_path: Path) -> None:
    board = Board(site, tmp_path, BROKEN, fuse={"import_timeout": 0.5, "stop_timeout": 0.3})
    done = board.run("call", "healthy_echo", "text=hello")
    assert (done.returncode, done.stdout.strip()) == (0, "hello"), done.stderr
