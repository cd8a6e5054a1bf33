"""`fuseboard stdio` is killed by SIGKILL, so none of its code runs any more; nothing of its servers survives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import mcp
import pytest
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.plugins.docker_mcp.chaos.served import LONG, new_mark, section, toy
from tests.plugins.docker_mcp.processes import UNHURRIED, marked, wait_until_gone

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def parameters(folder: Path, mark: str) -> StdioServerParameters:
    """The host with a good server and one that ignores everything, and whose child does so too."""
    servers = {
        "good": toy(mark, autostart=True),
        "stubborn": toy(mark, "--ignore-term", "--ignore-eof", "--spawn-child", autostart=True),
    }
    settings = folder / "fuseboard.yaml"
    settings.write_text(json.dumps({"plugins": {"docker_mcp": section(folder, servers)}, "fuses": UNHURRIED}))
    own = {"FUSEBOARD_CONFIG": str(settings), "FUSEBOARD_LOAD_PLUGINS": "docker_mcp", "HOST_MARK": mark}
    # A shell stands between, as with a client that starts its servers by one: it tells the host's number.
    script = f'echo $$ > "{folder}/pid"; exec "{sys.executable}" -m fuseboard stdio'
    return StdioServerParameters(command="/bin/sh", args=["-c", script], env={**os.environ, **own}, cwd=folder)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_nothing_survives_the_host(number: signal.Signals, tmp_path: Path) -> None:
    mark = new_mark()
    with anyio.fail_after(LONG), (tmp_path / "host.log").open("w") as log:
        transport = stdio_client(parameters(tmp_path, mark), errlog=log)
        async with mcp.Client(transport, mode="legacy", cache=None) as client:
            for server in ("good", "stubborn"):
                result = await client.call_tool("docker_mcp_start_servers", {"servers": [server]})
                assert not result.is_error, result
            # The host, two servers and a grandchild; and whoever watches over them.
            while len(marked(mark)) < 4:
                await anyio.sleep(0.02)
            os.kill(int((tmp_path / "pid").read_text()), number)
            await wait_until_gone(mark)


async def test_nothing_survives_a_client_that_goes_away(tmp_path: Path) -> None:
    mark = new_mark()
    with anyio.fail_after(LONG):
        given = parameters(tmp_path, mark)
        with (tmp_path / "host.log").open("w") as log:
            command = [given.command, *given.args]
            host = subprocess.Popen(command, env=given.env, cwd=tmp_path, stdin=subprocess.PIPE, stdout=log, stderr=log)
        with host:
            try:
                # Both start with the host; the child of the second one carries the mark as well.
                while len(marked(mark)) < 4:
                    await anyio.sleep(0.05)
                assert host.stdin is not None
                host.stdin.close()
                await wait_until_gone(mark)
            finally:
                host.kill()
