"""The same server behind the real `fuseboard stdio`, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.plugins.docker_mcp.everything.served import (
    CALLS,
    DOORS,
    ERAS,
    PATIENCE,
    PREFIX,
    SERVER,
    answering,
    call,
    over_stdio,
    section,
    wire,
)
from tests.plugins.docker_mcp.processes import UNHURRIED, marked, wait_until_gone

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.slow]


@pytest.mark.parametrize("mode", ERAS)
async def test_every_tool_answers_over_stdio_and_the_server_ends_with_the_host(
    mode: str, tmp_path: Path, direct_answers: list[dict[str, Any]]
) -> None:
    mark = f"everything-{mode}-{tmp_path.name}"
    chosen = section(tmp_path, env={"GREETING": "ahoy", "MARK": mark}, autostart=True)
    with anyio.fail_after(PATIENCE):
        # Every JSON is YAML.
        settings = json.dumps({"plugins": {"docker_mcp": chosen}, "fuses": UNHURRIED})
        async with over_stdio(mode, tmp_path, settings, **answering()) as client:
            await client.call_tool("docker_mcp_start_servers", {"servers": [SERVER]})
            assert len(marked(mark)) == 1
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert {PREFIX + tool for tool, _ in CALLS} <= names
            for door in DOORS:
                for (tool, arguments), expected in zip(CALLS, direct_answers, strict=True):
                    answer = wire(await call(client, door, tool, arguments))
                    assert tool == "get-env" or answer == expected, f"{tool} by {door}"
        await wait_until_gone(mark)
