"""Contributions that change while the host runs: `board.replace`, and how clients of both eras hear of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client
from mcp.shared.subscriptions import ToolsListChanged

from fuseboard import Board, Context, Prompt, Resource, Tool
from fuseboard.errors import RegistrationError
from fuseboard.host import Host
from fuseboard.mcp_server import build_server
from fuseboard.settings import FuseSettings, HostSettings
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, plugin, seen, text_of, until

pytestmark = pytest.mark.anyio

ERAS = ("auto", "legacy")


async def hello() -> str:
    """Say hello."""
    return "hello"


async def page(name: str) -> str:
    return name


def keeping(boards: dict[str, Board], name: str, *tools: Any) -> object:
    """A plugin whose board the test keeps."""

    @asynccontextmanager
    async def lifespan(board: Board) -> AsyncIterator[None]:
        boards[name] = board
        yield

    return plugin(*tools, lifespan=lifespan)


class Listening:
    """A client's message handler that remembers which lists have changed."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, message: Any) -> None:
        kinds = (
            types.ToolListChangedNotification,
            types.PromptListChangedNotification,
            types.ResourceListChangedNotification,
        )
        if isinstance(message, kinds):
            self.heard.append(message.method)


async def served(host: PluginHost) -> list[str]:
    return [tool.name for tool in (await host.client.list_tools()).tools if tool.name != "fuseboard_status"]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_tool_can_replace_what_its_plugin_serves(mode: str) -> None:
    async def connect(ctx: Context[None], server: str) -> str:
        ctx.board.replace(
            server,
            tools=[Tool.of(hello, aliases=["hi"])],
            prompts=[Prompt.of(hello)],
            resources=[Resource.of(f"{server}://{{name}}", page)],
        )
        return "connected"

    async def disconnect(ctx: Context[None], server: str) -> str:
        ctx.board.replace(server)
        return "gone"

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(connect, disconnect), name="proxy", mode=mode) as host:
            await host.call_tool("proxy_connect", {"server": "github"})
            names = await served(host)
            answers = [text_of(await host.call_tool(name)) for name in ("github_hello", "hello", "hi")]
            prompt = await host.get_prompt("github_hello")
            read = await host.read_resource("github://readme")
            await host.call_tool("proxy_disconnect", {"server": "github"})
            after = await served(host)
    assert names == ["proxy_connect", "proxy_disconnect", "github_hello"]
    assert answers == ["hello"] * 3
    assert prompt.messages[0].content.text == "hello"  # type: ignore[union-attr]
    assert read.contents[0].text == "readme"  # type: ignore[union-attr]
    assert after == ["proxy_connect", "proxy_disconnect"]


async def test_an_empty_namespace_is_the_plugins_own_prefix() -> None:
    boards: dict[str, Board] = {}
    with anyio.fail_after(LONG):
        async with PluginHost({"proxy": keeping(boards, "proxy")}) as host:
            boards["proxy"].replace("", tools=[Tool.of(hello)])
            assert await served(host) == ["proxy_hello"]


async def test_a_plugin_can_replace_from_any_thread() -> None:
    boards: dict[str, Board] = {}
    with anyio.fail_after(LONG):
        async with PluginHost({"proxy": keeping(boards, "proxy")}) as host:
            thread = threading.Thread(target=lambda: boards["proxy"].replace("github", tools=[Tool.of(hello)]))
            thread.start()
            await until(lambda: "github_hello" in host.host.catalogue.tools)
            thread.join(LONG)
            assert text_of(await host.call_tool("github_hello")) == "hello"


async def test_what_a_plugin_adds_while_it_starts_is_there_when_it_has_started() -> None:
    @asynccontextmanager
    async def lifespan(board: Board) -> AsyncIterator[None]:
        board.replace("github", tools=[Tool.of(hello)])
        yield

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(lifespan=lifespan), name="proxy") as host:
            assert await served(host) == ["github_hello"]


async def test_a_namespace_of_another_is_refused_at_once() -> None:
    boards: dict[str, Board] = {}
    plugins = {name: keeping(boards, name) for name in ("one", "two")}
    with anyio.fail_after(LONG):
        async with PluginHost(plugins) as host:
            boards["one"].replace("github", tools=[Tool.of(hello)])
            refusals = {"two": "is the name of a plugin", "fuseboard": "is the name of a plugin", "a b": "is not legal"}
            for namespace, told in refusals.items():
                with pytest.raises(RegistrationError, match=told):
                    boards["one"].replace(namespace, tools=[Tool.of(hello)])
            with pytest.raises(RegistrationError, match="namespace 'github' belongs to plugin one"):
                boards["two"].replace("github", tools=[Tool.of(hello)])
            assert await served(host) == ["github_hello"]
            boards["one"].replace("github")
            boards["two"].replace("github", tools=[Tool.of(hello)])
            assert host.host.catalogue.tools["github_hello"].plugin == "two"


async def test_a_namespace_is_taken_from_the_moment_it_is_given_also_by_two_threads_at_once() -> None:
    """Both plugins ask before the host's loop turns: only one may have it."""
    boards: dict[str, Board] = {}
    plugins = {name: keeping(boards, name) for name in ("one", "two")}
    refused: list[str] = []

    def claim(name: str) -> None:
        try:
            boards[name].replace("github", tools=[Tool.of(hello)])
        except RegistrationError:
            refused.append(name)

    with anyio.fail_after(LONG):
        async with PluginHost(plugins) as host:
            for name in plugins:  # one after the other, each from a thread, while the host's loop stands
                thread = threading.Thread(target=claim, args=(name,))
                thread.start()
                thread.join(LONG)
            await until(lambda: "github_hello" in host.host.catalogue.tools)
            assert host.host.catalogue.tools["github_hello"].plugin == "one"
            assert host.host.catalogue.clashes == []
    assert refused == ["two"]


