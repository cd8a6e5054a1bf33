"""Claude Desktop's start, replayed from bytes: `fuseboard` with no argument, and a bare `initialize`."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.conformance.hosting import COMMAND, wait_for_exit

ANSWER_SECONDS = 60  # for a machine that does much else; on an idle one the first answer takes less than one second
EXIT_SECONDS = 60  # idle it takes a fraction of a second; one that does not end would wait for ever

INITIALIZE = (
    b'{"method":"initialize","params":{"protocolVersion":"%s","capabilities":{},'
    b'"clientInfo":{"name":"claude-ai","version":"0.1.0"}},"jsonrpc":"2.0","id":0}\n'
)
INITIALIZED = b'{"method":"notifications/initialized","jsonrpc":"2.0"}\n'
LISTS = (
    b'{"method":"tools/list","params":{},"jsonrpc":"2.0","id":1}\n'
    b'{"method":"prompts/list","params":{},"jsonrpc":"2.0","id":2}\n'
    b'{"method":"resources/list","params":{},"jsonrpc":"2.0","id":3}\n'
)


class Desktop:
    """The other end of the pipe: what is written to standard output comes out of `next_message`, line by line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: queue.Queue[bytes] = queue.Queue()
        assert process.stdin
        assert process.stdout
        self.stdin, self._stdout = process.stdin, process.stdout
        self.reader = threading.Thread(target=self._read, args=(self._stdout,))
        self.reader.start()

    def _read(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            self.lines.put(line)

    def send(self, data: bytes) -> None:
        self.stdin.write(data)
        self.stdin.flush()

    def next_message(self) -> dict[str, Any]:
        return json_rpc(self.lines.get(timeout=ANSWER_SECONDS))

    def answers(self, ids: set[int]) -> dict[int, dict[str, Any]]:
        """The results with these ids, in whatever order they come, past any notification."""
        results: dict[int, dict[str, Any]] = {}
        while results.keys() < ids:
            message = self.next_message()
            if "id" in message:
                results[message["id"]] = message["result"]
        return results


@contextmanager
def desktop(env: dict[str, str], folder: Path) -> Iterator[Desktop]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=env, cwd=folder
        )
        peer = Desktop(process)
        try:
            yield peer
        finally:
            process.kill()
            process.wait()
            peer.reader.join()
            peer.stdin.close()
            process.stdout.close()  # type: ignore[union-attr]


def json_rpc(line: bytes) -> dict[str, Any]:
    """One line of standard output, which must be one JSON-RPC message and nothing else."""
    message: dict[str, Any] = json.loads(line.decode("utf-8"))
    assert message["jsonrpc"] == "2.0"
    assert message.keys() <= {"jsonrpc", "id", "method", "params", "result", "error"}
    return message


@pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25"])
def test_claude_desktop_starts_the_host_lists_everything_and_ends_it_by_closing_the_pipe(
    revision: str, host_environment: dict[str, str], tmp_path: Path
) -> None:
    with desktop(host_environment, tmp_path) as peer:
        peer.send(INITIALIZE % revision.encode())
        hello = peer.answers({0})[0]
        assert hello["protocolVersion"] == revision
        assert hello["serverInfo"]["name"] == "fuseboard"
        assert {"tools", "prompts", "resources"} <= hello["capabilities"].keys()

        peer.send(INITIALIZED + LISTS)
        results = peer.answers({1, 2, 3})
        assert "echo" in {tool["name"] for tool in results[1]["tools"]}
        assert "test_simple_prompt" in {prompt["name"] for prompt in results[2]["prompts"]}
        assert "test://static-text" in {resource["uri"] for resource in results[3]["resources"]}

        peer.stdin.close()
        assert wait_for_exit(peer.process, EXIT_SECONDS) == 0
        peer.reader.join(timeout=EXIT_SECONDS)
        while not peer.lines.empty():
            json_rpc(peer.lines.get())


def test_a_client_that_sends_everything_at_once_and_hangs_up_gets_the_whole_process_back(
    host_environment: dict[str, str], tmp_path: Path
) -> None:
    """As when it is closed while its servers start: no process may stay behind."""
    with desktop(host_environment, tmp_path) as peer:
        peer.send(INITIALIZE % b"2025-06-18" + INITIALIZED + LISTS)
        peer.stdin.close()
        assert wait_for_exit(peer.process, ANSWER_SECONDS) == 0
        peer.reader.join(timeout=EXIT_SECONDS)
        assert not peer.reader.is_alive()
        while not peer.lines.empty():
            json_rpc(peer.lines.get())
