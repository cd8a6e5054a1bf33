"""Names, URIs and templates that two plugins claim: neither is served, the ledger says so, `check` fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import mcp
import pytest

from tests.host.faults.running import TWO_WAYS, Board, Line, line, said

pytestmark = pytest.mark.anyio

PLUGINS = ["clash", "clash_a", "illegal_tool", "overlap_one", "overlap_two"]
# What is not served, and the plugins that claim it.
CLAIMED = {
    "clash_a_b": ["clash", "clash_a"],
    "illegal_tool_two words": ["illegal_tool"],
    "overlap://same": ["overlap_one", "overlap_two"],
    "overlap://things/{thing}": ["overlap_one", "overlap_two"],
}


@pytest.fixture(scope="module", params=TWO_WAYS, ids="-".join)
async def served(
    request: pytest.FixtureRequest, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A host with plugins that get into each other's way."""
    async with line(Board(site, tmp_path_factory.mktemp("names"), PLUGINS), *request.param) as opened:
        yield opened


async def test_a_public_name_that_two_plugins_claim_is_neither_listed_nor_called(served: Line) -> None:
    await served.ledger()
    names = [tool.name for tool in (await served.client.list_tools()).tools]
    assert [name for name in names if name == "clash_a_b" or " " in name] == []
    assert {"clash_own", "clash_a_own", "illegal_tool_fine"} <= set(names)
    with pytest.raises(mcp.MCPError, match="clash_a_b"):
        await served.call("clash_a_b")


async def test_a_uri_or_template_that_two_plugins_claim_is_neither_listed_nor_read(served: Line) -> None:
    await served.ledger()
    resources = [str(item.uri) for item in (await served.client.list_resources()).resources]
    templates = [item.uri_template for item in (await served.client.list_resource_templates()).resource_templates]
    assert [uri for uri in [*resources, *templates] if uri.startswith("overlap:")] == []
    for uri in ("overlap://same", "overlap://things/a"):
        with pytest.raises(mcp.MCPError):
            await served.client.read_resource(uri)


@pytest.mark.parametrize("name", CLAIMED)
async def test_what_is_not_served_is_in_the_ledger_of_each_plugin_that_claims_it(served: Line, name: str) -> None:
    for plugin in CLAIMED[name]:
        assert name in json.dumps(await served.row(plugin))


async def test_a_bare_name_that_two_plugins_have_is_an_error_that_names_both(served: Line) -> None:
    await served.ledger()
    with pytest.raises(mcp.MCPError, match="call clash_a_own or clash_own"):
        await served.call("own")


async def test_everything_else_of_these_plugins_is_served(served: Line) -> None:
    for tool in ("clash_own", "clash_a_own", "illegal_tool_fine", "overlap_one_fine", "overlap_two_fine"):
        assert said(await served.call(tool)) == "fine"
    await served.healthy_answers()


def test_check_fails_and_names_every_clash(site: Path, tmp_path: Path) -> None:
    done = Board(site, tmp_path, PLUGINS).run("check")
    assert done.returncode == 1, done.stderr
    for name in CLAIMED:
        assert name in done.stdout + done.stderr
