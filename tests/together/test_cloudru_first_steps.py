"""The plugin without anything behind it: it loads, says what is missing, and never shows its secret."""

from __future__ import annotations

import anyio
import pytest

from fuseboard.testing import PluginHost

pytestmark = pytest.mark.anyio
# A distribution of its own: tox runs this folder also where it is not installed.
cloudru = pytest.importorskip("fuseboard_cloudru")

# Nobody listens on port 1 of this machine.
KEY = {
    "key_id": "key",
    "secret": "very secret",
    "project_id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
    "iam_url": "http://127.0.0.1:1",
    "api_url": "http://127.0.0.1:1",
    "limits": {"retries": 0},
}


async def test_cloudru_without_credentials_is_degraded_and_its_tools_say_what_is_missing() -> None:
    with anyio.fail_after(60):
        async with PluginHost(cloudru, name="cloudru") as host:
            [check] = (await host.host.health())["cloudru"]
            state = str(host.row().state)
            tools = [tool.name for tool in (await host.client.list_tools()).tools]
            answer = await host.call_tool("cloudru_list_registries")
    assert state == "degraded"
    assert check.message.startswith(
        "NOT_CONFIGURED: CLOUD_RU_KEY_ID and CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set"
    )
    assert "cloudru_create_registry" in tools
    assert answer.is_error
    assert check.message in str(answer.content)


async def test_cloudru_with_a_part_of_its_credentials_names_the_missing_part() -> None:
    with anyio.fail_after(60):
        async with PluginHost(cloudru, name="cloudru", settings={"key_id": "key"}) as host:
            [check] = (await host.host.health())["cloudru"]
    assert check.message.startswith("NOT_CONFIGURED: CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set")


async def test_cloudru_never_shows_its_secret() -> None:
    with anyio.fail_after(60):
        async with PluginHost(cloudru, name="cloudru", settings=KEY) as host:
            [check] = (await host.host.health())["cloudru"]
            status = await host.call_tool("fuseboard_status")
    assert check.message.startswith("UNREACHABLE: ")
    assert "very secret" not in status.model_dump_json()
