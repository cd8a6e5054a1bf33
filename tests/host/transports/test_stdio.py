"""`fuseboard stdio` as a desktop client runs it: the bytes, the end, and everything that can go wrong between them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from fuseboard.transports.stdio import LAST_WORDS
from fuseboard.transports.stdio_streams import LAST_ANSWERS
from tests.host.faults.running import patience_of_the_client
from tests.host.transports.stdio_peer import HELLO, MODERN, StdioPeer
from tests.host.transports.toys import COMMAND, PATIENCE, UNTIL_LOADED, Toybox, set_constants


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
async def test_a_client_of_either_era_lists_and_calls(toys: Toybox, mode: str) -> None:
    set_constants(toys.folder, UNTIL_LOADED)
    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "stdio"], env=toys.environment)
    async with patience_of_the_client(), Client(server, mode=mode, read_timeout_seconds=PATIENCE) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("toy_echo", {"text": "hello"})
    assert "toy_echo" in names
    assert result.content[0].text == "hello"  # type: ignore[union-attr]


def end_of_input(peer: StdioPeer) -> None:
    peer.close()


def sigterm(peer: StdioPeer) -> None:
    peer.stop(signal.SIGTERM)


def sigint(peer: StdioPeer) -> None:
    peer.stop(signal.SIGINT)


ENDS = pytest.mark.parametrize("end", [end_of_input, sigterm, sigint])
SOON = PATIENCE / 2
"""Seconds in which it ends on a machine that stands still at times. What it must not wait for lasts longer."""


def test_what_is_left_to_calls_and_clients_at_the_end_is_half_of_what_clients_wait() -> None:
    """The SDK's clients kill a server two seconds after they have closed its input."""
    assert LAST_ANSWERS + LAST_WORDS < 1


