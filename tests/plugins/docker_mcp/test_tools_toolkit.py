"""The tools with a Docker behind them, in every dialect of its toolkit and without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp_types import TextContent

from fuseboard.testing import PluginHost
from fuseboard_docker_mcp import health
from fuseboard_docker_mcp.testing.stand_in import Behaviour, Dialect, StandIn, container_entry
from tests.plugins.docker_mcp.hosted import error_of, hosted, result_of, started, toy, until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

DIALECTS: list[Dialect] = ["A", "B", "P", "none"]
WAYS = {"A": "toolkit", "B": "toolkit", "P": "toolkit", "none": "engine"}


def notes_entry() -> dict[str, Any]:
    schema = {
        "name": "notes",
        "description": "Configure the notes",
        "type": "object",
        "properties": {"url": {"type": "string"}, "retries": {"type": "integer"}},
        "required": ["url"],
    }
    return container_entry(
        "notes",
        secrets=[{"name": "notes.api_key", "env": "NOTES_KEY"}],
        env=[{"name": "NOTES_URL", "value": "{{notes.url}}"}],
        config=[schema],
    )


@asynccontextmanager
async def docked(
    docker: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> AsyncIterator[PluginHost]:
    """A host that finds the stand-in, as it finds the docker of a machine."""
    for name, value in docker.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    servers = more.pop("servers", {})
    settings = {"way": "auto", **more.pop("settings", {})}
    async with hosted(folder / "state", servers, settings=settings, **more) as host:
        yield host


async def variable(host: PluginHost, name: str) -> str:
    result = await host.call_tool("notes_env", {"name": name})
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_whole_way_of_the_seed_works(
    dialect: Dialect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = {"notes": Behaviour(entry=notes_entry()), "echoes": Behaviour(), "idle": Behaviour(installed=False)}
    with StandIn(tmp_path / "docker", dialect=dialect, servers=servers) as docker:
        async with docked(docker, tmp_path, monkeypatch) as host:
            installed = await result_of(host, "list_installed_servers")
            assert {(one["name"], one["way"]) for one in installed["servers"]} == {
                ("notes", WAYS[dialect]),
                ("echoes", WAYS[dialect]),
            }
            found = await result_of(host, "list_catalog_servers", query="idle")
            assert [(one["name"], one["installed"]) for one in found["servers"]] == [("idle", False)]
            assert (await result_of(host, "get_server_tools", server="echoes"))["source"] == "catalogue"

            first = await result_of(host, "start_servers", servers=["notes", "idle"])
            assert {one["server"]: one["code"] for one in first["failed"]} == {
                "notes": "WRONG_CONFIGURATION",
                "idle": "NOT_INSTALLED",
            }
            await result_of(host, "config_set", server="notes", config={"url": "http://one", "retries": 3})
            assert (await result_of(host, "config_get", server="notes"))["config"] == {
                "url": "http://one",
                "retries": 3,
            }
            second = await result_of(host, "start_servers", servers=["notes"])
            assert [one["code"] for one in second["failed"]] == ["MISSING_SECRET"]
            await result_of(host, "secret_set", key="notes.api_key", value="hush-hush")

            await started(host, "notes", "echoes")
            assert await variable(host, "NOTES_URL") == "http://one"
            assert await variable(host, "NOTES_KEY") == "hush-hush"
            changed = await result_of(host, "config_set", server="notes", config={"url": "http://two"})
            assert changed["restarted"]
            assert await variable(host, "NOTES_URL") == "http://two"
            added = await result_of(host, "call_tool", tool_name="add", arguments={"a": 1, "b": 2}, server="echoes")
            assert added == {"sum": 3}
            await result_of(host, "stop_servers", servers=["notes", "echoes"])
            await until(lambda: not docker.containers())
        if dialect != "none":
            assert docker.configuration("notes") == {"url": "http://two", "retries": 3}
        said = " ".join(" ".join(call.argv) for call in docker.calls())
        assert "hush-hush" not in said


@pytest.mark.parametrize("dialect", ["P", "none"])
async def test_a_lost_container_comes_back_and_none_is_left_at_the_end(
    dialect: Dialect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(tmp_path / "docker", dialect=dialect, servers={"echoes": Behaviour()}) as docker:
        async with docked(docker, tmp_path, monkeypatch) as host:
            await started(host, "echoes")
            assert (await host.call_tool("echoes_die")).is_error
            while (await host.call_tool("echoes_echo", {"text": "a"})).is_error:
                await anyio.sleep(0.02)
            assert docker.containers()
        with anyio.fail_after(60):
            await until(lambda: not docker.containers())


@pytest.mark.parametrize("dialect", ["B", "P"])
async def test_a_secret_follows_into_dockers_store_where_it_works(
    dialect: Dialect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = {"notes": Behaviour(entry=notes_entry())}
    own = {"mine": toy(secrets={"TOKEN": "mine.token"})}
    with StandIn(tmp_path / "docker", dialect=dialect, servers=servers, docker_pass=True) as docker:
        async with docked(docker, tmp_path, monkeypatch, servers=own) as host:
            stored = await result_of(host, "secret_set", key="notes.api_key", value="hush-hush")
            assert stored["mirrored"]
            assert docker.secrets() == {"notes.api_key": "hush-hush"}
            # What only a server of the settings wants is none of Docker's business.
            assert not (await result_of(host, "secret_set", key="mine.token", value="hush"))["mirrored"]
            removed = await result_of(host, "secret_remove", key="notes.api_key")
            assert removed["mirrored"]
            assert docker.secrets() == {}


async def test_an_engine_that_is_gone_is_named_and_servers_of_the_settings_work_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(tmp_path / "docker", servers={"echoes": Behaviour()}, engine=False) as docker:
        async with docked(docker, tmp_path, monkeypatch, servers={"mine": toy()}) as host:
            listed = await result_of(host, "list_installed_servers")
            assert [one["name"] for one in listed["servers"]] == ["mine"]
            assert [problem["code"] for problem in listed["problems"]] == ["NO_ENGINE"]
            await started(host, "mine")
            monkeypatch.setattr(health, "PATIENCE", 60.0)
            # The host gives a check two seconds, and one that a busy machine held up is asked again.
            while not (check := (await host.host.health(max_age=0))["docker_mcp"][0]).ok:
                await anyio.sleep(0.02)
            assert check.name == "docker"
            assert check.details["code"] == "NO_ENGINE"


async def test_an_operator_may_allow_servers_that_are_only_in_a_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StandIn(tmp_path / "docker", servers={"idle": Behaviour(installed=False)}) as docker:
        async with docked(docker, tmp_path, monkeypatch) as host:
            assert (await error_of(host, "config_set", server="idle", config={"a": 1})).startswith("NOT_INSTALLED")
        async with docked(
            docker, tmp_path, monkeypatch, settings={"docker_mcp": {"allow_catalog_servers": True}}
        ) as host:
            await started(host, "idle")


async def test_a_missing_image_is_named_or_pulled_with_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(str(message))

    with StandIn(tmp_path / "docker", servers={"echoes": Behaviour(image="pullable")}) as docker:
        async with docked(docker, tmp_path, monkeypatch) as host:
            failed = (await result_of(host, "start_servers", servers=["echoes"]))["failed"]
            assert [one["code"] for one in failed] == ["IMAGE_MISSING"]
        async with docked(docker, tmp_path, monkeypatch, settings={"docker_mcp": {"pull": True}}) as host:
            await host.call_tool("docker_mcp_start_servers", {"servers": ["echoes"]}, progress_callback=progress)
            assert (await result_of(host, "get_active_servers"))["servers"][0]["state"] == "ready"
    assert any("pull" in sentence for sentence in told)
