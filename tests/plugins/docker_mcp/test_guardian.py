"""The guardian: nothing stays behind of a host that ends without a word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import anyio
import pytest

from fuseboard_docker_mcp.metrics import Metrics
from fuseboard_docker_mcp.sessions import Pool
from fuseboard_docker_mcp.sessions import guardian as guardian_module
from fuseboard_docker_mcp.sessions.guardian import Guardian
from tests.plugins.docker_mcp.processes import PATIENCE, marked, wait_until_gone, wait_until_there_are
from tests.plugins.docker_mcp.sessions_servers.helpers import (
    context,
    is_alive,
    own_time,
    pool,
    settings,
    text_of,
    toy,
    until,
)

pytestmark = pytest.mark.anyio

ABANDONED = Path(__file__).parent / "sessions_servers" / "abandoned.py"


@pytest.mark.parametrize("way", ["wait", "exit"])
async def test_a_host_that_is_killed_or_leaves_at_once_leaves_no_process_and_no_container(
    way: str, tmp_path: Path
) -> None:
    mark, swept = f"MARK={uuid4()}", tmp_path / "swept"
    environment = {**os.environ, "MARK": mark.removeprefix("MARK=")}
    with anyio.fail_after(PATIENCE):
        process = await anyio.open_process(
            [sys.executable, str(ABANDONED), way, str(swept)], env=environment, stderr=None
        )
        async with process:
            assert process.stdout is not None
            assert await process.stdout.receive() == b"started\n"
            if way == "wait":
                await wait_until_there_are(6, mark)  # the host, its guardian, two servers with a child each
                os.kill(process.pid, signal.SIGKILL)
            await process.wait()
        # The guardian itself stays some seconds longer, for its later sweeps.
        await until(lambda: len(marked(mark)) <= 1)
        await wait_until_gone(mark)
    assert set(swept.read_text().split()) == {"fuseboard.session=abandoned"}


async def test_an_idle_pool_has_no_guardian_and_a_left_one_neither() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            guardian = servers.guardian
            assert guardian.pid is None
            await servers.start("toy", toy())
            pid = guardian.pid
            assert pid is not None
            assert is_alive(pid)
        await until(lambda: not Path(f"/proc/{pid}").exists())


async def test_a_guardian_that_was_killed_is_replaced_and_knows_all_groups() -> None:
    with anyio.fail_after(PATIENCE):
        async with pool() as servers:
            guardian = servers.guardian
            session = await servers.start("toy", toy("--ignore-eof", "--ignore-term"))
            assert guardian.pid is not None
            first = guardian.pid
            os.kill(first, signal.SIGKILL)
            await until(lambda: not is_alive(first))
            await servers.start("other", toy())
            assert guardian.pid != first
            assert text_of(await session.call_tool(context(), "echo", {"text": "unharmed"})) == "unharmed"


async def test_a_new_guardian_does_not_hear_of_groups_that_have_ended() -> None:
    """Their numbers may be others' by then."""
    guardian = Guardian()
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        guardian.watch_group(stranger.pid)
        guardian.release_group(stranger.pid)
        assert guardian.pid is not None
        os.kill(guardian.pid, signal.SIGKILL)
        with anyio.fail_after(PATIENCE):
            before = guardian.pid
            while guardian.pid == before:
                guardian.ready()
                await anyio.sleep(0.01)
        after = guardian.pid
        guardian.close()
        await until(lambda: not is_alive(after))
        assert is_alive(stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()


async def test_the_guardian_asks_before_it_kills_and_spares_what_was_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = [sys.executable, "-I", "-S", "-c", "import time; print('up', flush=True); time.sleep(600)"]
    # Of two signals that wait for a process which stands still, the kernel delivers SIGKILL first: leave it the time.
    program = guardian_module.PROGRAM.read_text()
    patient = tmp_path / "guardian.py"
    patient.write_text(program.replace("GRACE = 0.7", f"GRACE = {PATIENCE}"))
    assert patient.read_text() != program
    monkeypatch.setattr(guardian_module, "PROGRAM", patient)
    with anyio.fail_after(PATIENCE):
        guardian = Guardian()
        kept, ended = (subprocess.Popen(sleeper, start_new_session=True, stdout=subprocess.PIPE) for _ in range(2))
        try:
            for process in (kept, ended):
                guardian.watch_group(process.pid)
                assert process.stdout is not None
                assert process.stdout.readline() == b"up\n"
            guardian.release_group(kept.pid)
            guardian.close()
            await until(lambda: ended.poll() is not None)
            assert ended.returncode == -signal.SIGTERM
            assert kept.poll() is None
        finally:
            for process in (kept, ended):
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()


async def test_containers_that_could_not_be_removed_in_time_are_left_to_the_guardian(tmp_path: Path) -> None:
    swept = tmp_path / "swept"
    command = ("/bin/sh", "-c", 'echo "$1" >> "$2"', "sh", "{label}", str(swept))

    async def endless(label: str) -> None:
        await anyio.sleep_forever()

    with anyio.fail_after(PATIENCE):
        servers = Pool(
            settings(), changed=lambda session: None, metrics=Metrics(), sweep=endless, sweep_command=command
        )
        async with own_time() as now:
            async with servers:
                await servers.start("toy", toy(label="fuseboard.session=slow"))
                begin = now()
            assert now() - begin < 1
        await until(swept.exists)
        await until(lambda: swept.read_text() == "fuseboard.session=slow\n" * 4)
