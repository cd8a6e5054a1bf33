"""Whatever a plugin prints, and however: the wire carries nothing of it, and the log says who it was."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fuseboard.transports.stdout_guard import LINES_PER_SECOND

PATIENCE = 120.0

# Claims the wire, runs what the test gives, and answers on the wire what was heard as (owner, line). What comes on a
# descriptor is the plugin's for a moment after it has returned, which lasts as long here as a machine may stand still.
PROGRAM = """
import json, logging, os, sys
logging.basicConfig(format="%(name)s|%(message)s", stream=sys.stderr)
from fuseboard import attribution
attribution.STILL_HEARD = 60.0
from fuseboard.transports.stdout_guard import claim_wire
wire = claim_wire()
heard = []
wire.on_noise = lambda owner, line: heard.append((owner, line))
def answer():
    wire.drain()
    os.write(wire.stdout_fd, json.dumps(heard).encode() + b"\\n")
"""


def run(code: str, *, stdin: bytes = b"", **environment: str) -> tuple[str, str]:
    """Run a program whose wire is claimed; return what was on the wire and on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + code],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


def heard(code: str, **environment: str) -> list[list[str]]:
    """Run the code and return what `on_noise` was told."""
    wire, _ = run(code + "\nanswer()\n", **environment)
    found: list[list[str]] = json.loads(wire)
    return found


WAYS = {
    "print": 'print("hello")',
    "sys.stdout": 'sys.stdout.write("hello\\n")',
    "its buffer": 'sys.stdout.buffer.write(b"hello\\n")',
    "the saved stream": 'print("hello", file=sys.__stdout__)',
    "the descriptor": 'os.write(1, b"hello\\n")',
    "a child": 'import subprocess; subprocess.run(["echo", "hello"], check=True)',
    "a child that is given sys.stdout": 'import subprocess; subprocess.run(["echo", "hello"], stdout=sys.stdout)',
    "os.system": 'os.system("echo hello")',
    "a stream of its own": 'import io; sys.stdout = io.TextIOWrapper(sys.stdout.detach()); print("hello", flush=True)',
    "another thread": 'import threading; t = threading.Thread(target=print, args=("hello",)); t.start(); t.join()',
    "a forked child": 'pid = os.fork()\nif not pid:\n  print("hello"); os._exit(0)\nos.waitpid(pid, 0)',
}


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("way", WAYS)
def test_output_reaches_the_log_under_the_name_of_the_only_plugin_at_work(way: str, unbuffered: str) -> None:
    code = "\n".join(["with attribution.busy('oci'):", *("  " + line for line in WAYS[way].splitlines())])
    assert heard(code, PYTHONUNBUFFERED=unbuffered) == [["oci", "hello"]]


def test_a_line_belongs_to_the_plugin_of_its_thread_even_while_others_work() -> None:
    code = """
import threading
def live(name):
    attribution.name_thread(name)
    with attribution.busy(name):
        both.wait(60)
        print("I am " + name)
both = threading.Barrier(2)
threads = [threading.Thread(target=live, args=(name,)) for name in ("oci", "docker_mcp")]
for thread in threads: thread.start()
for thread in threads: thread.join(60)
"""
    assert sorted(heard(code)) == [["docker_mcp", "I am docker_mcp"], ["oci", "I am oci"]]


def test_a_line_belongs_to_the_plugin_of_its_context_on_a_shared_thread() -> None:
    code = """
import asyncio
async def call():
    attribution.current_plugin.set("oci")
    await asyncio.to_thread(print, "from a worker")
asyncio.run(call())
"""
    assert heard(code) == [["oci", "from a worker"]]


def test_a_raw_write_while_two_plugins_work_belongs_to_nobody() -> None:
    code = """
with attribution.busy("oci"), attribution.busy("docker_mcp"):
    os.write(1, b"who was it\\n")
    answer()
os._exit(0)
"""
    wire, _ = run(code)
    assert json.loads(wire) == [["a plugin", "who was it"]]


def test_the_log_names_the_plugin() -> None:
    _, errors = run('with attribution.busy("oci"): print("hello")')
    assert "fuseboard.plugin.oci|oci printed: hello" in errors


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "at_exit",
    [
        'print("late", end="")',
        'import atexit; atexit.register(print, "late")',
        'import atexit; atexit.register(os.write, 1, b"late\\n")',
        'import io; sys.stdout = io.TextIOWrapper(sys.stdout.buffer, line_buffering=False); print("late")',
        'sys.stdout = open(1, "w", closefd=False); print("late")',
    ],
)
def test_text_that_is_still_buffered_at_the_end_of_the_process_goes_to_the_log(at_exit: str, unbuffered: str) -> None:
    wire, errors = run(at_exit, PYTHONUNBUFFERED=unbuffered)
    assert wire == ""
    assert "printed: late" in errors


