"""Resources: exact URIs and templates, what their functions may return, and unknown URIs in both eras."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import ReadResourceResult, ResourceTemplateReference, TextResourceContents
from pydantic import BaseModel

from fuseboard import Caller, Context, Resource
from fuseboard.errors import InvalidArguments, InvalidResult, RegistrationError
from fuseboard.testing import PluginHost
from tests.host.core.toys import LONG, plugin

pytestmark = pytest.mark.anyio


class Note(BaseModel):
    title: str
    stars: int | None = None


async def contents(uri: str, function: Any, variables: dict[str, str] | None = None, **options: Any) -> Any:
    """The one content of a resource made of this function."""
    resource = Resource.of(uri, function, **options)
    context: Context[None] = Context(state=None, plugin="notes", caller=Caller("memory"))
    result = await resource.invoke(context, variables or {}, uri)
    (content,) = result["contents"]
    return content


async def test_text_bytes_and_data_get_the_mime_type_that_fits() -> None:
    def text() -> str:
        return "hello"

    def raw() -> bytes:
        return b"\x00\xff"

    def data() -> Any:
        return {"notes": [Note(title="one")]}

    uri = "notes://all"
    assert await contents(uri, text) == {"uri": uri, "mimeType": "text/plain", "text": "hello"}
    assert await contents(uri, raw) == {"uri": uri, "mimeType": "application/octet-stream", "blob": "AP8="}
    assert await contents(uri, data) == {
        "uri": uri,
        "mimeType": "application/json",
        "text": '{"notes":[{"title":"one","stars":null}]}',
    }


async def test_the_mime_type_can_be_given() -> None:
    def page() -> str:
        return "# one"

    assert (await contents("notes://all", page, mime_type="text/markdown"))["mimeType"] == "text/markdown"


async def test_a_whole_result_is_sent_as_it_is() -> None:
    async def whole() -> ReadResourceResult:
        return ReadResourceResult(contents=[TextResourceContents(uri="notes://other", text="moved")])

    assert await contents("notes://all", whole) == {"uri": "notes://other", "text": "moved"}


async def test_what_has_no_json_form_is_an_error_of_that_read() -> None:
    def odd() -> Any:
        return {"lock": object()}

    with pytest.raises(InvalidResult, match="cannot be sent as JSON"):
        await contents("notes://all", odd)


async def test_a_template_gives_its_variables_to_the_function_in_their_types() -> None:
    async def page(ctx: Context[None], year: int, name: str = "x") -> str:
        return f"{ctx.plugin} {year + 1} {name}"

    uri = "notes://{year}/{name}"
    assert (await contents(uri, page, {"year": "2025", "name": "a b"}))["text"] == "notes 2026 a b"
    with pytest.raises(InvalidArguments, match="year"):
        await contents(uri, page, {"year": "now", "name": "x"})


async def test_a_proxied_resource_gets_the_whole_uri() -> None:
    async def forward(ctx: Context[None], uri: str) -> str:
        return f"{ctx.plugin} asks for {uri}"

    read = await contents("files://{+path}", forward, {"path": "a/b"}, whole_uri=True)
    assert read["text"] == "notes asks for files://{+path}"


def one(name: str) -> str:
    return name


def none() -> str:
    return ""


@pytest.mark.parametrize(
    ("uri", "function", "told"),
    [
        ("all", none, "a URI begins with a scheme"),
        ("notes://{na me}", one, "name"),
        ("notes://{name}/{other}", one, r"its variables \(name, other\) are not the function's parameters \(name\)"),
        ("notes://{other}", one, r"its variables \(other\) are not the function's parameters \(name\)"),
        ("notes://all", one, r"its variables \(none\) are not the function's parameters \(name\)"),
        ("notes://{name}", none, r"are not the function's parameters \(none\)"),
    ],
)
def test_a_uri_that_does_not_fit_its_function_is_refused(uri: str, function: Any, told: str) -> None:
    with pytest.raises(RegistrationError, match=told) as refused:
        Resource.of(uri, function)
    assert str(refused.value).startswith(f"resource {uri}: ")


def notebook() -> object:
    async def all_notes() -> list[str]:
        """Every note."""
        return ["one"]

    async def note(name: str) -> str:
        return f"about {name}"

    async def fails() -> str:
        raise RuntimeError("password=hunter2")

    async def names(ctx: Context[Any], value: str, already_given: dict[str, str]) -> list[str]:
        return [name for name in ("one", "two") if name.startswith(value)]

    def register_resources(register: Any) -> None:
        register("notes://all", all_notes, title="All")
        register("notes://note/{name}", note, complete={"name": names})
        register("notes://broken", fails)

    return plugin(register_resources=register_resources)


@pytest.mark.parametrize(("mode", "code"), [("auto", -32602), ("legacy", -32002)])
async def test_a_client_lists_reads_and_completes_resources(mode: str, code: int) -> None:
    with anyio.fail_after(LONG):
        async with PluginHost(notebook(), name="notes", mode=mode) as host:
            listed = [str(item.uri) for item in (await host.client.list_resources()).resources]
            templates = [item.uri_template for item in (await host.client.list_resource_templates()).resource_templates]
            exact = (await host.read_resource("notes://all")).contents[0]
            filled = (await host.read_resource("notes://note/one%20two")).contents[0]
            completed = await host.client.complete(
                ResourceTemplateReference(uri="notes://note/{name}"), {"name": "name", "value": "t"}
            )
            with pytest.raises(MCPError) as unknown:
                await host.read_resource("notes://nothing")
            with pytest.raises(MCPError) as broken:
                await host.read_resource("notes://broken")
    assert listed == ["fuseboard://plugins", "notes://all", "notes://broken"]
    assert templates == ["notes://note/{name}"]
    assert exact.text == '["one"]'  # type: ignore[union-attr]
    assert (str(filled.uri), filled.text) == ("notes://note/one%20two", "about one two")  # type: ignore[union-attr]
    assert completed.completion.values == ["two"]
    assert unknown.value.error.code == code
    assert unknown.value.error.data == {"uri": "notes://nothing"}
    assert "hunter2" not in str(broken.value)


async def test_the_scheme_of_the_host_is_the_hosts_alone() -> None:
    """A plugin that claims `fuseboard://plugins` must not take it away from those who ask what is broken."""

    def register_resources(register: Any) -> None:
        register("fuseboard://plugins", none)

    with anyio.fail_after(LONG):
        async with PluginHost(plugin(register_resources=register_resources), name="thief", allow_failure=True) as host:
            read = (await host.read_resource("fuseboard://plugins")).contents[0]
            assert host.host.catalogue.resources["fuseboard://plugins"].plugin == "fuseboard"
    assert '"thief"' in read.text  # type: ignore[union-attr]


async def test_a_scheme_that_is_a_plugins_name_is_that_plugins_alone() -> None:
    def registering(uri: str) -> object:
        return plugin(register_resources=lambda register: register(uri, none))

    plugins = {"oci": registering("oci://all"), "thief": registering("oci://all")}
    with anyio.fail_after(LONG):
        async with PluginHost(plugins, allow_failure=True) as host:
            assert host.host.catalogue.resources["oci://all"].plugin == "oci"
