"""The log of real processes: each line is JSON, each call has one, and its id is the one that the client gave."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.host.logs.reading import JsonHttpProcess, lines_of, wait_for_call
from tests.host.transports.stdio_peer import StdioPeer
from tests.host.transports.toys import COMMAND, PATIENCE, Toybox

CALL = {"plugin", "tool", "request_id", "ms", "surface", "principal", "outcome"}
HOSTILE = 'x"}\n{"level": "error", "message": "forged"}\r\n\x1b[2J\x85\u2028\u202e'


def test_every_line_of_an_http_server_is_json_and_every_call_has_one(toys: Toybox) -> None:
    toys.settings = {"FUSEBOARD_LOG__FORMAT": "json", "FUSEBOARD_LOG__LEVEL": "debug"}
    with JsonHttpProcess(toys) as served:
        served.ready()
        served.modern("tools/call", name="toy_echo", arguments={"text": "hi"})
        served.modern("tools/call", name="toy_run", arguments={"code": "raise ValueError('broken')"})
        served.modern("tools/call", name="toy_run", arguments={"code": "sys.stderr.write('to the error\\n')"})
        served.modern("tools/call", name="toy_run", arguments={"code": "import warnings; warnings.warn('beware')"})
        served.client.post("/mcp", content=b"{bad")
        done = wait_for_call(served, "ok")
        failed = wait_for_call(served, "fault")
        status, _ = served.end(signal.SIGTERM)
        lines = lines_of(served)
        assert served.errors().endswith("\n")
    assert status == 0
    assert done.keys() >= CALL
    assert (done["level"], done["plugin"], done["tool"], done["surface"]) == ("info", "toy", "toy_echo", "http")
    assert 0 < done["ms"] < 10_000
    assert (failed["level"], failed["tool"]) == ("warning", "toy_run")
    texts = [line["message"] for line in lines]
    assert f"serving {served.origin}/mcp" in texts
    printed = next(line for line in lines if line["message"] == "toy printed: echoing hi")
    assert (printed["plugin"], printed["tool"], printed["request_id"]) == ("toy", "toy_echo", done["request_id"])
    traced = next(line for line in lines if "ValueError: broken" in line.get("exception", ""))
    assert (traced["request_id"], traced["logger"]) == (failed["request_id"], "fuseboard.plugin.toy")
    assert "toy printed: to the error" in texts
    assert any("beware" in text for text in texts)


def test_every_line_of_a_stdio_server_is_json_and_has_the_id_of_the_clients_request(toys: Toybox) -> None:
    toys.settings = {"FUSEBOARD_LOG__FORMAT": "json"}
    with StdioPeer(toys) as peer:
        peer.hello()
        answer = peer.request("tools/call", {"name": "toy_echo", "arguments": {"text": "hi"}})
        peer.call("toy_run", code="raise ValueError('broken')")
        peer.request("tools/call", {"name": HOSTILE, "arguments": {}})
        done, unknown = wait_for_call(peer, "ok"), wait_for_call(peer, "unknown")
    assert answer["result"]["content"][0]["text"] == f"hi {answer['id']}"
    assert (done["request_id"], done["surface"], done["tool"]) == (str(answer["id"]), "stdio", "toy_echo")
    assert (unknown["plugin"], unknown["tool"], unknown["level"]) == (None, HOSTILE, "warning")


def test_the_text_form_has_the_same_facts_and_a_hostile_name_begins_no_line(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        peer.call("toy_echo", text="hi")
        peer.request("tools/call", {"name": "x\n2026-01-01 00:00:00,000 ERROR fuseboard: forged\x1b[2J"})
        peer.request("tools/call", {"name": "toy_run", "arguments": {"code": "raise ValueError('a\\nb')"}})
        log = peer.errors()
    assert " INFO fuseboard.calls: toy_echo: ok [plugin=toy tool=toy_echo request_id=3 ms=" in log
    assert "forged" in log
    assert "\x1b" not in log
    beginnings = [line for line in log.splitlines() if not line.startswith("    ")]
    assert all(line.startswith("20") and " fuseboard." in line[:60] for line in beginnings), log
    assert not any(line.startswith("2026-01-01 00:00:00,000") for line in log.splitlines())


@pytest.mark.parametrize("closed", ["pipe without a reader", "no descriptor", "full disk"])
def test_a_standard_error_that_takes_nothing_does_not_end_the_server(toys: Toybox, closed: str) -> None:
    environment = {**toys.environment, "FUSEBOARD_LOG__LEVEL": "debug", "FUSEBOARD_LOG__FORMAT": "json"}
    command = [*COMMAND, "stdio"]
    if closed == "no descriptor":
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=full if closed == "full disk" else subprocess.PIPE,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    if process.stderr is not None:
        process.stderr.close()
    hello = b'{"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "p", "version": "1"}}'
    process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": ' + hello + b"}\n")
    process.stdin.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
    for number in range(2, 52):
        params = b'{"name": "toy_echo", "arguments": {"text": "hi"}}'
        process.stdin.write(b'{"jsonrpc": "2.0", "id": %d, "method": "tools/call", "params": %s}\n' % (number, params))
    process.stdin.flush()
    answers = [process.stdout.readline() for _ in range(51)]
    process.stdin.close()
    assert all(b'"result"' in answer for answer in answers), answers
    assert process.wait(PATIENCE) == 0
    process.stdout.close()


def test_a_client_that_never_reads_standard_error_gets_all_its_answers(toys: Toybox) -> None:
    toys.settings = {"FUSEBOARD_LOG__LEVEL": "debug"}
    reader, writer = os.pipe()
    # The process writes into a pipe of 64 KiB that nobody reads, from the first line on.
    command = [*COMMAND, "stdio"]
    peer = subprocess.Popen(command, env=toys.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=writer)
    os.close(writer)
    assert peer.stdin is not None
    assert peer.stdout is not None
    meta = (
        b'{"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": '
        b'{}, "io.modelcontextprotocol/clientInfo": {"name": "p", "version": "1"}}'
    )
    for number in range(1500):
        text = b"x" * 100
        params = b'{"_meta": %s, "name": "toy_echo", "arguments": {"text": "%s"}}' % (meta, text)
        peer.stdin.write(b'{"jsonrpc": "2.0", "id": %d, "method": "tools/call", "params": %s}\n' % (number, params))
        peer.stdin.flush()
        assert b'"result"' in peer.stdout.readline()
    peer.stdin.close()
    assert peer.wait(PATIENCE) == 0
    peer.stdout.close()
    os.close(reader)


@pytest.mark.parametrize(
    "code",
    ["import logging.config as c; c.dictConfig({'version': 1})", "import logging; logging.disable()"],
    ids=["dictConfig", "disable"],
)
def test_a_tool_that_switches_the_log_off_switches_off_no_line_of_a_call(toys: Toybox, code: str) -> None:
    toys.settings = {"FUSEBOARD_LOG__FORMAT": "json"}
    with JsonHttpProcess(toys) as served:
        served.ready()
        served.modern("tools/call", name="toy_run", arguments={"code": code})
        wait_for_call(served, "ok")
        served.modern("tools/call", name="toy_run", arguments={"code": "raise ValueError('broken')"})
        failed = wait_for_call(served, "fault")
        traces = [line for line in lines_of(served) if "ValueError: broken" in line.get("exception", "")]
    assert [line["request_id"] for line in traces] == [failed["request_id"]]


def test_an_address_that_cannot_be_had_is_one_json_line(toys: Toybox, tmp_path: Path) -> None:
    toys.settings = {"FUSEBOARD_LOG__FORMAT": "json"}
    with JsonHttpProcess(toys) as served:
        other = JsonHttpProcess(toys, "--port", str(served.port))
        other.process.wait(PATIENCE)
        lines = lines_of(other)
        other._stop()
    assert (lines[-1]["level"], "the port is in use" in lines[-1]["message"]) == ("error", True)
