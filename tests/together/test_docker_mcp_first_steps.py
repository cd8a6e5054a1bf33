"""The plugin loads, reads its settings and says that its tools are still to come."""

from __future__ import annotations

import anyio
import pytest

from fuseboard.testing import PluginHost

pytestmark = pytest.mark.anyio
# A distribution of its own: tox runs this folder also where it is not installed.
docker_mcp = pytest.importorskip("fuseboard_docker_mcp")


async def test_docker_mcp_says_where_the_command_line_of_docker_is() -> None:
    with anyio.fail_after(10):
        async with PluginHost(docker_mcp, name="docker_mcp", settings={"docker": "no-such-program"}) as host:
            [check] = (await host.host.health())["docker_mcp"]
    assert check.ok
    assert check.message == "no-such-program is not on the path; the tools of this plugin come with a later release"
