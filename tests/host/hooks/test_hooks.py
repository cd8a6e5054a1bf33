"""One test for each hook of `hookspecs.py`: what a plugin writes, and what a client sees of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import click
import httpx2
import mcp_types as types
import pytest
from click.testing import CliRunner
from mcp.server import MCPServer
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from fuseboard import Board, Call, CallMiddleware, CallNext, Context, HealthReport, ToolError, hookimpl
from fuseboard.mcp_server import build_server
from fuseboard.plugin_hooks import PluginHooks
from fuseboard.settings import HttpSettings
from fuseboard.testing import PluginHost
from fuseboard.transports.http import http_app
from tests.host.hooks import quickstart

if TYPE_CHECKING:
    from fuseboard import HealthRegistrar, PromptRegistrar, ResourceRegistrar, ToolRegistrar

pytestmark = pytest.mark.anyio

PATIENCE = 120
"""Seconds that only a broken host needs."""

BOTH_ERAS = pytest.mark.parametrize("mode", ["legacy", "auto"])


def text_of(result: types.CallToolResult) -> str:
    assert isinstance(result.content[0], types.TextContent)
    return result.content[0].text


class GreeterSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="GREETER_")

    greeting: str = "Hello"
    token: SecretStr = SecretStr("")


async def test_hook_settings_is_filled_and_handed_to_the_other_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A section of the file sets the greeting, the environment the token."""

    class Greeter:
        @hookimpl
        def settings(self) -> type[GreeterSettings]:
            return GreeterSettings

        @hookimpl
        def register_tools(self, register: ToolRegistrar, settings: GreeterSettings) -> None:
            async def greet(name: str) -> str:
                return f"{settings.greeting}, {name} ({len(settings.token.get_secret_value())})"

            register(greet)

    monkeypatch.setenv("GREETER_TOKEN", "hunter2")
    with anyio.fail_after(PATIENCE):
        async with PluginHost(Greeter(), name="greeter", settings={"greeting": "Bonjour"}) as host:
            assert text_of(await host.call_tool("greeter_greet", {"name": "Ada"})) == "Bonjour, Ada (7)"


@BOTH_ERAS
async def test_hook_register_tools_makes_functions_into_tools_with_schemas(mode: str) -> None:
    async def divide(dividend: float, divisor: float = 1.0) -> dict[str, float]:
        """Divide one number by another."""
        if divisor == 0:
            raise ToolError("a number cannot be divided by 0")
        return {"quotient": dividend / divisor}

    async def shout(arguments: dict[str, Any]) -> str:
        """Say it loud."""
        return str(arguments["text"]).upper()

    class Calculator:
        @hookimpl
        def register_tools(self, register: ToolRegistrar) -> None:
            register(divide, aliases=["over"], read_only=True, title="Division")
            register(shout, input_schema={"type": "object", "properties": {"text": {"type": "string"}}})

    with anyio.fail_after(PATIENCE):
        async with PluginHost(Calculator(), name="calc", mode=mode) as host:
            listed = {tool.name: tool for tool in (await host.client.list_tools()).tools}
            result = await host.call_tool("calc_divide", {"dividend": 9, "divisor": 2})
            by_alias = await host.call_tool("over", {"dividend": 1, "divisor": 0})
            loud = await host.call_tool("calc_shout", {"text": "hello"})
    assert set(listed) == {"fuseboard_status", "calc_divide", "calc_shout"}
    assert listed["calc_divide"].description == "Divide one number by another."
    assert listed["calc_divide"].input_schema["required"] == ["dividend"]
    assert listed["calc_divide"].annotations == types.ToolAnnotations(read_only_hint=True)
    assert listed["calc_divide"].meta == {"fuseboard/plugin": "calc"}
    assert result.structured_content == {"quotient": 4.5}
    assert (by_alias.is_error, text_of(by_alias)) == (True, "a number cannot be divided by 0")
    assert text_of(loud) == "HELLO"


