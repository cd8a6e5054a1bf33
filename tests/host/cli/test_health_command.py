"""`fuseboard health` against a real host, and against what is none."""

from __future__ import annotations

import http.server
import socket
import threading
from pathlib import Path

from tests.host.cli.running import Cli
from tests.host.transports.http_process import HttpProcess
from tests.host.transports.toys import Toybox

BROKEN = "raise RuntimeError"


def toybox(folder: Path) -> Toybox:
    toys = Toybox(folder / "toys")
    toys.add("toy")
    return toys


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_host_is_asked_by_its_address_or_by_its_settings(cli: Cli, tmp_path: Path) -> None:
    toys = toybox(tmp_path)
    with HttpProcess(toys) as host:
        host.ready()
        ran = cli("health", f"{host.origin}/mcp")
        assert (ran.code, ran.out, ran.err) == (0, "ready\n", "")
        # One who listens on every address is asked on this machine.
        own = {"FUSEBOARD_HTTP__PORT": str(host.port), "FUSEBOARD_HTTP__HOST": "0.0.0.0"}
        assert cli("health", "--live", **own).out == "alive\n"
        assert cli("health", "--json", **own).json["ready"] is True
        # A proxy of the environment is not asked.
        assert cli("health", http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9", **own).code == 0


def test_a_host_without_a_required_plugin_is_alive_but_not_ready(cli: Cli, tmp_path: Path) -> None:
    toys = toybox(tmp_path)
    toys.add("broken", BROKEN)
    toys.settings["FUSEBOARD_FUSES__BROKEN__REQUIRED"] = "true"
    with HttpProcess(toys) as host:
        host.ready()
        ran = cli("health", host.origin)
        assert ran.code == 1
        first, second = ran.out.splitlines()
        assert first == "not ready"
        assert second.startswith("broken: required, failed: ")
        assert "RuntimeError" in second
        assert cli("health", "--live", host.origin).code == 0


def test_what_answers_not_or_wrongly_is_told_in_one_line(cli: Cli) -> None:
    port = free_port()
    ran = cli("health", FUSEBOARD_HTTP__PORT=str(port))
    assert ran.code == 1
    assert ran.err.startswith(f"fuseboard: nothing healthy answers at http://127.0.0.1:{port}/readyz: ")
    assert len(ran.err.splitlines()) == 1
    assert cli("health", "ftp://127.0.0.1").code == 2
    assert cli("health", "http://127.0.0.1:port").code == 1
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        ran = cli("health", f"http://127.0.0.1:{other.server_port}")
        other.shutdown()
    assert ran.code == 1
    assert "is no fuseboard" in ran.err


def test_one_that_takes_the_connection_and_says_nothing_is_not_waited_for(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ran = cli("health", "--timeout", "0.3", f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert ran.code == 1
    assert "timed out" in ran.err
