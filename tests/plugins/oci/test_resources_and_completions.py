"""Manifests as resources, and completions of the arguments of prompts and of that resource, through a real client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp
import pytest
from mcp_types import PromptReference, ResourceTemplateReference, TextResourceContents

import fuseboard_oci
from fuseboard.testing import PluginHost
from fuseboard_oci.resources import MANIFEST
from fuseboard_oci.testing import InMemoryRegistry, seed_data
from tests.plugins.oci.helpers import PATIENCE

pytestmark = pytest.mark.anyio

ERAS = ["auto", "legacy"]


@pytest.fixture(autouse=True)
def _completions_are_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that answers completes to something, also when this machine was busy for a moment."""
    monkeypatch.setattr("fuseboard_oci.completions._PATIENCE", PATIENCE)


@asynccontextmanager
async def _house(registry: InMemoryRegistry, mode: str = "auto", **known: Any) -> AsyncIterator[mcp.Client]:
    registry.seed(seed_data(many=150, parallel=0))
    settings = {"registries": {registry.host: {"insecure": True, **known}}}
    with anyio.fail_after(PATIENCE):
        async with PluginHost(fuseboard_oci, name="oci", settings=settings, mode=mode) as house:
            yield house.client


def _text(result: Any) -> dict[str, Any]:
    [content] = result.contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    found: dict[str, Any] = json.loads(content.text)
    return found


@pytest.mark.parametrize("mode", ERAS)
async def test_a_manifest_is_a_resource(mode: str) -> None:
    with InMemoryRegistry() as registry:
        async with _house(registry, mode) as client:
            templates = (await client.list_resource_templates()).resource_templates
            assert [template.uri_template for template in templates] == [MANIFEST]
            fields = _text(await client.read_resource(f"oci://{registry.host}/demo/multi/1.0"))
            assert [row["platform"]["architecture"] for row in fields["manifests"][:4]] == [
                "amd64",
                "arm64",
                "arm",
                "s390x",
            ]


@pytest.mark.parametrize("spelling", ["demo/a/b/c/d-e__f.g", "demo%2Fa%2Fb%2Fc%2Fd-e__f.g"])
async def test_the_slashes_of_a_repository_may_be_written_as_they_are_or_encoded(spelling: str) -> None:
    with InMemoryRegistry() as registry:
        async with _house(registry) as client:
            tagged = _text(await client.read_resource(f"oci://{registry.host}/{spelling}/v1"))
            _, [digest] = registry.store.names(), set(registry.store.repositories["demo/a/b/c/d-e__f.g"].tags.values())
            assert _text(await client.read_resource(f"oci://{registry.host}/{spelling}/{digest}")) == tagged


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("rest", "code"), [("demo/multi/9.9", "MANIFEST_UNKNOWN"), ("demo/UPPER/1.0", "INVALID_REPOSITORY")]
)
async def test_a_manifest_that_is_not_there_is_an_error_with_a_code(mode: str, rest: str, code: str) -> None:
    with InMemoryRegistry() as registry:
        async with _house(registry, mode) as client:
            with pytest.raises(mcp.MCPError, match=code):
                await client.read_resource(f"oci://{registry.host}/{rest}")


async def test_text_of_strangers_is_cleaned_in_a_resource_too() -> None:
    with InMemoryRegistry() as registry:
        async with _house(registry) as client:
            notes = _text(await client.read_resource(f"oci://{registry.host}/demo/labels/1.0"))["annotations"]
    assert all(text.isprintable() for text in notes.values())
    assert len(notes["long"]) == 512


async def _completed(client: mcp.Client, name: str, argument: str, value: str, **given: str) -> list[str]:
    reference = ResourceTemplateReference(uri=MANIFEST) if name == MANIFEST else PromptReference(name=name)
    result = await client.complete(reference, {"name": argument, "value": value}, context_arguments=given)
    return list(result.completion.values)


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("name", ["oci_list_digests_prompt", MANIFEST])
async def test_registry_repository_and_reference_are_completed_step_by_step(mode: str, name: str) -> None:
    with InMemoryRegistry() as registry:
        host = registry.host
        async with _house(registry, mode) as client:
            assert (await _completed(client, name, "registry", ""))[:2] == [host, "docker.io"]
            assert await _completed(client, name, "registry", "gh") == ["ghcr.io"]
            assert await _completed(client, name, "repository", "demo/sig", registry=host) == [
                "demo/signed",
                "demo/signedindex",
            ]
            given = {"registry": host, "repository": "demo/app"}
            assert await _completed(client, name, "reference", "", **given) == ["2.0.0-rc.1", "1.1.0", "1.0.0"]
            assert await _completed(client, name, "reference", "2", **given) == ["2.0.0-rc.1"]


async def test_of_many_tags_a_hundred_are_completed() -> None:
    with InMemoryRegistry() as registry:
        async with _house(registry) as client:
            given = {"registry": registry.host, "repository": "demo/manytags"}
            assert len(await _completed(client, "oci_list_digests_prompt", "reference", "", **given)) == 100


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"registry": "not a registry"},
        {"registry": "169.254.169.254"},
        {"registry": "docker.io", "repository": "UPPER"},
        {"registry": "127.0.0.1:1", "repository": "demo/app"},
    ],
)
async def test_what_cannot_be_asked_completes_to_nothing(given: dict[str, str]) -> None:
    with InMemoryRegistry() as registry:
        async with _house(registry) as client:
            for argument in ("repository", "reference"):
                assert await _completed(client, "oci_list_digests_prompt", argument, "x", **given) == []


async def test_a_catalogue_behind_a_login_completes_with_the_login_of_the_settings() -> None:
    with InMemoryRegistry(auth="token") as registry:
        async with _house(registry, username="alice", password="secret") as client:
            found = await _completed(client, "oci_list_tags_prompt", "repository", "private", registry=registry.host)
    assert found == ["private/secret"]
