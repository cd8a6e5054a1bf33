"""Servers that say too much, or nothing that can be read: bounded, told, and of no concern to others."""

from __future__ import annotations

import gc
from pathlib import Path

import anyio
import pytest

from fuseboard.settings import FuseSettings
from tests.plugins.docker_mcp.chaos.served import bench, error_of, new_mark, text_of, toy, undisturbed
from tests.plugins.docker_mcp.processes import no_leak, wait_until_gone

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MIB = 2**20


async def test_noise_on_standard_output_is_passed_over(tmp_path: Path) -> None:
    mark = new_mark()
    async with bench(tmp_path, {"noisy": toy(mark)}, mark) as made:
        await made.started("noisy")
        async with undisturbed(made):
            assert text_of(await made.call("noisy", "noise", lines=5_000)) == "made noise"
            assert text_of(await made.call("noisy", "echo", text="heard")) == "heard"
    await wait_until_gone(mark)


async def test_a_flood_on_standard_error_neither_blocks_the_server_nor_fills_the_memory(tmp_path: Path) -> None:
    mark = new_mark()
    async with bench(tmp_path, {"flooding": toy(mark)}, mark) as made:
        await made.started("flooding")
        before = resident_mib()
        async with undisturbed(made):
            assert text_of(await made.call("flooding", "flood", bytes=64 * MIB)) == "flooded"
            assert text_of(await made.call("flooding", "echo", text="heard")) == "heard"
        gc.collect()
        while resident_mib() - before >= 40:
            await anyio.sleep(0.1)
    await wait_until_gone(mark)


async def test_a_result_of_twenty_mebibytes_passes_where_the_host_allows_it(tmp_path: Path) -> None:
    mark = new_mark()
    async with bench(tmp_path, {"big": toy(mark)}, mark, fuse=FuseSettings(max_result_bytes=64 * MIB)) as made:
        await made.started("big")
        async with undisturbed(made, longest=40):
            result = await made.call("big", "big", bytes=20 * MIB)
        assert len(text_of(result)) == 20 * MIB
    await wait_until_gone(mark)


async def test_a_result_of_twenty_mebibytes_is_a_clear_error_by_default_and_the_server_lives_on(tmp_path: Path) -> None:
    mark = new_mark()
    async with bench(tmp_path, {"big": toy(mark)}, mark) as made:
        await made.started("big")
        before = await made.pid("big")
        async with undisturbed(made, longest=40):
            for answer in (
                await made.call("big", "big", bytes=20 * MIB),
                await made.host.call_tool("big_big", {"bytes": 20 * MIB}),
            ):
                assert "20.0 MiB, more than the 8.0 MiB allowed" in error_of(answer)
        assert await made.pid("big") == before
    await wait_until_gone(mark)


async def test_a_message_longer_than_allowed_ends_its_session_alone_and_says_so(tmp_path: Path) -> None:
    mark = new_mark()
    with no_leak():
        async with bench(tmp_path, {"big": toy(mark)}, mark, proxy={"message_bytes": MIB}) as made:
            await made.started("big")
            async with undisturbed(made):
                assert error_of(await made.call("big", "big", bytes=4 * MIB)).startswith("SERVER_DIED")
                await made.wait_for_state("big", "ready")
                assert text_of(await made.call("big", "echo", text="back")) == "back"
    await wait_until_gone(mark)


def resident_mib() -> float:
    """The memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / MIB
