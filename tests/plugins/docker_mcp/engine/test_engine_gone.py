"""An engine that is not there, goes away or comes back: only the servers in its containers notice."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from tests.plugins.docker_mcp.engine.boxed import boxed, boxes, section
from tests.plugins.docker_mcp.engine.private_engine import PrivateEngine
from tests.plugins.docker_mcp.hosted import hosted, result_of, started, text_of, toy

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.slow]


async def test_an_engine_that_goes_away_takes_its_servers_and_no_others_and_serves_again_when_it_is_back(
    mortal_engine: PrivateEngine, tmp_path: Path
) -> None:
    async with boxes(mortal_engine, tmp_path, {"boxed": boxed()}, servers={"direct": toy()}) as host:
        await started(host, "boxed", "direct")
        mortal_engine.stop()
        with anyio.fail_after(60):
            while True:
                active = (await result_of(host, "get_active_servers"))["servers"]
                states = {server["server"]: server for server in active}
                if states["boxed"]["state"] == "failed":
                    break
                await anyio.sleep(0.02)
        refused = await result_of(host, "start_servers", servers=["boxed"])
        echoed = text_of(await host.call_tool("direct_echo", {"text": "still here"}))
        mortal_engine.start()
        await started(host, "boxed")
        back = text_of(await host.call_tool("boxed_echo", {"text": "back"}))

    assert "NO_ENGINE" in states["boxed"]["reason"]
    assert [failed["code"] for failed in refused["failed"]] == ["NO_ENGINE"]
    assert states["direct"]["state"] == "ready"
    assert (echoed, back) == ("still here", "back")


async def test_where_docker_host_leads_nowhere_containers_are_refused_and_other_servers_start(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
        chosen = section(engine, tmp_path, {"boxed": boxed()})
        async with hosted(tmp_path / "state", {"direct": toy()}, settings=chosen) as host:
            result = await result_of(host, "start_servers", servers=["boxed", "direct"])

    assert [started["server"] for started in result["started"]] == ["direct"]
    assert [failed["code"] for failed in result["failed"]] == ["NO_ENGINE"]
