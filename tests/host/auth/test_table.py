"""The table: caller x surface x tool -> allowed, or which error. A policy holds on every surface alike."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference, TextContent

from tests.host.auth.issuer import RESOURCE, Issuer
from tests.host.auth.vault import PROMPTS, RESOURCES, TOKENS, TOOLS, bearer, serving, token_lines, vault
from tests.host.faults.running import patience_of_the_client
from tests.host.transports.http_process import HttpProcess
from tests.host.transports.toys import COMMAND, PATIENCE, UNTIL_LOADED, set_constants

pytestmark = pytest.mark.anyio

CALLERS = ["reader", "editor", "admin", "nobody"]
SURFACES = ["http-modern", "http-legacy", "sse", "stdio-modern", "stdio-legacy"]
UNKNOWN = {"http-modern": -32602, "stdio-modern": -32602, "http-legacy": -32002, "sse": -32002, "stdio-legacy": -32002}
"""The code for a resource that is not there, or not for them."""

ARGUMENTS = {"vault_hello": {"who": "you"}, "vault_goodbye": {"who": "you"}}


@pytest.fixture(scope="module")
def served(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpProcess]:
    """One HTTP process for the whole table; it knows static tokens and the tokens of an issuer."""
    auth = {"tokens": token_lines(), "issuer": issuer.url, "resource": RESOURCE}
    with serving(vault(tmp_path_factory.mktemp("http"), auth)) as process:
        yield process


@asynccontextmanager
async def connected(surface: str, caller: str, served: HttpProcess, folder: Path) -> AsyncIterator[Client]:
    """A client of the SDK on a surface, as a caller."""
    mode = "legacy" if surface.endswith(("legacy", "sse")) else "auto"
    async with patience_of_the_client():
        if surface.startswith("stdio"):
            roles = [] if caller == "nobody" else [caller]
            environment = vault(folder, local_roles=roles).environment
            set_constants(folder, UNTIL_LOADED)
            parameters = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "stdio"], env=environment)
            async with Client(stdio_client(parameters), mode=mode) as client:
                yield client
        elif surface == "sse":
            async with Client(sse_client(f"{served.origin}/sse", bearer(TOKENS[caller])), mode=mode) as client:
                yield client
        else:
            async with (
                httpx2.AsyncClient(headers=bearer(TOKENS[caller]), timeout=PATIENCE) as http,
                Client(streamable_http_client(f"{served.origin}/mcp", http_client=http), mode=mode) as client,
            ):
                yield client


async def outcome(client: Client, tool: str) -> str:
    """The tool's text, or the code of the JSON-RPC error."""
    try:
        result = await client.call_tool(tool, {})
    except MCPError as error:
        return str(error.error.code)
    assert isinstance(result.content[0], TextContent)
    return f"error {result.content[0].text}" if result.is_error else result.content[0].text


async def check_prompts(client: Client, caller: str) -> None:
    """Getting and completing prompts."""
    for prompt in ("vault_hello", "vault_goodbye", "goodbye"):
        allowed = prompt in PROMPTS[caller] or f"vault_{prompt}" in PROMPTS[caller]
        reference = PromptReference(name=prompt)
        if allowed:
            assert (await client.get_prompt(prompt, {"who": "you"})).messages
            assert (await client.complete(reference, {"name": "who", "value": ""})).completion.values
            continue
        with pytest.raises(MCPError) as refused:
            await client.get_prompt(prompt, {"who": "you"})
        assert refused.value.error.code == -32602
        with pytest.raises(MCPError) as refused:
            await client.complete(reference, {"name": "who", "value": ""})
        assert refused.value.error.code == -32602


async def check_resources(client: Client, surface: str, caller: str) -> None:
    """Reading resources, and completing a template's variable."""
    reads = {
        "vault://public": caller in ("reader", "admin"),
        "vault://secret": caller == "admin",
        "vault://files/a": caller in ("reader", "admin"),
        "vault://files/secret-1": caller == "admin",
        "vault://files/s%65cret-1": caller == "admin",
        "fuseboard://plugins": caller == "admin",
    }
    for uri, allowed in reads.items():
        if allowed:
            assert (await client.read_resource(uri)).contents
            continue
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
        assert refused.value.error.code == UNKNOWN[surface], uri
    template = ResourceTemplateReference(uri="vault://files/{name}")
    if caller in ("reader", "admin"):
        assert (await client.complete(template, {"name": "name", "value": ""})).completion.values
    else:
        with pytest.raises(MCPError):
            await client.complete(template, {"name": "name", "value": ""})


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("surface", SURFACES)
async def test_a_caller_sees_and_calls_what_the_roles_give_and_nothing_else(
    surface: str, caller: str, served: HttpProcess, tmp_path: Path
) -> None:
    with anyio.fail_after(3 * PATIENCE):
        async with connected(surface, caller, served, tmp_path) as client:
            await check_everything(client, surface, caller)


