"""Configuration that no toolkit keeps: by server, in a private file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import ConfigStoreFailed, InvalidInput
from fuseboard_docker_mcp.stores.configs import ConfigStore

pytestmark = pytest.mark.anyio


def store(folder: Path) -> ConfigStore:
    return ConfigStore(DockerMcpSettings.model_validate({"state_folder": folder / "state"}))


async def test_each_server_has_its_own_values(tmp_path: Path) -> None:
    configs = store(tmp_path)
    assert await configs.read("labnotes") == {}
    await configs.write("labnotes", {})
    assert not (tmp_path / "state").exists(), "nothing to keep, no file"
    values = {"url": "http://notes.local", "retries": 3, "deep": {"a": [1, None, "ü"]}}
    await configs.write("labnotes", values)
    await configs.write("other", {"x": True})
    assert await store(tmp_path).read("labnotes") == values
    assert (tmp_path / "state" / "config.json").stat().st_mode & 0o777 == 0o600
    await configs.write("labnotes", {"retries": 4})
    assert await configs.read("labnotes") == {"retries": 4}
    await configs.write("labnotes", {})
    assert await configs.read("labnotes") == {}
    assert await configs.read("other") == {"x": True}


async def test_servers_that_are_written_at_once_all_stay(tmp_path: Path) -> None:
    configs = store(tmp_path)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(configs.write, f"s{number}", {"n": number})
    assert [await configs.read(f"s{number}") for number in range(20)] == [{"n": number} for number in range(20)]


@pytest.mark.parametrize("name", ["", "../x", "a b", "-a", "a" * 64])
async def test_what_cannot_be_a_servers_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be the name of a server"):
        await store(tmp_path).read(name)
    with pytest.raises(InvalidInput, match="cannot be the name of a server"):
        await store(tmp_path).write(name, {"a": 1})


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"x", Path("x")])
async def test_what_json_cannot_carry_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(InvalidInput, match="the configuration of a is no JSON"):
        await store(tmp_path).write("a", {"x": value})
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("content", ['{"a": "hunter2"}', "{", '["hunter2"]'])
async def test_a_broken_file_is_told_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state" / "config.json"
    path.parent.mkdir(0o700)
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigStoreFailed, match=r"config\.json is broken") as caught:
        await store(tmp_path).read("a")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigStoreFailed, match=r"config\.json is broken"):
        await store(tmp_path).write("a", {"x": 1})
    assert path.read_text() == content
