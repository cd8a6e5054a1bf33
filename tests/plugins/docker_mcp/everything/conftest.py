"""One host for each era, shared by the tests of a file: starting Node.js takes long, and none of them breaks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fuseboard.testing import PluginHost
from tests.plugins.docker_mcp.everything.served import CALLS, ERAS, command, directly, through_the_plugin, wire


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """As for all tests, but for the whole session: hosts are shared by tests."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _is_installed() -> None:
    """The first run installs the packages, which no test's patience is meant for."""
    command()


@pytest.fixture(scope="module", params=ERAS)
async def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PluginHost]:
    """A host with the started server, and a client that answers all that it is asked."""
    async with through_the_plugin(request.param, tmp_path_factory.mktemp("plugin")) as served:
        yield served


@pytest.fixture(scope="module")
async def direct_answers() -> list[dict[str, Any]]:
    """What the server says to each of `CALLS` in a direct session."""
    async with directly() as session:
        return [wire(await session.call_tool(tool, arguments)) for tool, arguments in CALLS]
