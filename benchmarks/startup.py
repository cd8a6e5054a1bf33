"""Time from the start of a process to its first `tools/list` answer on standard output, by bytes on pipes."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import IO, Any

from candidates import RUN_FOLDER, Candidate
from clock import cpu_seconds
from wire import HANDSHAKE, Scenario, WrongAnswer, initialize, initialized, request

LONGEST = 30.0


def _answer(pipe: IO[bytes], number: int) -> dict[str, Any]:
    for line in pipe:
        message: dict[str, Any] = json.loads(line)
        if message.get("id") == number:
            return message
    raise WrongAnswer(f"standard output ended before the answer to request {number}")


def _send(pipe: IO[bytes], *messages: bytes) -> None:
    pipe.write(b"".join(message + b"\n" for message in messages))
    pipe.flush()


def _first_list(process: subprocess.Popen[bytes], scenario: Scenario) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    _send(process.stdin, initialize())
    _answer(process.stdout, 1)
    _send(process.stdin, initialized(), request(scenario.method, scenario.params(), 2))
    scenario.check(_answer(process.stdout, 2))


def start_once(candidate: Candidate, tools: int) -> dict[str, float]:
    """Start a candidate on stdio as Claude Desktop does, list its tools and end it.

    Returns:
        "seconds" from the start to the answer, and "cpu" seconds that the process had used by then.

    Raises:
        WrongAnswer: the list did not come or did not hold all tools.
    """
    assert candidate.stdio is not None
    log_file = RUN_FOLDER / f"{candidate.key}-stdio.log"
    with log_file.open("wb") as log:
        start = time.perf_counter()
        process = subprocess.Popen(
            candidate.stdio,
            env=candidate.environment(tools),
            cwd=RUN_FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    with process:
        limit = threading.Timer(LONGEST, process.kill)
        limit.start()
        try:
            _first_list(process, Scenario("tools/list", HANDSHAKE, tools))
            return {"seconds": time.perf_counter() - start, "cpu": cpu_seconds(process.pid)}
        except WrongAnswer as error:
            raise WrongAnswer(f"{candidate.title}: {error}\n{log_file.read_text()[-1500:]}") from None
        finally:
            limit.cancel()
            process.kill()