def test_it_ends_soon_with_every_plugin_stopped_when_the_client_closes_its_end(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        assert peer.call("toy_echo", text="hello") == "hello"
        peer.close()
        status, seconds = peer.end()
        assert "Traceback" not in peer.errors()
    assert status == 0
    assert seconds < SOON
    assert toys.journal() == ["started", "stopped"]


@ENDS
def test_it_ends_soon_while_a_call_runs_and_the_call_is_cancelled(
    toys: Toybox, end: Callable[[StdioPeer], None]
) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        peer.send("tools/call", {"name": "toy_wait", "arguments": {"name": "call"}})
        toys.wait_for("call begins")
        end(peer)
        status, seconds = peer.end()
        assert "Traceback" not in peer.errors()
    assert status == 0
    assert seconds < SOON
    assert toys.journal() == ["started", "call begins", "call was cancelled", "stopped"]


def test_it_ends_soon_with_a_listen_stream_open(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.send("subscriptions/listen", {"_meta": MODERN, "notifications": {"toolsListChanged": True}})
        assert peer.receive()["method"] == "notifications/subscriptions/acknowledged"
        toys.wait_for("started")
        peer.stop(signal.SIGTERM)
        assert peer.end()[0] == 0
    assert toys.journal()[-1] == "stopped"


@ENDS
def test_while_a_plugin_is_still_imported_the_handshake_is_answered_and_it_ends_soon(
    toys: Toybox, end: Callable[[StdioPeer], None]
) -> None:
    toys.add("slow", "import time\ntime.sleep(3600)")
    toys.settings["FUSEBOARD_FUSES__SLOW__IMPORT_TIMEOUT"] = "3600"
    del toys.settings["FUSEBOARD_FUSES__SLOW__STOP_TIMEOUT"]
    with StdioPeer(toys) as peer:
        assert "slow: A toy." in peer.hello()["result"]["instructions"]
        assert peer.call("toy_echo", text="hello") == "hello"
        end(peer)
        status, seconds = peer.end()
    assert status == 0
    assert seconds < SOON


def test_a_client_that_no_longer_reads_ends_it_quietly(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        peer.call("toy_echo", text="hello")
        # A second read end in this process would keep the pipe alive, so the reading thread goes first.
        os.dup2(os.open(os.devnull, os.O_RDONLY), peer.process.stdout.fileno())  # type: ignore[union-attr]
        while peer.process.poll() is None:
            try:
                peer.send("ping")
            except BrokenPipeError:
                break
        assert peer.process.wait(PATIENCE) == 0
        assert "Traceback" not in peer.errors()
    assert toys.journal() == ["started", "stopped"]


def test_cancelling_a_call_stops_the_tool(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        request = peer.send("tools/call", {"name": "toy_wait", "arguments": {"name": "call"}})
        toys.wait_for("call begins")
        peer.send("notifications/cancelled", {"requestId": request}, notify=True)
        toys.wait_for("call was cancelled")
        assert peer.call("toy_echo", text="still here") == "still here"


def test_a_line_that_is_too_long_gets_an_error_and_the_next_one_is_served(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        for _ in range(65):
            peer.write(b"x" * 1024 * 1024)
        refused = peer.answer()
        assert refused["id"] is None
        assert "longer than" in refused["error"]["message"]
        peer.write(b"the rest of it\n")
        assert peer.call("toy_echo", text="hello") == "hello"


NO_MESSAGES: list[tuple[bytes, int | str | None, int]] = [
    (b"garbage", None, -32700),
    (b'{"jsonrpc": "2.0", "id": 7, "method": "ping"', None, -32700),
    (b"\xff\xfe", None, -32700),
    (b"[" * 100_000, None, -32700),
    (b'[{"jsonrpc": "2.0", "id": 7, "method": "ping"}]', None, -32600),
    (b'"text"', None, -32600),
    (b'{"jsonrpc": "1.0", "id": 7, "method": "ping"}', 7, -32600),
    (b'{"jsonrpc": "2.0", "id": "seven", "method": 7}', "seven", -32600),
    (b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": "\\ud800"}', 7, -32600),
]


def test_a_line_that_is_no_message_is_answered_with_an_error(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        for line, request, code in NO_MESSAGES:
            peer.write(line + b"\n")
            answer = peer.answer()
            assert (answer["id"], answer["error"]["code"]) == (request, code)
        assert peer.call("toy_echo", text="hello") == "hello"


def test_blank_lines_malformed_answers_and_carriage_returns_are_passed_over(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        peer.write(b'\n\r\n  \n{"jsonrpc": "2.0", "id": 3}\n{"jsonrpc": "2.0", "id": 99, "method": "ping"}\r\n')
        assert peer.answer() == {"jsonrpc": "2.0", "id": 99, "result": {}}


def test_a_thousand_requests_at_once_are_all_answered(toys: Toybox) -> None:
    toys.settings["FUSEBOARD_FUSES__TOY__MAX_QUEUE"] = "1000"
    with StdioPeer(toys) as peer:
        peer.hello()
        sent = {
            peer.send("tools/call", {"name": "toy_echo", "arguments": {"text": str(number)}}): str(number)
            for number in range(1000)
        }
        answers = [peer.answer() for _ in sent]
    assert {answer["id"]: answer["result"]["content"][0]["text"] for answer in answers} == sent


def test_a_result_of_twenty_megabytes_arrives_whole(toys: Toybox) -> None:
    toys.settings["FUSEBOARD_FUSES__TOY__MAX_RESULT_BYTES"] = "30000000"
    with StdioPeer(toys) as peer:
        peer.hello()
        assert peer.call("toy_big", size=20 << 20) == "x" * (20 << 20)


def test_while_a_client_does_not_read_nothing_more_is_served_and_nothing_is_lost(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        peer.call("toy_echo", text="hello")
        peer.reading.clear()
        sent = [peer.send("tools/call", {"name": "toy_big", "arguments": {"size": 4 << 20}})]
        peer.wait_until_the_pipe_is_full()
        sent += [peer.send("tools/call", {"name": "toy_big", "arguments": {"size": 1000}}) for _ in range(200)]
        with pytest.raises(subprocess.TimeoutExpired):
            peer.process.wait(1)
        assert toys.journal() == ["started", "big"]
        peer.reading.set()
        answers = [peer.answer() for _ in sent]
    assert {answer["id"] for answer in answers} == set(sent)


REQUESTS = b"".join(
    json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
    for message in (
        {"id": 1, "method": "initialize", "params": HELLO},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "toy_echo", "arguments": {"text": "hello"}}},
    )
)


# However slow the machine is, calls have the time that they need to answer after the end of the input.
UNTIL_ANSWERED = {
    "fuseboard.transports.stdio_streams.LAST_ANSWERS": PATIENCE,
    "fuseboard.transports.stdio.LAST_WORDS": PATIENCE,
}


def answers_in(output: bytes) -> list[dict[str, Any]]:
    """The answers among the lines; a server may tell of a plugin that has come up in between."""
    messages: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    return [message for message in messages if "method" not in message]


@pytest.mark.parametrize("last_newline", [True, False])
def test_standard_input_may_be_a_file_and_its_requests_are_answered_before_the_end(
    toys: Toybox, tmp_path: Path, last_newline: bool
) -> None:
    set_constants(toys.folder, UNTIL_ANSWERED)
    requests = tmp_path / "requests"
    requests.write_bytes(REQUESTS if last_newline else REQUESTS.rstrip())
    with requests.open("rb") as stdin, (tmp_path / "answers").open("wb") as stdout:
        done = subprocess.run([*COMMAND, "stdio"], env=toys.environment, stdin=stdin, stdout=stdout, timeout=PATIENCE)
    assert done.returncode == 0
    answers = answers_in((tmp_path / "answers").read_bytes())
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["result"]["content"][0]["text"] == "hello"
    assert toys.journal() == ["started", "stopped"]


def test_large_answers_into_a_file_are_whole(toys: Toybox, tmp_path: Path) -> None:
    set_constants(toys.folder, UNTIL_ANSWERED)
    call = {"id": 3, "method": "tools/call", "params": {"name": "toy_big", "arguments": {"size": 2 << 20}}}
    with (tmp_path / "answers").open("wb") as stdout:
        requests = REQUESTS + json.dumps({"jsonrpc": "2.0", **call}).encode() + b"\n"
        command = [*COMMAND, "stdio"]
        subprocess.run(command, env=toys.environment, input=requests, stdout=stdout, timeout=PATIENCE, check=True)
    answers = answers_in((tmp_path / "answers").read_bytes())
    assert sorted(answer["id"] for answer in answers) == [1, 2, 3]
    assert next(answer for answer in answers if answer["id"] == 3)["result"]["content"][0]["text"] == "x" * (2 << 20)


def test_requests_from_a_pipe_that_is_closed_at_once_are_answered(toys: Toybox) -> None:
    set_constants(toys.folder, UNTIL_ANSWERED)
    done = subprocess.run(
        [*COMMAND, "stdio"], env=toys.environment, input=REQUESTS, stdout=subprocess.PIPE, timeout=PATIENCE, check=True
    )
    assert [answer["id"] for answer in answers_in(done.stdout)] == [1, 2]


def test_an_empty_standard_input_ends_it_at_once(toys: Toybox) -> None:
    with StdioPeer(toys, subprocess.DEVNULL) as peer:
        assert peer.end()[0] == 0


def test_on_a_terminal_it_says_what_it_does(toys: Toybox) -> None:
    keyboard, terminal = os.openpty()
    with os.fdopen(keyboard, "wb", 0) as keys, os.fdopen(terminal, "rb", 0) as stdin, StdioPeer(toys, stdin) as peer:
        keys.write(REQUESTS)
        assert [peer.answer()["id"], peer.answer()["id"]] == [1, 2]
        keys.write(b"\x04")
        assert peer.end()[0] == 0
        assert "Ctrl-D ends it" in peer.errors()


def test_the_http_surface_is_not_imported(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        answer = peer.request("tools/call", {"name": "toy_modules", "arguments": {}})
    imported = answer["result"]["structuredContent"]["result"]
    assert "fuseboard.transports.stdio" in imported
    assert "fuseboard.transports.http" not in imported