def test_text_printed_after_the_last_handler_does_not_reach_the_wire() -> None:
    code = """
class Late:
    def __del__(self):
        os.write(1, b"very late\\n")
late = Late()
"""
    assert run(code)[0] == ""


def test_text_that_was_printed_before_the_wire_was_claimed_goes_to_the_log_if_it_is_still_buffered() -> None:
    command = [sys.executable, "-c", 'print("early")\n' + PROGRAM]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True, env=buffered)
    assert done.stdout == b""
    assert b"printed: early" in done.stderr


def test_a_plugin_reads_an_empty_standard_input_and_the_client_s_bytes_stay_on_the_wire() -> None:
    code = """
import subprocess
child = subprocess.run(["cat"], capture_output=True, text=True)
found = [sys.stdin.read(), child.stdout, os.read(wire.stdin_fd, 99).decode()]
os.write(wire.stdout_fd, json.dumps(found).encode())
"""
    assert json.loads(run(code, stdin=b"for the host")[0]) == ["", "", "for the host"]


def test_children_do_not_inherit_the_wire() -> None:
    code = """
import subprocess
look = "import os, sys\\nfor fd in sys.argv[1:]:\\n  try: os.fstat(int(fd))\\n  except OSError: print('closed')"
subprocess.run([sys.executable, "-c", look, str(wire.stdin_fd), str(wire.stdout_fd)], close_fds=False)
"""
    assert heard(code) == [["a plugin", "closed"], ["a plugin", "closed"]]


def test_claiming_twice_gives_the_same_wire() -> None:
    assert run("assert claim_wire() is wire")[0] == ""


def test_closing_sys_stdout_harms_nobody() -> None:
    assert heard('sys.stdout.close(); sys.stdout.buffer.close(); print("still here")') == [["a plugin", "still here"]]


def test_a_long_line_is_cut_and_control_characters_are_made_visible() -> None:
    code = 'print("x" * 1_000_000); print("\\x1b[2Jcleared")'
    (_, long), (_, cleared) = heard(code)
    assert long == "x" * 2000 + " [cut]"
    assert cleared == "\\x1b[2Jcleared"


def test_a_line_that_cannot_be_encoded_is_logged_escaped() -> None:
    assert heard('print("\\ud800")') == [["a plugin", "\\ud800"]]


def test_a_log_handler_that_prints_does_not_echo_for_ever() -> None:
    code = 'logging.getLogger().addHandler(logging.StreamHandler(sys.stdout)); print("hello")'
    assert heard(code) == [["a plugin", "hello"]]


def test_a_ledger_that_raises_does_not_make_print_raise() -> None:
    run("wire.on_noise = lambda owner, line: 1 / 0\nprint('hello')\nos.write(1, b'hello')")


# How many lines, and how they are written.
FLOODS = {
    "prints": (200_000, 'line = "x" * 999\nfor _ in range(200_000): print(line)'),
    "one print": (100_000_000, 'print("x\\n" * 100_000_000, end="")'),
    "the descriptor": (
        200_000,
        # A write that is interrupted takes a part only.
        'block = (b"x" * 1000 + b"\\n") * 100\nfor _ in range(2000):\n  rest = block\n'
        "  while rest: rest = rest[os.write(1, rest) :]",
    ),
    "a child": (500_000_000, "import subprocess; subprocess.run('yes | head -c 1000000000', shell=True)"),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_dropped_and_counted_and_holds_up_nobody(flood: str) -> None:
    count, code = FLOODS[flood]
    code = (
        "import re, time\nbegin = time.monotonic()\n"
        + code
        + """
wire.drain()
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024
os.write(wire.stdout_fd, json.dumps([[line for _, line in heard], peak, time.monotonic() - begin]).encode())
"""
    )
    lines, peak, seconds = json.loads(run(code)[0])
    dropped = [int(found[1]) for line in lines if (found := re.fullmatch(r"\[(\d+) more lines were dropped\]", line))]
    told = len(lines) - len(dropped)
    assert told <= LINES_PER_SECOND * (1 + seconds)
    assert told + sum(dropped) == count
    # In MiB. One print of 200 MB costs its own text; the guard adds nothing that grows.
    assert peak < (300 if flood == "one print" else 60)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_a_process_that_is_started_without_standard_streams_can_claim_the_wire(closed: str, tmp_path: Path) -> None:
    code = PROGRAM + f"\nprint('hello')\nos.write(wire.stdout_fd, b'x')\nopen({str(tmp_path / 'done')!r}, 'w').close()"
    subprocess.run(["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, code], timeout=PATIENCE, check=True)
    assert (tmp_path / "done").exists()
