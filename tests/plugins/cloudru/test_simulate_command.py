"""`fuseboard cloudru simulate` as a process of its own: what it prints, what it serves, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

PROGRAM = [sys.executable, "-m", "fuseboard", "cloudru", "simulate"]
LONGEST = 120
"""Seconds for a start or an end on a busy machine."""
NAMES = ["CLOUD_RU_IAM_URL", "CLOUD_RU_API_URL", "CLOUD_RU_KEY_ID", "CLOUD_RU_SECRET", "CLOUD_RU_PROJECT_ID"]


@contextmanager
def simulating(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The running command and the environment that it printed."""
    with subprocess.Popen(
        [*PROGRAM, "--port", "0", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        late = threading.Timer(LONGEST, process.kill)
        late.start()
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in NAMES]
            assert all(lines), process.communicate()
            yield process, dict(line.split("=", 1) for line in lines)
        finally:
            late.cancel()
            process.kill()


def refused(*options: str) -> tuple[int, str]:
    ended = subprocess.run([*PROGRAM, *options], capture_output=True, text=True, timeout=LONGEST)
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def token(environment: dict[str, str]) -> httpx2.Response:
    body = {"keyId": environment["CLOUD_RU_KEY_ID"], "secret": environment["CLOUD_RU_SECRET"]}
    return httpx2.post(f"{environment['CLOUD_RU_IAM_URL']}/api/v1/auth/token", json=body, timeout=LONGEST)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_the_environment_serves_it_and_ends_well(number: signal.Signals) -> None:
    with simulating() as (process, environment):
        assert list(environment) == NAMES
        assert environment["CLOUD_RU_API_URL"].startswith("http://127.0.0.1:")
        headers = {"Authorization": f"Bearer {token(environment).json()['access_token']}"}
        query = {"projectId": environment["CLOUD_RU_PROJECT_ID"]}
        url = f"{environment['CLOUD_RU_API_URL']}/v1/registries"
        assert httpx2.get(url, params=query, headers=headers, timeout=LONGEST).json() == {}
        process.send_signal(number)
        said, complained = process.communicate(timeout=LONGEST)
    assert (process.returncode, said, complained) == (0, "", "")


def test_its_options_are_the_switches_and_the_account() -> None:
    project = str(uuid.uuid4())
    account = ["--key-id", "key", "--secret", "secret", "--project-id", project]
    behaviour = ["--emit-defaults", "--nested-errors", "--token-seconds", "999", "--fault", "503", "GET /v1/operations"]
    with simulating(*account, *behaviour) as (_, environment):
        assert [environment[name] for name in NAMES[2:]] == ["key", "secret", project]
        answer = token(environment).json()
        assert answer["expires_in"] == 999
        url, headers = environment["CLOUD_RU_API_URL"], {"Authorization": f"Bearer {answer['access_token']}"}
        registries = httpx2.get(f"{url}/v1/registries?projectId={project}", headers=headers, timeout=LONGEST)
        assert registries.json() == {"registries": [], "nextPageToken": ""}
        operations = [httpx2.get(f"{url}/v1/operations", headers=headers, timeout=LONGEST) for _ in range(2)]
    assert [answer.json()["error"]["message"] for answer in operations] == ["simulated fault 503"] * 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--port", "70000"], "70000 is not in the range 0<=x<=65535"),
        (["--operation-seconds", "-1"], "-1.0 is not in the range"),
        (["--update-answers", "nothing"], "'nothing' is not one of 'operation', 'registry'"),
        (["--project-id", "5"], "'5' is not a valid UUID"),
        (["--fault", "broken", "*"], "broken is neither a status from 400 to 599 nor one of timeout, reset"),
        (["--host", "0.0.0.0"], "0.0.0.0 is no loopback address"),
        (["--nonsense"], "No such option"),
    ],
)
def test_a_wrong_option_is_named(options: list[str], complaint: str) -> None:
    code, said = refused(*options)
    assert code == 2
    assert complaint in said


def test_an_address_that_is_taken_is_an_error_of_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused("--port", str(port))
    assert (code, said.count("\n")) == (2, 1)
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in said


def test_strangers_are_let_in_only_on_demand() -> None:
    with simulating("--host", "0.0.0.0", "--insecure") as (process, environment):
        port = environment["CLOUD_RU_API_URL"].rpartition(":")[2]
        here = {**environment, "CLOUD_RU_IAM_URL": f"http://127.0.0.1:{port}"}
        assert token(here).status_code == 200
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(LONGEST) == 0