@BOTH_ERAS
async def test_hook_register_prompts_makes_functions_into_prompts_that_complete_their_arguments(mode: str) -> None:
    async def welcome(name: str, language: str = "en") -> list[str]:
        """Welcome somebody."""
        return [f"Greet {name} in {language}.", "Be short."]

    async def languages(ctx: Context[None], value: str, given: Mapping[str, str]) -> list[str]:
        known = ["en", "es", "fr"] if given.get("name") == "Ada" else ["en"]
        return [language for language in known if language.startswith(value)]

    class Greeter:
        @hookimpl
        def register_prompts(self, register: PromptRegistrar) -> None:
            register(welcome, complete={"language": languages})

    reference = types.PromptReference(type="ref/prompt", name="greeter_welcome")
    with anyio.fail_after(PATIENCE):
        async with PluginHost(Greeter(), name="greeter", mode=mode) as host:
            listed = (await host.client.list_prompts()).prompts[0]
            prompt = await host.get_prompt("greeter_welcome", {"name": "Ada", "language": "fr"})
            completed = await host.client.complete(
                reference, {"name": "language", "value": "e"}, context_arguments={"name": "Ada"}
            )
    assert (listed.name, listed.description) == ("greeter_welcome", "Welcome somebody.")
    assert [(part.name, part.required) for part in listed.arguments or []] == [("name", True), ("language", False)]
    texts = [message.content.text for message in prompt.messages if isinstance(message.content, types.TextContent)]
    assert texts == ["Greet Ada in fr.", "Be short."]
    assert completed.completion.values == ["en", "es"]


@BOTH_ERAS
async def test_hook_register_resources_serves_uris_and_templates(mode: str) -> None:
    def everything() -> dict[str, int]:
        """All notes."""
        return {"notes": 2}

    async def note(name: str) -> str:
        """One note."""
        if name == "none":
            raise ToolError("no such note")
        return f"the note {name}"

    def picture() -> bytes:
        """A picture."""
        return b"\x89PNG"

    class Notes:
        @hookimpl
        def register_resources(self, register: ResourceRegistrar) -> None:
            register("notes://all", everything)
            register("notes://one/{name}", note, mime_type="text/markdown")
            register("notes://picture", picture, mime_type="image/png")

    with anyio.fail_after(PATIENCE):
        async with PluginHost(Notes(), name="notes", mode=mode) as host:
            listed = [str(item.uri) for item in (await host.client.list_resources()).resources]
            templates = (await host.client.list_resource_templates()).resource_templates
            contents = [
                (await host.read_resource(uri)).contents[0]
                for uri in ("notes://all", "notes://one/first", "notes://picture")
            ]
    assert listed == ["fuseboard://plugins", "notes://all", "notes://picture"]
    assert [item.uri_template for item in templates] == ["notes://one/{name}"]
    whole, one, image = contents
    assert isinstance(whole, types.TextResourceContents)
    assert isinstance(one, types.TextResourceContents)
    assert isinstance(image, types.BlobResourceContents)
    assert (whole.mime_type, whole.text) == ("application/json", '{"notes":2}')
    assert (one.mime_type, one.text) == ("text/markdown", "the note first")
    assert (image.mime_type, image.blob) == ("image/png", "iVBORw==")


async def test_hook_register_health_checks_makes_the_plugin_degraded_while_one_is_ill() -> None:
    disk: dict[str, int] = {"free": 0}

    async def has_space(ctx: Context[None]) -> HealthReport:
        return HealthReport(ok=disk["free"] > 0, message="the disk is full", details=disk)

    async def is_patient(ctx: Context[None]) -> str | None:
        return "not critical"

    class Store:
        @hookimpl
        def register_health_checks(self, register: HealthRegistrar) -> None:
            register(has_space, timeout=PATIENCE)
            register(is_patient, timeout=PATIENCE, critical=False)

    with anyio.fail_after(PATIENCE):
        async with PluginHost(Store(), name="store") as host:
            await host.host.health(max_age=0)
            await becomes(host, "degraded", "has_space: the disk is full")
            disk["free"] = 5
            results = (await host.host.health(max_age=0))["store"]
            await becomes(host, "active", "")
    assert [(result.name, result.ok, dict(result.details)) for result in results] == [
        ("has_space", True, {"free": 5}),
        ("is_patient", False, {}),
    ]


