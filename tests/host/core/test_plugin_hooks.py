"""The hooks of one plugin: what is wrong is told by name before anything of it is served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import anyio
import pytest
from mcp.server import MCPServer
from pydantic_settings import BaseSettings

from fuseboard import Board, Call, CallNext, hookimpl, hookspecs
from fuseboard.errors import PluginFailure, RegistrationError
from fuseboard.plugin_hooks import HOOKS, PluginHooks, Registration
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, plugin

BOARD: Any = object()


def hooks(target: object) -> PluginHooks:
    return PluginHooks("toy", target)


def registered(target: object, settings: Any = None) -> Registration:
    return hooks(target).register(settings, BOARD)


async def ping() -> str:
    """Ping."""
    return "pong"


def test_the_hooks_are_those_of_the_specification_in_their_order() -> None:
    assert HOOKS == (
        "settings",
        "register_tools",
        "register_prompts",
        "register_resources",
        "register_health_checks",
        "instructions",
        "call_middleware",
        "http_routes",
        "mcp_server",
        "lifespan",
        "register_commands",
    )
    assert all(getattr(hookspecs, name).__doc__ for name in HOOKS)


def test_a_module_and_an_object_can_be_plugins() -> None:
    class Plugin:
        @hookimpl
        def register_tools(self, register: Any) -> None:
            register(ping)

    for target in (plugin(ping), Plugin()):
        assert [tool.name for tool in registered(target).contributions.tools] == ["ping"]


@pytest.mark.parametrize("target", [ModuleType("empty"), object(), "text", 5, None])
def test_what_has_no_hook_is_no_plugin(target: object) -> None:
    with pytest.raises(RegistrationError, match=r"has no hook: decorate its functions with @fuseboard\.hookimpl"):
        hooks(target)


def test_a_function_without_the_decorator_is_no_hook() -> None:
    module = ModuleType("undecorated")
    module.register_tools = lambda register: register(ping)  # type: ignore[attr-defined]
    with pytest.raises(RegistrationError, match="undecorated has no hook"):
        hooks(module)


def test_a_misspelt_hook_is_told_with_the_right_name() -> None:
    with pytest.raises(RegistrationError, match=r"unknown hook regster_tools: did you mean register_tools\?"):
        hooks(plugin(regster_tools=lambda register: None))


def test_an_unknown_hook_that_is_near_to_none_lists_them_all() -> None:
    with pytest.raises(RegistrationError, match="unknown hook xyzzy: hooks are: settings, register_tools"):
        hooks(plugin(xyzzy=lambda: None))


def test_an_unknown_argument_is_told_with_those_that_there_are() -> None:
    with pytest.raises(RegistrationError) as refused:
        hooks(plugin(register_tools=lambda registrar: None))
    assert str(refused.value) == "hook register_tools has no argument 'registrar' (it can take: register, settings)"


def test_an_argument_with_a_default_is_refused_because_it_would_never_be_filled() -> None:
    with pytest.raises(RegistrationError, match="hook instructions: argument settings has a default"):
        hooks(plugin(instructions=lambda settings=None: "x"))


def test_an_implementation_takes_only_what_it_wants() -> None:
    assert registered(plugin(instructions=lambda: "  Be kind.\n")).instructions == "Be kind."
    assert registered(plugin(instructions=lambda settings: f"Be {settings}."), "nice").instructions == "Be nice."


def test_a_property_that_raises_is_no_hook_and_no_harm() -> None:
    class Plugin:
        @property
        def secret(self) -> str:
            raise RuntimeError("not yet")

        @hookimpl
        def instructions(self) -> str:
            return "fine"

    assert registered(Plugin()).instructions == "fine"


def test_everything_that_the_hooks_return_is_collected() -> None:
    async def layer(call: Call, call_next: CallNext) -> dict[str, Any]:
        return await call_next(call)

    given: list[Any] = []

    def http_routes(board: Board) -> list[Any]:
        given.append(board)
        return []

    server = MCPServer("mine")
    found = registered(plugin(call_middleware=lambda: [layer], http_routes=http_routes, mcp_server=lambda: server))
    assert (found.middleware, found.routes, found.sdk_server, given) == ([layer], [], server, [BOARD])


def test_a_plugin_without_optional_hooks_contributes_nothing_more() -> None:
    found = registered(plugin(ping))
    assert (found.instructions, found.middleware, found.routes, found.sdk_server) == ("", [], [], None)
    assert hooks(plugin(ping)).settings_class() is None
    assert hooks(plugin(ping)).lifespan(None, BOARD) is None


@pytest.mark.parametrize(
    ("hook", "told"),
    [
        ({"instructions": lambda: 5}, "hook instructions must return a text, not int"),
        ({"call_middleware": lambda: len}, "hook call_middleware must return a list"),
        ({"http_routes": lambda: 5}, "hook http_routes must return a list"),
    ],
)
def test_a_hook_that_returns_the_wrong_thing_is_named(hook: dict[str, Any], told: str) -> None:
    with pytest.raises(RegistrationError, match=told):
        registered(plugin(**hook))


def test_a_lifespan_that_is_no_context_manager_says_what_is_missing() -> None:
    async def forgotten() -> AsyncIterator[None]:
        yield

    with pytest.raises(RegistrationError, match="add @asynccontextmanager"):
        hooks(plugin(lifespan=forgotten)).lifespan(None, BOARD)


def test_a_hook_must_not_be_async() -> None:
    """It would never be awaited, and the plugin would silently register nothing."""

    async def register_tools(register: Any) -> None:
        register(ping)

    with pytest.raises(RegistrationError, match="hook register_tools"):
        registered(plugin(register_tools=register_tools))


@pytest.mark.parametrize("item", [None, 5, "text"])
def test_a_middleware_that_cannot_be_called_is_refused(item: Any) -> None:
    """It would fail every call of every plugin."""
    with pytest.raises(RegistrationError, match="hook call_middleware"):
        registered(plugin(call_middleware=lambda: [item]))


def test_an_instruction_that_is_not_unicode_is_refused() -> None:
    """It would end the connection of every client that says hello."""
    with pytest.raises(RegistrationError, match="instructions"):
        registered(plugin(instructions=lambda: "\ud800"))


def test_one_name_cannot_be_registered_twice() -> None:
    def register_tools(register: Any) -> None:
        register(ping)
        register(ping)

    with pytest.raises(RegistrationError, match="tool ping is registered twice"):
        registered(plugin(register_tools=register_tools))


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_health_check_needs_time_and_must_be_async(timeout: float) -> None:
    async def well(ctx: Any) -> None:
        return None

    def register_health_checks(register: Any) -> None:
        register(well, timeout=timeout)

    with pytest.raises(RegistrationError, match="health check well: timeout must be more than 0 s"):
        registered(plugin(register_health_checks=register_health_checks))
    with pytest.raises(RegistrationError, match="must be an async function"):
        registered(plugin(register_health_checks=lambda register: register(lambda ctx: None, name="blocking")))


# --- in a host: all or nothing ----------------------------------------------------------------------------------------


async def proxied(arguments: dict[str, Any]) -> str:
    return ""


def half_broken(register: Any) -> None:
    register(ping)
    register(proxied, name="broken", input_schema={"type": "nonsense"})


class Settings(BaseSettings):
    size: int = 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("hook", "stage", "told"),
    [
        ({"register_tools": half_broken}, "registration", "tool broken"),
        ({"regster_prompts": lambda register: None}, "registration", "did you mean register_prompts"),
        ({"register_tools": lambda register: 1 / 0}, "registration", "ZeroDivisionError"),
        ({"settings": lambda: dict}, "settings", "must return a class derived from BaseSettings"),
        ({"settings": lambda: 1 / 0}, "settings", "ZeroDivisionError"),
        ({"lifespan": lambda: 5}, "start", "hook lifespan must return an async context manager"),
    ],
)
async def test_a_plugin_with_one_wrong_hook_is_failed_and_nothing_of_it_is_served(
    hook: dict[str, Any], stage: str, told: str
) -> None:
    wrong = plugin(instructions=lambda: "I am half registered", **hook)
    with anyio.fail_after(LONG):
        async with PluginHost({"wrong": wrong, "right": plugin(ping)}, allow_failure=True) as host:
            row = host.row("wrong")
            names = list(host.host.catalogue.tools)
            instructions = host.host.instructions
            answer = await host.call_tool("right_ping")
    assert (str(row.state), row.stage) == ("failed", stage)
    assert told in row.reason
    assert names == ["fuseboard_status", "right_ping"]
    assert "half" not in instructions
    assert not answer.is_error


@pytest.mark.anyio
async def test_settings_are_filled_and_given_to_every_hook_that_wants_them() -> None:
    seen: dict[str, Any] = {}

    def keeping(name: str, result: Any) -> Any:
        def hook(settings: Settings) -> Any:
            seen[name] = settings.size
            return result

        return hook

    @asynccontextmanager
    async def lifespan(settings: Settings) -> AsyncIterator[int]:
        seen["lifespan"] = settings.size
        yield settings.size

    target = plugin(
        settings=lambda: Settings,
        instructions=keeping("instructions", "x"),
        call_middleware=keeping("call_middleware", []),
        http_routes=keeping("http_routes", []),
        mcp_server=keeping("mcp_server", None),
        lifespan=lifespan,
    )
    with anyio.fail_after(LONG):
        async with PluginHost(target, settings={"size": 7}):
            pass
    assert seen == dict.fromkeys(["instructions", "call_middleware", "http_routes", "mcp_server", "lifespan"], 7)


@pytest.mark.anyio
async def test_a_plugin_that_cannot_be_tested_says_why() -> None:
    with anyio.fail_after(LONG), pytest.raises(PluginFailure) as failure:
        async with PluginHost(plugin(register_tools=half_broken), name="toy"):
            pass
    assert (failure.value.plugin, failure.value.stage) == ("toy", "registration")