async def test_what_was_added_first_stays_whoever_comes_later() -> None:
    """URIs have no prefix, so two proxies can bring the same one."""
    boards: dict[str, Board] = {}
    plugins = {name: keeping(boards, name) for name in ("ark", "zoo")}
    with anyio.fail_after(LONG):
        async with PluginHost(plugins) as host:
            for name in ("zoo", "ark"):
                boards[name].replace(f"of-{name}", resources=[Resource.of("notes://{name}", page)])
            assert [entry.plugin for entry in host.host.catalogue.templates] == ["zoo"]


@pytest.mark.parametrize("nonsense", [hello, "hello", None, 5])
async def test_what_is_no_tool_is_refused_and_spoils_nothing_for_the_others(nonsense: Any) -> None:
    """The next snapshot of everybody must not trip over it."""
    boards: dict[str, Board] = {}
    plugins = {"proxy": keeping(boards, "proxy"), "good": keeping(boards, "good")}
    with anyio.fail_after(LONG):
        async with PluginHost(plugins) as host:
            with pytest.raises((RegistrationError, TypeError)):
                boards["proxy"].replace("github", tools=[nonsense])
            boards["good"].replace("", tools=[Tool.of(hello)])
            assert text_of(await host.call_tool("good_hello")) == "hello"


async def test_a_plugin_that_is_down_serves_nothing_that_it_added() -> None:
    die = threading.Event()

    @asynccontextmanager
    async def lifespan(board: Board) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            if not die.is_set():
                board.replace("github", tools=[Tool.of(hello)])
                group.create_task(fail())
            yield

    async def fail() -> None:
        await seen(die)
        raise RuntimeError("gone")

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(lifespan=lifespan), name="proxy") as host:
            assert await served(host) == ["github_hello"]
            die.set()
            await until(lambda: str(host.row().state) == "failed")
            assert await served(host) == []
            await until(lambda: str(host.row().state) == "active")
            assert await served(host) == [], "a new life begins without what the old one had added"


# --- who hears of it --------------------------------------------------------------------------------------------------


async def test_a_client_of_a_handshake_revision_hears_which_lists_have_changed() -> None:
    heard = Listening()
    boards: dict[str, Board] = {}
    with anyio.fail_after(LONG):
        async with PluginHost(keeping(boards, "proxy"), mode="legacy", message_handler=heard) as host:
            capabilities = host.client.server_capabilities
            await host.client.list_tools()  # from here on the server knows that the client is ready
            boards["proxy"].replace("github", tools=[Tool.of(hello)])
            await until(lambda: heard.heard)
            boards["proxy"].replace("github", prompts=[Prompt.of(hello)], resources=[Resource.of("x://{name}", page)])
            await until(lambda: len(heard.heard) == 4)
    assert heard.heard == [
        "notifications/tools/list_changed",
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
    ]
    assert capabilities.tools is not None
    assert capabilities.prompts is not None
    assert capabilities.resources is not None
    assert capabilities.tools.list_changed
    assert capabilities.prompts.list_changed
    assert capabilities.resources.list_changed
    assert capabilities.resources.subscribe


async def test_a_modern_client_hears_of_the_lists_that_it_listens_to() -> None:
    boards: dict[str, Board] = {}
    with anyio.fail_after(LONG):
        async with PluginHost(keeping(boards, "proxy")) as host:
            async with host.client.listen(tools_list_changed=True) as events:
                boards["proxy"].replace("github", prompts=[Prompt.of(hello)])
                boards["proxy"].replace("github", tools=[Tool.of(hello)])
                assert isinstance(await anext(aiter(events)), ToolsListChanged)
            assert await served(host) == ["github_hello"]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_plugin_that_comes_up_late_is_announced(mode: str) -> None:
    gate = threading.Event()
    heard = Listening()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        await seen(gate)
        yield

    with anyio.fail_after(LONG):
        settings = HostSettings(fuses={"slow": FuseSettings(start_timeout=LONG)})
        async with Host(settings, plugins={"slow": plugin(hello, lifespan=lifespan)}) as host:
            server = build_server(host).server
            async with Client(server, mode=mode, cache=None, message_handler=heard) as client:
                if mode == "legacy":
                    await client.session.send_ping()  # from here on the server knows that the client is ready
                    gate.set()
                    await until(lambda: heard.heard)
                else:
                    async with client.listen(tools_list_changed=True) as events:
                        gate.set()
                        await anext(aiter(events))
                names = [tool.name for tool in (await client.list_tools()).tools]
    assert "slow_hello" in names


async def test_a_change_that_changes_nothing_is_not_announced() -> None:
    heard = Listening()
    boards: dict[str, Board] = {}
    tool = Tool.of(hello)
    with anyio.fail_after(LONG):
        async with PluginHost(keeping(boards, "proxy"), mode="legacy", message_handler=heard) as host:
            await host.client.list_tools()
            boards["proxy"].replace("github", tools=[tool])
            await until(lambda: heard.heard)
            boards["proxy"].replace("github", tools=[tool])
            await host.client.list_tools()
    assert heard.heard == ["notifications/tools/list_changed"]


async def test_a_snapshot_that_is_held_does_not_change() -> None:
    boards: dict[str, Board] = {}
    with anyio.fail_after(LONG):
        async with PluginHost(keeping(boards, "proxy", hello), name="proxy"):
            before = boards["proxy"].catalogue
            boards["proxy"].replace("github", tools=[Tool.of(hello)])
            assert "github_hello" not in before.tools
            assert "github_hello" in boards["proxy"].catalogue.tools