async def becomes(host: PluginHost, state: str, reason: str) -> None:
    """Wait until the ledger says so: that a loop stood still, as it does with the machine, is in it for a moment."""
    while (str(host.row().state), host.row().reason) != (state, reason):
        await anyio.sleep(0.01)


@BOTH_ERAS
async def test_hook_instructions_becomes_a_paragraph_of_the_server_s_instructions(mode: str) -> None:
    class Oracle:
        @hookimpl
        def instructions(self) -> str:
            return "Ask the oracle one question at a time."

    with anyio.fail_after(PATIENCE):
        async with PluginHost({"oracle": Oracle(), "quiet": Oracle()}, mode=mode) as host:
            text = host.client.instructions
    assert text == ("oracle: Ask the oracle one question at a time.\n\nquiet: Ask the oracle one question at a time.")


async def test_hook_call_middleware_wraps_the_calls_of_all_plugins_in_the_order_of_their_names() -> None:
    seen: list[str] = []

    class Guard:
        def __init__(self, name: str) -> None:
            self._name = name

        @hookimpl
        def call_middleware(self) -> Iterable[CallMiddleware]:
            async def guard(call: Call, call_next: CallNext) -> dict[str, Any]:
                seen.append(f"{self._name} before {call.name} from {call.caller.surface}")
                if call.arguments.get("text") == "forbidden":
                    raise ToolError("not allowed")
                result = await call_next(call)
                seen.append(f"{self._name} after")
                return result

            return [guard]

    class Echo:
        @hookimpl
        def register_tools(self, register: ToolRegistrar) -> None:
            async def echo(text: str) -> str:
                return text

            register(echo)

    plugins = {"outer": Guard("outer"), "zinner": Guard("zinner"), "echo": Echo()}
    with anyio.fail_after(PATIENCE):
        async with PluginHost(plugins) as host:
            answer = await host.call_tool("echo_echo", {"text": "hello"})
            refused = await host.call_tool("echo_echo", {"text": "forbidden"})
    assert text_of(answer) == "hello"
    assert (refused.is_error, text_of(refused)) == (True, "not allowed")
    assert seen[:4] == [
        "outer before echo_echo from memory",
        "zinner before echo_echo from memory",
        "zinner after",
        "outer after",
    ]


async def test_hook_http_routes_adds_pages_that_reach_the_plugin_through_the_board() -> None:
    class Pages:
        @hookimpl
        def register_tools(self, register: ToolRegistrar) -> None:
            async def count(ctx: Context[None], word: str) -> int:
                return len(word)

            register(count)

        @hookimpl
        def http_routes(self, board: Board) -> Iterable[BaseRoute]:
            async def page(request: Request) -> Response:
                result = await board.call("pages_count", {"word": request.path_params["word"]})
                return JSONResponse(result["structuredContent"])

            return [Route("/pages/{word}", page)]

    with anyio.fail_after(PATIENCE):
        async with PluginHost(Pages(), name="pages") as host:
            app = http_app(host.host, build_server(host.host), HttpSettings())
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
                answer = await http.get("/pages/seven")
                nothing = await http.get("/nowhere")
    assert (answer.status_code, answer.json()) == (200, {"result": 5})
    assert nothing.status_code == 404


class Whole:
    """A plugin in one line: it hands over a whole server."""

    @hookimpl
    def mcp_server(self) -> MCPServer:
        return quickstart.mcp


