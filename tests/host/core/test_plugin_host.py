"""`fuseboard.testing.PluginHost`, with which plugin authors test: a host with only their plugin, and a client of it."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest
from pydantic_settings import BaseSettings

from fuseboard import Context
from fuseboard.errors import PluginFailure
from fuseboard.settings import FuseSettings
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, error_of, living, plugin, text_of

pytestmark = pytest.mark.anyio


class Greetings(BaseSettings):
    language: str = "en"


async def language(ctx: Context[Any]) -> str:
    """Tell the language."""
    return "hello"


async def test_the_plugins_name_is_the_prefix_and_plugin_if_it_has_none() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(language)) as host:
            assert text_of(await host.call_tool("plugin_language")) == "hello"
        async with PluginHost(plugin(language), name="hello") as host:
            assert text_of(await host.call_tool("hello_language")) == "hello"
            assert str(host.row().state) == "active"


async def test_only_the_given_plugins_are_loaded_whatever_is_installed() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost({"one": plugin(language), "two": plugin(language)}) as host:
            assert [row.name for row in host.host.ledger.rows()] == ["one", "two"]


async def test_the_fixture_of_the_pytest_plugin_is_the_same_class(plugin_host: type[PluginHost]) -> None:
    with anyio.fail_after(LONG):
        async with plugin_host(plugin(language), name="hello") as host:
            assert not (await host.call_tool("hello_language")).is_error


@pytest.mark.parametrize(("mode", "revision"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_mode_is_the_protocol_era_of_the_client(mode: str, revision: str) -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(language), mode=mode) as host:
            assert host.client.protocol_version == revision


async def test_settings_are_the_plugins_section_and_wrong_ones_are_told() -> None:
    seen: list[str] = []

    def instructions(settings: Greetings) -> str:
        seen.append(settings.language)
        return ""

    target = plugin(settings=lambda: Greetings, instructions=instructions)
    with anyio.fail_after(LONG):
        async with PluginHost(target, name="hello", settings={"language": "fr"}):
            pass
        with pytest.raises(PluginFailure, match=r"hello: settings: .*langage"):
            async with PluginHost(target, name="hello", settings={"langage": "fr"}):
                pass
    assert seen == ["fr"]


async def test_a_plugin_that_does_not_come_up_fails_the_test_and_is_stopped() -> None:
    stopped = threading.Event()
    plugins = {"good": plugin(lifespan=living(stopped=stopped)), "bad": plugin(lifespan=lambda: 1 / 0)}
    with anyio.fail_after(LONG), pytest.raises(PluginFailure, match=r"bad: start: .*ZeroDivisionError"):
        async with PluginHost(plugins, fuse=FuseSettings(stop_timeout=LONG)):
            raise AssertionError("the block must not run")
    assert stopped.is_set()


async def test_a_failure_can_be_the_subject_of_a_test() -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(plugin(lifespan=lambda: 1 / 0), allow_failure=True) as host:
            assert str(host.row().state) == "failed"


async def test_the_fuse_is_how_the_host_treats_the_plugins() -> None:
    async def large() -> str:
        return "x" * 3_000_000

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(large), name="toy", fuse=FuseSettings(max_result_bytes=1_048_576)) as host:
            assert "more than the 1.0 MiB allowed" in error_of(await host.call_tool("toy_large"))


async def test_an_assertion_that_fails_inside_the_block_fails_the_test_as_itself() -> None:
    """Not as a group of groups: an author wants to read the assertion, and `pytest.raises` around the block to work."""
    for mode in ("auto", "legacy"):
        with anyio.fail_after(LONG), pytest.raises(AssertionError, match="mine"):
            async with PluginHost(plugin(language), mode=mode):
                raise AssertionError("mine")
