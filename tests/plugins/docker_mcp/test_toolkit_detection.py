"""The toolkit and its dialect are detected once, and again when a command says that it changed."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from fuseboard_docker_mcp.errors import (
    CommandFailed,
    DockerMcpError,
    NoDocker,
    NoEngine,
    NoToolkit,
    UnknownOutput,
)
from fuseboard_docker_mcp.toolkit import DockerDoor, Toolkit, door
from tests.plugins.docker_mcp.docker_script import A, B, P, Said, calls, recorded, scripted, toolkit_of

pytestmark = pytest.mark.anyio
NO_ENGINE = recorded("p_v0.43.3/catalog-list.no-engine")


@pytest.mark.parametrize(("answers", "dialect", "asked"), [(A, "A", 3), (B, "B", 3), (P, "P", 2)])
async def test_a_dialect_is_detected_once_by_at_most_three_commands(
    tmp_path: Path, answers: dict[str, Said | str], dialect: str, asked: int
) -> None:
    docker, settings = scripted(tmp_path, answers)
    door = DockerDoor(settings, docker)
    found: list[Toolkit] = []

    async def ask() -> None:
        found.append(await door.toolkit())

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)
    assert {id(each) for each in found} == {id(found[0])}
    assert found[0].dialect == dialect
    assert found[0].version == recorded(str(answers["mcp version"])).stdout.strip()
    assert await door.way() == "toolkit"
    assert len(calls(tmp_path)) == asked


@pytest.mark.parametrize(
    ("answers", "dialect"),
    [
        ({**A, "mcp server ls --json": "a_v0.22.0/server-ls.empty"}, "A"),
        ({**B, "mcp server ls --json": "b_v0.41.0/server-ls.empty"}, "B"),
        ({**B, "mcp server ls --json": "b_v0.41.0/server-ls.malformed-config"}, "B"),
        ({**A, "mcp version": Said("v0.27.0+1a2b3c4\n"), "mcp server ls --json": Said("null")}, "B"),
        ({**P, "mcp version": Said("v0.44.0-dirty\n"), "mcp profile list --format json": Said("[]\n")}, "P"),
    ],
)
async def test_where_the_list_says_nothing_the_version_decides(
    tmp_path: Path, answers: dict[str, Said | str], dialect: str
) -> None:
    assert (await toolkit_of(tmp_path, answers)).dialect == dialect


@pytest.mark.parametrize(
    ("answers", "expected", "way"),
    [
        ({"mcp version": "no_plugin/version", "version --format *": Said("28.2.2\n")}, NoToolkit, "engine"),
        ({"mcp version": "no_plugin/version", "version --format *": NO_ENGINE}, NoToolkit, "direct"),
        (
            {**P, "mcp profile list --format json": "no_plugin/profile-list", "version *": NO_ENGINE},
            NoToolkit,
            "direct",
        ),
        ({**P, "mcp profile list --format json": NO_ENGINE}, NoEngine, "toolkit"),
        ({**B, "mcp server ls --json": NO_ENGINE}, NoEngine, "toolkit"),
        ({**B, "mcp server ls --json": Said('["a", {"name": "b"}]')}, UnknownOutput, "toolkit"),
        ({**B, "mcp server ls --json": Said('{"a": 1}')}, UnknownOutput, "toolkit"),
        ({**P, "mcp profile list --format json": Said("{}")}, UnknownOutput, "toolkit"),
        ({**P, "mcp profile list --format json": "p_v0.43.3/unknown-command"}, UnknownOutput, "toolkit"),
        ({**P, "mcp version": Said("development build\n")}, UnknownOutput, "toolkit"),
    ],
)
async def test_what_is_missing_is_named_and_decides_the_way(
    tmp_path: Path,
    answers: dict[str, Said | str],
    expected: type[DockerMcpError],
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(door, "FAILURE_KEPT", 600)
    docker, settings = scripted(tmp_path, answers)
    asked = DockerDoor(settings, docker)
    with pytest.raises(expected):
        await asked.toolkit()
    assert await asked.way() == way
    before = calls(tmp_path)
    with pytest.raises(expected):
        await asked.toolkit()
    assert await asked.way() == way
    assert calls(tmp_path) == before


async def test_without_docker_the_way_is_direct_and_the_settings_word_is_final(tmp_path: Path) -> None:
    docker, settings = scripted(tmp_path, {})
    (tmp_path / "docker").unlink()
    door = DockerDoor(settings, docker)
    assert await door.way() == "direct"
    with pytest.raises(NoDocker):
        await door.toolkit()
    assert await DockerDoor(settings.model_copy(update={"way": "engine"}), docker).way() == "engine"


async def test_a_failed_detection_is_tried_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker, settings = scripted(tmp_path, {**P, "mcp profile list --format json": NO_ENGINE})
    waiting = DockerDoor(settings, docker)
    monkeypatch.setattr(door, "FAILURE_KEPT", 0.1)
    with pytest.raises(NoEngine):
        await waiting.toolkit()
    scripted(tmp_path, P)
    with anyio.fail_after(60):
        while True:
            try:
                assert (await waiting.toolkit()).dialect == "P"
                break
            except NoEngine:
                await anyio.sleep(0.02)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mcp catalog list --format json": NO_ENGINE}, NoEngine),
        ({"mcp catalog list --format json": "no_plugin/version"}, NoToolkit),
        ({"mcp catalog list --format json": "p_v0.43.3/server-ls.obsolete"}, CommandFailed),
        ({"mcp catalog list --format json": "p_v0.43.3/unknown-command"}, UnknownOutput),
    ],
)
async def test_a_command_that_doubts_the_detection_makes_the_door_look_again(
    tmp_path: Path, change: dict[str, Said | str], expected: type[DockerMcpError]
) -> None:
    docker, settings = scripted(tmp_path, P)
    door = DockerDoor(settings, docker)
    toolkit = await door.toolkit()
    scripted(tmp_path, {**P, **change})
    with pytest.raises(expected):
        await toolkit.catalogue()
    scripted(tmp_path, A)
    assert (await door.toolkit()).dialect == "A"


async def test_a_command_that_fails_for_another_reason_does_not(tmp_path: Path) -> None:
    docker, settings = scripted(
        tmp_path, {**P, "mcp catalog list --format json": "p_v0.43.3/catalog-list.corrupt-database"}
    )
    door = DockerDoor(settings, docker)
    toolkit = await door.toolkit()
    with pytest.raises(CommandFailed, match=r"mcp-toolkit\.db is damaged"):
        await toolkit.catalogue()
    assert await door.toolkit() is toolkit
