"""The main job, end to end: a real client, the real host in a process of its own, the simulated service behind it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp
import pytest
from mcp.client import ClientRequestContext
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import ElicitRequestParams, ElicitResult

from fuseboard_cloudru.simulator import Simulator, Switches
from tests.plugins.cloudru.served import asked, text_of
from tests.ports import deserted_port

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

COMMAND = [sys.executable, "-m", "fuseboard"]
PATIENCE = 180.0  # seconds; only what is broken takes so long
WAYS = ["stdio legacy", "stdio auto", "http legacy", "http auto", "sse legacy"]


def _environment(simulator: Simulator | None, folder: Path) -> dict[str, str]:
    """Nothing but the variables that lead to the service, as the README shows them."""
    (folder / "fuseboard.yaml").write_text("{}")
    keys = simulator.environment() if simulator else {}
    own = {"FUSEBOARD_CONFIG": str(folder / "fuseboard.yaml"), "FUSEBOARD_LOAD_PLUGINS": "cloudru"}
    return {**os.environ, **own, **keys}


@asynccontextmanager
async def _http(environment: dict[str, str]) -> AsyncIterator[str]:
    """`fuseboard http` on a free port; what it says on standard error names its address."""
    command = [*COMMAND, "http", "--port", "0"]
    async with await anyio.open_process(command, env=environment, stdin=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        said = ""
        try:
            with anyio.fail_after(PATIENCE):
                while (found := re.search(r"serving (http://\S+)/mcp", said)) is None:
                    said += (await process.stderr.receive()).decode()
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
        with anyio.fail_after(PATIENCE):
            assert await process.wait() == 0


@asynccontextmanager
async def _client(way: str, environment: dict[str, str], **options: Any) -> AsyncIterator[mcp.Client]:
    """A client on one surface, in one protocol era: for example "http legacy"."""
    surface, mode = way.split()
    if surface == "stdio":
        parameters = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=environment)
        with open(os.devnull, "w", encoding="utf-8") as log:  # noqa: ASYNC230 - the null device does not block
            target: Any = stdio_client(parameters, errlog=log)
            async with mcp.Client(target, mode=mode, cache=None, **options) as client:
                yield client
    else:
        async with _http(environment) as url:
            target = sse_client(f"{url}/sse", timeout=PATIENCE) if surface == "sse" else f"{url}/mcp"
            async with mcp.Client(target, mode=mode, cache=None, **options) as client:
                yield client


async def _call(client: mcp.Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(f"cloudru_{tool}", arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


@pytest.mark.parametrize("way", WAYS)
async def test_a_registry_is_created_waited_for_listed_guarded_and_deleted(way: str, tmp_path: Path) -> None:
    questions: list[str] = []

    async def agree(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"delete": True})

    with Simulator(Switches(operation_seconds=0.2)) as simulator:
        environment = _environment(simulator, tmp_path)
        async with _client(way, environment, elicitation_callback=agree) as client:
            with anyio.fail_after(PATIENCE):
                begun = (await _call(client, "create_registry", name="fresh"))["operation"]
                made = await _call(client, "wait_for_operation", operation_id=begun["id"])
                registry_id = made["registry"]["id"]
                assert made["registry"]["status"] == "ACTIVE"
                assert [one["id"] for one in (await _call(client, "list_registries"))["registries"]] == [registry_id]
                guarded = await _call(
                    client, "update_quarantine_mode", registry_id=registry_id, quarantine_mode="HIGH", wait=True
                )
                assert guarded["registry"]["quarantine_mode"] == "HIGH"
                gone = await _call(client, "delete_registry", registry_id=registry_id, wait=True)
                assert gone["done"] is True
                assert (await _call(client, "list_registries")).get("registries") == []
        assert [line.split()[0] for line in asked(simulator) if not line.startswith("GET")] == [
            "POST",
            "PATCH",
            "DELETE",
        ]
    assert len(questions) == 1
    assert "'fresh'" in questions[0]


@pytest.mark.parametrize("way", ["stdio auto", "http legacy"])
async def test_the_seeds_calls_work_with_the_seeds_environment(way: str, tmp_path: Path) -> None:
    """Every tool of the seed, by its bare name, with no argument that the seed does not have."""
    with Simulator() as simulator:
        registry = simulator.store.add("team")
        calls: list[tuple[str, dict[str, Any]]] = [
            ("list_registries", {"page_size": 20}),
            ("get_registry", {"registry_id": registry.id}),
            ("create_registry", {"name": "fresh", "registry_type": "DEBIAN", "is_public": False}),
            ("list_operations", {"page_size": 5}),
            ("update_quarantine_mode", {"registry_id": registry.id, "quarantine_mode": "LOW"}),
            ("get_registry_operations", {"registry_id": registry.id}),
        ]
        async with _client(way, _environment(simulator, tmp_path)) as client:
            with anyio.fail_after(PATIENCE):
                for name, arguments in calls:
                    result = await client.call_tool(name, arguments)
                    assert not result.is_error, text_of(result)
                operation = simulator.store.operations()[0].id
                assert not (await client.call_tool("get_operation", {"operation_id": operation})).is_error
                refused = await client.call_tool("delete_registry", {"registry_id": registry.id})
    assert refused.is_error
    assert "confirm_name='team'" in text_of(refused)


async def test_without_keys_the_host_serves_and_the_tools_say_what_is_missing(tmp_path: Path) -> None:
    async with _client("stdio auto", _environment(None, tmp_path)) as client:
        with anyio.fail_after(PATIENCE):
            result = await client.call_tool("cloudru_list_registries", {})
            status = await client.call_tool("fuseboard_status", {})
    missing = "NOT_CONFIGURED: CLOUD_RU_KEY_ID and CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set"
    assert text_of(result).startswith(missing)
    assert missing in text_of(status)


async def test_a_service_that_is_gone_is_a_clear_error_and_the_host_goes_on(tmp_path: Path) -> None:
    simulator = Simulator()
    with deserted_port() as port:
        simulator.url = f"http://127.0.0.1:{port}"
        async with _client("stdio legacy", _environment(simulator, tmp_path)) as client:
            with anyio.fail_after(PATIENCE):
                result = await client.call_tool("cloudru_list_registries", {})
                assert not (await client.call_tool("fuseboard_status", {})).is_error
    assert result.is_error
    assert text_of(result).startswith("UNREACHABLE: ")
    assert simulator.secret not in text_of(result)