@BOTH_ERAS
async def test_hook_mcp_server_takes_a_server_of_the_sdk_as_it_is(mode: str) -> None:
    with anyio.fail_after(PATIENCE):
        async with PluginHost(Whole(), name="demo", mode=mode) as host:
            tools = {tool.name: tool for tool in (await host.client.list_tools()).tools}
            prompts = [prompt.name for prompt in (await host.client.list_prompts()).prompts]
            resources = [str(item.uri) for item in (await host.client.list_resources()).resources]
            templates = (await host.client.list_resource_templates()).resource_templates
            total = await host.call_tool("demo_add", {"a": 2, "b": 3})
            weather = await host.call_tool("demo_weather", {"city": "Oslo"})
            wrong = await host.call_tool("demo_add", {"a": "two", "b": 3})
            prompt = await host.get_prompt("demo_review", {"code": "pass"})
            config = (await host.read_resource("config://app")).contents[0]
            greeting = (await host.read_resource("greeting://Ada")).contents[0]
    assert set(tools) == {"fuseboard_status", "demo_add", "demo_weather", "demo_long_task", "demo_fails"}
    assert tools["demo_add"].description == "Add two numbers."
    assert (prompts, set(resources)) == (["demo_review"], {"config://app", "fuseboard://plugins"})
    assert [item.uri_template for item in templates] == ["greeting://{name}"]
    assert total.structured_content == {"result": 5}
    assert weather.structured_content == {"city": "Oslo", "degrees": 21.5}
    assert wrong.is_error
    assert isinstance(prompt.messages[0].content, types.TextContent)
    assert prompt.messages[0].content.text == "Please review this code:\n\npass"
    assert isinstance(config, types.TextResourceContents)
    assert isinstance(greeting, types.TextResourceContents)
    assert (config.text, greeting.text) == ("debug=false", "Hello, Ada!")


@BOTH_ERAS
async def test_hook_mcp_server_lets_progress_through_and_no_text_of_an_exception(mode: str) -> None:
    arrived: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        arrived.append(progress)

    with anyio.fail_after(PATIENCE):
        async with PluginHost(Whole(), name="demo", mode=mode) as host:
            result = await host.call_tool("demo_long_task", {"steps": 3}, progress_callback=progress)
            failed = await host.call_tool("demo_fails")
    assert text_of(result) == "done"
    assert arrived == [1, 2, 3]
    assert failed.is_error
    assert "hunter2" not in text_of(failed)


async def test_hook_lifespan_yields_the_state_of_every_call_and_is_left_at_the_end() -> None:
    events: list[str] = []

    class Session:
        @hookimpl
        def settings(self) -> type[GreeterSettings]:
            return GreeterSettings

        @hookimpl
        @asynccontextmanager
        async def lifespan(self, board: Board, settings: GreeterSettings) -> AsyncIterator[list[str]]:
            events.append(f"{board.plugin} opens with {settings.greeting}")
            yield [settings.greeting]
            events.append("closes")

        @hookimpl
        def register_tools(self, register: ToolRegistrar) -> None:
            async def remember(ctx: Context[list[str]], word: str) -> list[str]:
                ctx.state.append(word)
                return ctx.state

            register(remember)

    with anyio.fail_after(PATIENCE):
        async with PluginHost(Session(), name="session") as host:
            await host.call_tool("session_remember", {"word": "one"})
            result = await host.call_tool("session_remember", {"word": "two"})
            assert events == ["session opens with Hello"]
    assert result.structured_content == {"result": ["Hello", "one", "two"]}
    assert events == ["session opens with Hello", "closes"]


def test_hook_register_commands_adds_commands_to_the_plugin_s_group() -> None:
    class Tidy:
        @hookimpl
        def register_commands(self, cli: click.Group) -> None:
            @cli.command()
            @click.argument("folder")
            def clean(folder: str) -> None:
                """Clean a folder."""
                click.echo(f"{folder} is clean")

    group = click.Group("tidy")
    PluginHooks("tidy", Tidy()).register_commands(group)
    done = CliRunner().invoke(group, ["clean", "attic"])
    assert (done.exit_code, done.output) == (0, "attic is clean\n")
