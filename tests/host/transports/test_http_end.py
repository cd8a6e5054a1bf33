"""`fuseboard http`: the end, with streams open and calls that run, and the address that is taken."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fuseboard.settings import FuseSettings
from fuseboard.transports.http_server import GRACE, LAST_ANSWERS
from tests.host.transports.http_process import MODERN_META, HttpProcess, legacy_call, modern_call
from tests.host.transports.toys import COMMAND, PATIENCE, Toybox, set_constants


@contextmanager
def ending(toys: Toybox, *, grace: float) -> Iterator[HttpProcess]:
    """A process that the test ends.

    Args:
        toys: what it serves.
        grace: seconds that running calls get to end by themselves.
    """
    given = {"GRACE": grace, "LAST_ANSWERS": PATIENCE}
    modules = ("fuseboard.transports.http_server", "fuseboard.transports.http")
    constants = {f"{module}.{name}": value for module in modules for name, value in given.items()}
    set_constants(toys.folder, {"fuseboard.watchdog.STANDS_STILL_AFTER": PATIENCE, **constants})
    with HttpProcess(toys) as process:
        process.ready()
        yield process


def test_what_is_left_to_streams_and_calls_at_the_end_is_less_than_people_wait() -> None:
    """The tests below set these seconds to what they need."""
    assert GRACE + LAST_ANSWERS + FuseSettings().stop_timeout < 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_every_kind_of_stream_open_as_soon_as_the_calls_have_had_their_time(
    toys: Toybox, number: signal.Signals
) -> None:
    with ending(toys, grace=0.2) as process:
        session = {"mcp-session-id": process.open_session().headers["mcp-session-id"]}
        listen = {"method": "subscriptions/listen", "params": {"_meta": MODERN_META, "notifications": {}}}
        streams = [
            process.open_stream("POST", "/mcp", listen, until=b"acknowledged"),
            process.open_stream("GET", "/mcp", headers=session),
            process.open_stream("POST", "/mcp", legacy_call("toy_wait", name="legacy"), headers=session),
            process.open_stream("GET", "/sse"),
            process.open_stream("POST", "/mcp", modern_call("toy_wait", name="modern"), until=b""),
        ]
        toys.wait_for("legacy begins", "modern begins")
        status, seconds = process.end(number)
        rest = [stream.rest() for stream in streams]
        errors = process.errors()
    assert status == 0
    assert seconds < PATIENCE / 2
    assert b'"resultType":"complete"' in rest[0]  # the listen stream got its last message
    assert all(part.endswith(b"0\r\n\r\n") for part in rest[:4])  # the streams end as HTTP wants it
    assert all(b"The server is shutting down" in rest[number] for number in (2, 4))  # and the calls get an answer
    assert toys.journal()[-1] == "stopped"
    assert {"legacy was cancelled", "modern was cancelled"} <= set(toys.journal())
    assert "Traceback" not in errors
    assert "WARNING" not in errors


def test_a_call_that_is_nearly_done_is_answered_before_the_end(toys: Toybox) -> None:
    go_on = toys.folder / "go on"
    code = f"import time; print('begun')\nwhile not os.path.exists({str(go_on)!r}): time.sleep(0.02)"
    with ending(toys, grace=PATIENCE) as process:
        call = process.open_stream("POST", "/mcp", modern_call("toy_run", code=code), until=b"")
        while "toy printed: begun" not in process.errors():
            assert process.client.get("/livez").status_code == 200
        process.process.send_signal(signal.SIGTERM)
        while is_listening(process.port):
            time.sleep(0.02)
        go_on.touch()
        assert process.process.wait(PATIENCE) == 0
        assert b'"done"' in call.rest()


def is_listening(port: int) -> bool:
    """Whether somebody takes connections."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_it_ends_at_once_when_nothing_runs(toys: Toybox) -> None:
    with ending(toys, grace=PATIENCE) as process:
        status, seconds = process.end()
    assert status == 0
    assert seconds < PATIENCE / 2
    assert toys.journal() == ["started", "stopped"]


def test_a_port_in_use_ends_it_with_one_line(toys: Toybox) -> None:
    with HttpProcess(toys) as first:
        done = subprocess.run(
            [*COMMAND, "http", "--port", str(first.port)], env=toys.environment, capture_output=True, timeout=PATIENCE
        )
    assert done.returncode == 2
    assert done.stdout == b""
    (line,) = [line for line in done.stderr.decode().splitlines() if "cannot listen" in line]
    assert f"127.0.0.1:{first.port}: the port is in use" in line
    assert b"Traceback" not in done.stderr
