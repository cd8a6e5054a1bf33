"""The protocol of the embedded servers, by raw lines: revisions, batches, and what is no proper message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.plugins.docker_mcp.embedded_process import Raw, raw, server

# A server that stands still in the middle of its last answer would otherwise lose it.
PATIENT = """
from fuseboard_docker_mcp.embedded import stdio_server
stdio_server.LAST_SECONDS = 60
stdio_server.main()
"""


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("hello", "2025-11-25"),
    ],
)
def test_the_revision_that_the_client_wants_is_spoken_or_the_newest_known(wanted: str, given: str) -> None:
    with raw("notes") as notes:
        result = notes.initialize(wanted)
        assert result["protocolVersion"] == given
        assert result["serverInfo"]["name"] == "notes"
        assert set(result["capabilities"]) == {"tools", "prompts"}


def test_what_is_no_proper_message_is_answered_by_the_rules_and_the_server_goes_on() -> None:
    def code(server: Raw, message: Any) -> Any:
        server.send(message)
        answer = server.answer()
        return answer["id"], answer["error"]["code"]

    with raw("clock") as clock:
        assert code(clock, b"{") == (None, -32700)
        assert code(clock, b"\xff\xfe") == (None, -32700)
        assert code(clock, b"[" * 100_000) == (None, -32700)
        assert code(clock, b'"' + b"x" * (5 * 2**20)) == (None, -32700)
        assert code(clock, []) == (None, -32600)
        assert code(clock, 7) == (None, -32600)
        assert code(clock, {"id": 1, "method": "ping"}) == (None, -32600)
        assert code(clock, {"jsonrpc": "2.0", "id": True, "method": "ping"}) == (None, -32600)
        assert code(clock, {"jsonrpc": "2.0", "id": None, "method": "ping"}) == (None, -32600)
        assert code(clock, {"jsonrpc": "2.0", "id": 1, "method": 7}) == (1, -32600)
        assert code(clock, {"jsonrpc": "2.0", "id": 1, "method": "server/discover"}) == (1, -32601)
        assert code(clock, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}) == (1, -32600)
        assert code(clock, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}) == (1, -32602)
        clock.send(b"")
        clock.send({"jsonrpc": "2.0", "method": "notifications/unknown"})
        clock.send({"jsonrpc": "2.0", "id": "never asked", "result": {}})
        assert clock.ask(0, "ping") == {}
        clock.initialize()
        assert clock.ask(1, "initialize", {"protocolVersion": "x", "capabilities": {}})["code"] == -32600
        assert clock.ask(1, "resources/list")["code"] == -32601
        assert clock.ask(1, "tools/list", {"cursor": "x"})["code"] == -32602
        assert clock.ask(1, "tools/call", {"name": "nope"})["code"] == -32602
        assert clock.ask(1, "tools/call", {"name": "now", "arguments": [1]})["code"] == -32602
        assert clock.ask(1, "prompts/list") == {"prompts": []}
        assert clock.ask(1, "prompts/get", {"name": "x"})["code"] == -32602
        assert code(clock, {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}) == (1, -32602)


def test_a_lone_surrogate_comes_back_as_it_was_sent() -> None:
    with raw("notes") as notes:
        notes.initialize()
        result = notes.ask(1, "tools/call", {"name": "add_note", "arguments": {"text": "\ud800"}})
        assert result["structuredContent"]["text"] == "\ud800"


def test_a_batch_is_answered_in_the_one_revision_that_has_it() -> None:
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/unknown"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "now"}},
        7,
    ]
    with raw("clock") as clock:
        clock.initialize("2025-03-26")
        clock.send(messages)
        answers = clock.answer()
        assert [(answer["id"], "result" in answer) for answer in answers] == [(1, True), (2, True), (None, False)]
        clock.send([])
        assert clock.answer()["error"]["code"] == -32600
    with raw("clock") as clock:
        clock.initialize("2025-06-18")
        clock.send(messages)
        assert clock.answer()["error"]["code"] == -32600


def test_an_answer_given_while_the_stream_ends_still_arrives() -> None:
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "x", "capabilities": {}}},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "now"}},
    ]
    done = subprocess.run(
        [sys.executable, "-c", PATIENT, server("clock").entry["args"][-1]],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2]


def test_a_client_that_leaves_in_the_middle_of_a_question_leaves_no_process() -> None:
    command = [sys.executable, "-c", PATIENT, server("notes").entry["args"][-1]]
    environment = {"PATH": os.environ["PATH"]}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    try:
        notes = Raw(process)
        notes.initialize(elicitation={})
        notes.ask(1, "tools/call", {"name": "add_note", "arguments": {"text": "x"}})
        call = {"name": "delete_note", "arguments": {"id": "1"}}
        notes.send({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
        assert notes.answer()["method"] == "elicitation/create"
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"notifications/cancelled" in out
