"""The image of deploy/Dockerfile, built and run by a real engine: `make deploy-check`, because it takes two minutes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator

import pytest

from tests.debian import ENGINE, fetched
from tests.deploy.image import IMAGE, build, docker
from tests.plugins.docker_mcp.engine.private_engine import CannotRun, PrivateEngine

pytestmark = [
    pytest.mark.external,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("FUSEBOARD_DEPLOY_CHECK") != "1", reason="the image is built and run by: make deploy-check"
    ),
]

# As compose.yaml and deployment.yaml run it. The engine's containers have no network but loopback.
LOCKED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:size=64m"]
ALLOWED = ["--network", "none", "--env", "FUSEBOARD_HTTP__ALLOW_UNAUTHENTICATED=true"]


@pytest.fixture(scope="module")
def engine() -> Iterator[PrivateEngine]:
    """An engine that has built the image with the plugin `oci`."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED with a real Docker engine: starting one needs root")
    with PrivateEngine(fetched(*ENGINE)) as private:
        try:
            private.start()
        except CannotRun as error:
            pytest.skip(f"NOT TESTED with a real Docker engine: none runs on this machine: {error}")
        build(private, "oci")
        yield private


@pytest.fixture(scope="module")
def container(engine: PrivateEngine) -> str:
    """A running container; the engine ends it."""
    # The image asks itself every 15 seconds, which is long for a test.
    return docker(engine, "run", "--detach", "--health-interval", "1s", *LOCKED, *ALLOWED, IMAGE).strip()


def until(condition: Callable[[], bool], seconds: float = 300) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def health(engine: PrivateEngine, container: str) -> str:
    return docker(engine, "inspect", "--format", "{{.State.Health.Status}}", container).strip()


def test_the_container_becomes_healthy_and_ready_with_the_chosen_plugin_alone(
    engine: PrivateEngine, container: str
) -> None:
    assert until(lambda: health(engine, container) == "healthy"), docker(engine, "logs", container)
    report = json.loads(docker(engine, "exec", container, "fuseboard", "health", "--json"))
    assert report["ready"] is True
    assert [plugin["name"] for plugin in report["plugins"]] == ["oci"]


def test_the_check_fails_when_nothing_answers(engine: PrivateEngine) -> None:
    idle = docker(
        engine,
        *("run", "--detach", "--network", "none", "--health-interval", "1s", "--health-start-period", "0s"),
        *("--entrypoint", "python3", IMAGE, "-c", "import time; time.sleep(600)"),
    ).strip()
    assert until(lambda: health(engine, idle) == "unhealthy")
    docker(engine, "kill", idle)


def test_it_runs_as_user_10001_who_can_write_nowhere_but_in_tmp(engine: PrivateEngine, container: str) -> None:
    code = """
import os, pathlib, sys
print(os.getuid(), os.getgid())
for folder in ("/", "/etc/fuseboard", "/opt/fuseboard/bin", sys.prefix, "/tmp"):
    try:
        pathlib.Path(folder, "written").write_text("")
        print("wrote", folder)
    except OSError:
        pass
"""
    assert docker(engine, "exec", container, "python", "-c", code).splitlines() == ["10001 10001", "wrote /tmp"]
    # The same without --read-only: the files are root's.
    loose = docker(engine, "run", "--rm", "--network", "none", "--entrypoint", "python", IMAGE, "-c", code)
    assert loose.splitlines() == ["10001 10001", "wrote /tmp"]


def test_nothing_of_the_build_is_left_in_it(engine: PrivateEngine) -> None:
    code = "import importlib.metadata, pathlib; print(*sorted(d.name for d in importlib.metadata.distributions()))"
    installed = docker(engine, "run", "--rm", "--network", "none", "--entrypoint", "python", IMAGE, "-c", code).split()
    assert {"fuseboard", "fuseboard-oci", "mcp"} <= set(installed)
    assert not {"pip", "uv", "hatchling", "pytest", "fuseboard-cloudru", "fuseboard-docker-mcp"} & set(installed)


def test_without_authentication_it_refuses_to_serve_everybody(engine: PrivateEngine) -> None:
    with pytest.raises(CannotRun) as refused:
        docker(engine, "run", "--rm", "--network", "none", *LOCKED, IMAGE, timeout=300)
    assert "ended with 2" in str(refused.value)
    assert "auth.tokens_file" in str(refused.value)


def test_it_stops_at_once_and_cleanly_when_it_is_told_to(engine: PrivateEngine, container: str) -> None:
    begun = time.monotonic()
    # One that does not hear is killed after the time, with another exit code.
    docker(engine, "stop", "--time", "120", container)
    assert time.monotonic() - begun < 60
    assert docker(engine, "inspect", "--format", "{{.State.ExitCode}}", container).strip() == "0"
