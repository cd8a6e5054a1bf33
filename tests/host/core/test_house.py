"""What the host contributes itself: the tool `fuseboard_status`, the resource `fuseboard://plugins`, instructions."""

from __future__ import annotations

import json

import anyio
import pytest

from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, plugin, text_of

pytestmark = pytest.mark.anyio


async def echo(text: str) -> str:
    """Return the text."""
    return text


def down() -> object:
    return plugin(echo, lifespan=lambda: 1 / 0, instructions=lambda: "I am down.")


def up() -> object:
    return plugin(echo, instructions=lambda: "Call echo to hear yourself.")


async def test_the_status_says_which_plugins_work_and_why_the_others_do_not() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost({"good": up(), "bad": down()}, allow_failure=True) as host:
            lines = text_of(await host.call_tool("fuseboard_status")).splitlines()
    assert lines[0].startswith("bad: failed at start: ")
    assert "ZeroDivisionError" in lines[0]
    assert lines[1] == "good: active"


async def test_the_status_of_no_plugin_says_so() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost({}) as host:
            assert text_of(await host.call_tool("fuseboard_status")) == "no plugin is installed"


async def test_the_resource_holds_the_ledger_as_json() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost({"good": up(), "bad": down()}, allow_failure=True) as host:
            read = await host.read_resource("fuseboard://plugins")
    bad, good = json.loads(read.contents[0].text)["plugins"]  # type: ignore[union-attr]
    assert (bad["name"], bad["state"], bad["stage"]) == ("bad", "failed", "start")
    assert (good["name"], good["state"], good["reason"], good["health"]) == ("good", "active", "", [])
    assert good["contributes"]["tools"] == 1
    assert 0 < good["tokens"] < 200
    assert good["import_ms"] is not None


async def test_the_hosts_own_tool_only_reads_and_names_the_host_as_its_owner() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost({}) as host:
            (tool,) = (await host.client.list_tools()).tools
    assert tool.name == "fuseboard_status"
    assert tool.annotations is not None
    assert tool.annotations.read_only_hint is True
    assert tool.meta is not None
    assert tool.meta["fuseboard/plugin"] == "fuseboard"


async def test_what_is_not_served_is_told_at_both_plugins_that_claim_it() -> None:
    def registering(name: str) -> object:
        return plugin(register_tools=lambda register: register(echo, name=name))

    with anyio.fail_after(LONG):
        async with PluginHost({"a": registering("b_c"), "a_b": registering("c")}) as host:
            rows = {row.name: row.not_served for row in host.host.ledger.rows()}
            names = list(host.host.catalogue.tools)
            status = text_of(await host.call_tool("fuseboard_status"))
    assert names == ["fuseboard_status"]
    assert rows["a"] == rows["a_b"]
    assert rows["a"][0].startswith("tool a_b_c is claimed by a and a_b: neither is served")
    assert status.count("neither is served") == 2


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_instructions_are_composed_of_those_of_the_plugins_that_are_up(mode: str) -> None:
    with anyio.fail_after(LONG):
        plugins = {
            "zoo": plugin(echo, instructions=lambda: "Animals."),
            "good": up(),
            "bad": down(),
            "mute": plugin(echo),
        }
        async with PluginHost(plugins, allow_failure=True, mode=mode) as host:
            instructions = host.client.instructions
    assert instructions == "good: Call echo to hear yourself.\n\nzoo: Animals."