async def check_everything(client: Client, surface: str, caller: str) -> None:
    """Lists, calls, prompts and resources."""
    assert sorted(tool.name for tool in (await client.list_tools()).tools) == TOOLS[caller]
    assert sorted(prompt.name for prompt in (await client.list_prompts()).prompts) == PROMPTS[caller]
    assert sorted(str(item.uri) for item in (await client.list_resources()).resources) == RESOURCES[caller]
    templates = (await client.list_resource_templates()).resource_templates
    assert bool(templates) is (caller in ("reader", "admin"))
    assert bool(client.instructions) is (caller != "nobody"), "instructions speak of what the caller sees"

    names = {"vault_look": "gold", "vault_write": "written", "vault_wipe": "wiped"}
    for public, text in names.items():
        allowed = public in TOOLS[caller]
        for name in (public, public.removeprefix("vault_")):
            assert await outcome(client, name) == (text if allowed else "-32602"), name
    assert await outcome(client, "peer") == ("gold" if "vault_look" in TOOLS[caller] else "-32602")
    assert await outcome(client, "erase") == ("wiped" if "vault_wipe" in TOOLS[caller] else "-32602")
    assert ("vault: active" in await outcome(client, "fuseboard_status")) is ("fuseboard_status" in TOOLS[caller])
    if caller != "nobody":
        said = await outcome(client, "vault_ask_wipe")
        assert said.startswith("wiped" if caller == "admin" else "refused"), "nested calls have the caller's rights"
        assert "vault_wipe" not in await outcome(client, "vault_names") or caller == "admin"
    await check_prompts(client, caller)
    await check_resources(client, surface, caller)


def run(box_environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], env=box_environment, capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.parametrize("caller", CALLERS)
def test_the_command_line_has_the_rights_of_local_roles(caller: str, tmp_path: Path) -> None:
    box = vault(tmp_path, local_roles=[] if caller == "nobody" else [caller])
    listed = json.loads(run(box.environment, "tools", "--json").stdout)
    assert sorted(tool["name"] for tool in listed) == TOOLS[caller]
    called = run(box.environment, "call", "erase")
    if caller == "admin":
        assert (called.returncode, called.stdout.strip()) == (0, "wiped")
    else:
        assert called.returncode == 2
        assert "it does not exist, or you may not use it" in called.stderr


def test_without_local_roles_whoever_runs_the_process_has_all_rights(tmp_path: Path) -> None:
    box = vault(tmp_path)
    listed = json.loads(run(box.environment, "tools", "--json").stdout)
    assert sorted(tool["name"] for tool in listed) == TOOLS["admin"]


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/sse", "/messages/", "/vault/wipe", "/nothing"])
@pytest.mark.parametrize("token", ["", "fb_unknown", TOKENS["stale"], "a.b.c", "x" * 20_000])
def test_without_a_good_token_every_path_answers_401(served: HttpProcess, path: str, token: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = served.client.request(method, path, headers=bearer(token) if token else {})
        assert answer.status_code == 401, (method, path)
        assert "resource_metadata=" in answer.headers["www-authenticate"]


def test_a_route_of_a_plugin_calls_in_the_name_of_whoever_asked_for_it(served: HttpProcess) -> None:
    allowed = served.client.get("/vault/wipe", headers=bearer(TOKENS["admin"])).json()
    assert allowed["content"][0]["text"] == "wiped"
    for caller in ("reader", "editor", "nobody"):
        assert "refused" in served.client.get("/vault/wipe", headers=bearer(TOKENS[caller])).json()


def test_an_access_tokens_scopes_are_roles(served: HttpProcess, issuer: Issuer) -> None:
    for scope, expected in (("reader", TOOLS["reader"]), ("openid editor", TOOLS["editor"]), ("openid", [])):
        answer = served.modern("tools/list", headers=bearer(issuer.token(scope=scope)))
        assert sorted(tool["name"] for tool in answer.json()["result"]["tools"]) == expected
    both = served.modern("tools/list", headers=bearer(issuer.token(scope="reader editor")))
    names = [tool["name"] for tool in both.json()["result"]["tools"]]
    assert sorted(names) == TOOLS["editor"], "what any role allows"
    goodbye = served.modern(
        "prompts/get", name="vault_goodbye", arguments={"who": "x"}, headers=bearer(issuer.token(scope="reader editor"))
    )
    assert goodbye.json()["error"]["code"] == -32602, "less what any role denies"
