"""Servers that abuse the protocol: at most they harm themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.plugins.docker_mcp.chaos.served import bench, error_of, new_mark, text_of, undisturbed
from tests.plugins.docker_mcp.processes import PATIENCE, no_leak, wait_until_gone

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SERVER = Path(__file__).with_name("hostile_server.py")
FLOODS = ["list_changed flood", "log flood", "progress flood", "answer flood", "unknown flood", "question flood"]
LATER = 50
"""Seconds for a call; one without an answer is ended after 55."""


def hostile(mark: str, way: str) -> dict[str, Any]:
    """The settings of a server that abuses the protocol in one way."""
    return {"command": sys.executable, "args": ["-I", "-S", str(SERVER), way], "env": {"MARK": mark}}


@pytest.mark.parametrize("way", [*FLOODS, "deep nesting", "answered twice"])
async def test_what_is_only_too_much_is_passed_over_and_the_call_gets_its_answer(way: str, tmp_path: Path) -> None:
    mark = new_mark()
    with no_leak():
        async with bench(tmp_path, {"hostile": hostile(mark, way)}, mark) as made:
            await made.started("hostile")
            async with undisturbed(made):
                with anyio.fail_after(LATER):
                    assert text_of(await made.call("hostile", "abuse")) == "done"
                    assert text_of(await made.call("hostile", "echo")) == "echo"
    await wait_until_gone(mark)


@pytest.mark.parametrize("way", ["half a character", "odd numbers", "no result", "odd error", "closed output"])
async def test_an_answer_that_is_none_is_an_error_of_that_call_and_the_server_is_there_for_the_next(
    way: str, tmp_path: Path
) -> None:
    mark = new_mark()
    with no_leak():
        async with bench(tmp_path, {"hostile": hostile(mark, way)}, mark) as made:
            await made.started("hostile")
            async with undisturbed(made):
                with anyio.fail_after(LATER):
                    said = error_of(await made.call("hostile", "abuse"))
                    assert "Traceback" not in said
                    assert "\x1b" not in said
                    assert text_of(await made.call("hostile", "echo")) == "echo"
    await wait_until_gone(mark)


@pytest.mark.parametrize("way", ["odd tools", "many tools", "endless pages"])
async def test_of_odd_listings_what_can_be_used_is_used(way: str, tmp_path: Path) -> None:
    mark = new_mark()
    with no_leak():
        async with bench(tmp_path, {"hostile": hostile(mark, way)}, mark) as made:
            # Thousands of schemas are checked on the loop that all servers share.
            async with undisturbed(made, longest=40):
                with anyio.fail_after(PATIENCE):
                    await made.started("hostile")
                    assert text_of(await made.call("hostile", "echo")) == "echo"
                    names = {tool.name for tool in (await made.host.client.list_tools()).tools}
            assert "hostile_echo" in names
            assert all(name.isprintable() and len(name) <= 64 for name in names)
            assert len(names) < 2_100
    await wait_until_gone(mark)


async def test_a_version_of_the_protocol_that_nobody_knows_is_a_start_that_failed(tmp_path: Path) -> None:
    mark = new_mark()
    async with bench(tmp_path, {"hostile": hostile(mark, "odd version")}, mark) as made:
        async with undisturbed(made):
            [failed] = (await made.start("hostile"))["failed"]
        assert failed["code"] == "CANNOT_START"
    await wait_until_gone(mark)
