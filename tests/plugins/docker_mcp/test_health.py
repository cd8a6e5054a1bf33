"""The health checks: what of Docker is there, and how each started server is. Neither makes the plugin ill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from fuseboard.testing import PluginHost
from fuseboard_docker_mcp import health
from tests.plugins.docker_mcp.hosted import hosted, result_of, started, text_of, toy, until

pytestmark = pytest.mark.anyio


async def _checks(host: PluginHost) -> dict[str, Any]:
    """The checks by name. Those that a busy machine kept from an answer until the host's deadline are asked again."""
    while True:
        found = {check.name: check for check in (await host.host.health(max_age=0))["docker_mcp"]}
        if not any(check.message.startswith(("no answer within", "the check still runs")) for check in found.values()):
            return found


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker has more time than the host gives to a check, so that only the host is asked again, see `_checks`."""
    monkeypatch.setattr(health, "PATIENCE", 60.0)


@pytest.mark.usefixtures("_patient")
async def test_a_machine_without_docker_is_no_fault(tmp_path: Path) -> None:
    async with hosted(tmp_path, settings={"way": "auto", "docker": "no-such-program"}) as host:
        check = (await _checks(host))["docker"]
        # A machine that stood still makes the host take the plugin for blocked, for a moment.
        await until(lambda: str(host.row().state) == "active")
    assert check.ok
    assert not check.critical
    assert check.message.startswith("NO_DOCKER")
    assert check.details["code"] == "NO_DOCKER"


@pytest.mark.usefixtures("_patient")
async def test_docker_is_not_asked_where_the_operator_does_not_use_it(tmp_path: Path) -> None:
    async with hosted(tmp_path, settings={"way": "direct", "docker": "/bin/false"}) as host:
        check = (await _checks(host))["docker"]
    assert check.ok
    assert check.message == "Docker is not used: way is direct"


@pytest.mark.usefixtures("_patient")
async def test_docker_is_asked_once_and_believed_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "BELIEVED", 600.0)
    asked = tmp_path / "asked"
    command = tmp_path / "docker"
    command.write_text(f'#!/bin/sh\necho "$@" >> {asked}\necho "docker: unknown command: docker mcp" >&2\nexit 1\n')
    command.chmod(0o755)
    async with hosted(tmp_path / "state", settings={"way": "auto", "docker": str(command)}) as host:
        first = (await _checks(host))["docker"]
        lines = len(asked.read_text().splitlines())
        for _ in range(5):
            assert (await _checks(host))["docker"].message == first.message
        assert len(asked.read_text().splitlines()) == lines
    assert first.ok


async def test_a_docker_that_hangs_is_said_to_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert health.PATIENCE < 2, "the host's deadline of a check: what this one says would come too late"
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    command = tmp_path / "docker"
    command.write_text("#!/bin/sh\nexec sleep 600\n")
    command.chmod(0o755)
    async with hosted(tmp_path / "state", settings={"way": "auto", "docker": str(command)}) as host:
        check = (await _checks(host))["docker"]
        assert check.ok
        assert check.message == "docker gave no answer within 0.2 s"


async def test_each_started_server_is_told_with_its_last_call(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"toy": toy(), "other": toy()}) as host:
        assert (await _checks(host))["servers"].message == "0 ready"
        await started(host, "toy", "other")
        assert text_of(await host.call_tool("toy_echo", {"text": "a"})) == "a"
        check = (await _checks(host))["servers"]
        assert check.ok
        assert check.message == "2 ready"
        assert check.details["toy"]["state"] == "ready"
        assert check.details["toy"]["tools"] > 10
        assert check.details["toy"]["last_call"]["tool"] == "echo"
        assert check.details["toy"]["last_call"]["outcome"] == "ok"
        assert "last_call" not in check.details["other"]
        await result_of(host, "stop_servers", servers=["toy"])
        assert set((await _checks(host))["servers"].details) == {"other"}


async def test_a_server_that_failed_is_ill_with_its_reason_and_the_plugin_is_not(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"toy": toy(), "other": toy()}, settings={"proxy": {"reconnect_attempts": 0}}) as host:
        await started(host, "toy", "other")
        await host.call_tool("toy_die")
        while (check := (await _checks(host))["servers"]).ok:
            await anyio.sleep(0.02)
        assert "toy is failed" in check.message
        assert check.details["toy"]["reason"]
        assert check.details["other"]["state"] == "ready"
        await until(lambda: str(host.row().state) == "active")


async def test_a_server_that_should_have_started_with_the_host_is_named(tmp_path: Path) -> None:
    async with hosted(tmp_path, {"bad": toy("--fail-start", "no database", autostart=True)}) as host:
        while (check := (await _checks(host))["servers"]).ok:
            await anyio.sleep(0.02)
    assert "bad was not started with the host" in check.message or "bad is failed" in check.message
    assert "no database" in check.details["bad"]["reason"]
