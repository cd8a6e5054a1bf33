"""`fuseboard health` against a real host, and against what is none."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.host.cli.running import Cli
from tests.host.transports.http_process import HttpProcess
from tests.host.transports.toys import Toybox
from tests.ports import deserted_port

BROKEN = "raise RuntimeError"
# Of one that answers; the time of a probe is short.
PATIENTLY = ("--timeout", "60")


def toybox(folder: Path) -> Toybox:
    toys = Toybox(folder / "toys")
    toys.add("toy")
    return toys


def test_a_host_is_asked_by_its_address_or_by_its_settings(cli: Cli, tmp_path: Path) -> None:
    toys = toybox(tmp_path)
    with HttpProcess(toys) as host:
        host.ready()
        ran = cli("health", f"{host.origin}/mcp", *PATIENTLY)
        assert (ran.code, ran.out, ran.err) == (0, "ready\n", "")
        # One who listens on every address is asked on this machine.
        own = {"FUSEBOARD_HTTP__PORT": str(host.port), "FUSEBOARD_HTTP__HOST": "0.0.0.0"}
        assert cli("health", "--live", *PATIENTLY, **own).out == "alive\n"
        assert cli("health", "--json", *PATIENTLY, **own).json["ready"] is True
        # A proxy of the environment is not asked.
        assert (
            cli("health", *PATIENTLY, http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9", **own).code == 0
        )


def test_a_host_without_a_required_plugin_is_alive_but_not_ready(cli: Cli, tmp_path: Path) -> None:
    toys = toybox(tmp_path)
    toys.add("broken", BROKEN)
    toys.settings["FUSEBOARD_FUSES__BROKEN__REQUIRED"] = "true"
    with HttpProcess(toys) as host:
        host.ready()
        ran = cli("health", host.origin, *PATIENTLY)
        assert ran.code == 1
        first, second = ran.out.splitlines()
        assert first == "not ready"
        assert second.startswith("broken: required, failed: ")
        assert "RuntimeError" in second
        assert cli("health", "--live", host.origin, *PATIENTLY).code == 0


def test_what_answers_not_or_wrongly_is_told_in_one_line(cli: Cli) -> None:
    with deserted_port() as port:
        ran = cli("health", FUSEBOARD_HTTP__PORT=str(port))
    assert ran.code == 1
    assert ran.err.startswith(f"fuseboard: nothing healthy answers at http://127.0.0.1:{port}/readyz: ")
    assert len(ran.err.splitlines()) == 1
    assert cli("health", "ftp://127.0.0.1").code == 2
    assert cli("health", "http://127.0.0.1:port").code == 1
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        ran = cli("health", f"http://127.0.0.1:{other.server_port}", *PATIENTLY)
        other.shutdown()
    assert ran.code == 1
    assert "is no fuseboard" in ran.err


class Says(http.server.BaseHTTPRequestHandler):
    """Answers with what is in the path; after `drip` with a blank now and then, for ever."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        said = unquote(self.path.split("/")[1])
        with contextlib.suppress(OSError):
            while said == "drip":
                self.wfile.write(b" ")
                time.sleep(0.1)
        self.wfile.write(said.encode() * (100_000 if said == "[" else 1))

    def log_message(self, *texts: object) -> None:
        pass


@pytest.fixture
def says() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Says) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{other.server_port}"
        other.shutdown()


@pytest.mark.parametrize(
    "answer",
    [
        '{"ready": true, "plugins": 5}',
        '{"ready": true, "plugins": [null]}',
        '{"ready": false, "plugins": [{"checks": [1]}]}',
        '{"ready": false, "plugins": [{"checks": null}]}',
        "[1]",
        "[",
    ],
)
def test_an_answer_of_another_form_is_told_in_one_line(cli: Cli, says: str, answer: str) -> None:
    ran = cli("health", f"{says}/{quote(answer)}", *PATIENTLY)
    assert (ran.code, ran.out) == (1, "")
    assert "is no fuseboard" in ran.err


def test_one_that_answers_a_byte_at_a_time_is_not_waited_for(cli: Cli, says: str) -> None:
    ran = cli("health", "--timeout", "0.5", f"{says}/drip")
    assert ran.code == 1
    assert "timed out" in ran.err


def test_one_that_takes_the_connection_and_says_nothing_is_not_waited_for(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ran = cli("health", "--timeout", "0.3", f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert ran.code == 1
    assert "timed out" in ran.err
