"""The plugin loads, reads its settings and says that its tools are still to come."""

from __future__ import annotations

import anyio
import pytest

from fuseboard.testing import PluginHost

pytestmark = pytest.mark.anyio
# A distribution of its own: tox runs this folder also where it is not installed.
cloudru = pytest.importorskip("fuseboard_cloudru")

KEY = {"key_id": "key", "secret": "very secret", "project_id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}


async def test_cloudru_without_credentials_is_active_and_says_that_its_tools_come_later() -> None:
    with anyio.fail_after(10):
        async with PluginHost(cloudru, name="cloudru") as host:
            [check] = (await host.host.health())["cloudru"]
    assert check.ok
    assert check.message == "no credentials; the tools of this plugin come with a later release"


async def test_cloudru_with_a_part_of_its_credentials_is_degraded_and_names_the_missing_part() -> None:
    with anyio.fail_after(10):
        async with PluginHost(cloudru, name="cloudru", settings={"key_id": "key"}) as host:
            [check] = (await host.host.health())["cloudru"]
    assert not check.ok
    assert check.message == "the credentials are incomplete: set CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID as well"


async def test_cloudru_never_shows_its_secret() -> None:
    with anyio.fail_after(10):
        async with PluginHost(cloudru, name="cloudru", settings=KEY) as host:
            [check] = (await host.host.health())["cloudru"]
            status = await host.call_tool("fuseboard_status")
    assert check.message == "credentials are set; the tools of this plugin come with a later release"
    assert "very secret" not in status.model_dump_json()
