"""Plugins that print, over real stdio: nothing reaches the wire, and the log and the ledger say who it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.host.transports.stdio_peer import StdioPeer
from tests.host.transports.toys import PATIENCE, TOY, Toybox, set_constants

WAYS = {
    "print": 'print("noise: print")',
    "sys.stdout": 'sys.stdout.write("noise: sys.stdout\\n")',
    "its buffer": 'sys.stdout.buffer.write(b"noise: its buffer\\n")',
    "the saved stream": 'print("noise: the saved stream", file=sys.__stdout__, flush=True)',
    "the descriptor": 'os.write(1, b"noise: the descriptor\\n")',
    "a child": 'subprocess.run(["echo", "noise: a child"])',
    "a thread": 'import threading; t = threading.Thread(target=print, args=("noise: a thread",)); t.start(); t.join()',
}
NOISE = {f"noise: {way}" for way in WAYS}


# What comes on a descriptor is read by a thread of its own, and may be the plugin's for a moment after it has returned;
# what a plugin prints when Python ends is waited for no longer than another moment.
MOMENTS = {"fuseboard.attribution.STILL_HEARD": PATIENCE, "fuseboard.cli.ending.LONGEST_END": PATIENCE}


@pytest.fixture
def toys(toys: Toybox) -> Toybox:
    """The toy, in a host whose moments last as long as a machine may stand still."""
    set_constants(toys.folder, MOMENTS)
    return toys


def noise(peer: StdioPeer, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the toy's row says of its noise, as soon as that is enough."""
    end = time.monotonic() + PATIENCE
    while not enough(found := ledger(peer)["noise"]):
        assert time.monotonic() < end, found
    return found


def ledger(peer: StdioPeer) -> dict[str, Any]:
    """The toy's row."""
    answer = peer.request("resources/read", {"uri": "fuseboard://plugins"})
    rows = json.loads(answer["result"]["contents"][0]["text"])["plugins"]
    row: dict[str, Any] = next(row for row in rows if row["name"] == "toy")
    return row


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def box(toys: Toybox, request: pytest.FixtureRequest) -> Toybox:
    toys.settings["PYTHONUNBUFFERED"] = request.param
    return toys


def test_what_is_printed_during_the_import_goes_to_the_log_and_the_ledger(box: Toybox) -> None:
    (box.folder / "toy.py").write_text("import os, subprocess, sys\n" + "\n".join(WAYS.values()) + "\n" + TOY)
    with StdioPeer(box) as peer:
        peer.hello()
        peer.call("toy_echo", text="hello")
        noise(peer, lambda found: set(found["last"]) >= NOISE)
        peer.close()
        assert peer.end()[0] == 0
        assert all(f"fuseboard.plugin.toy: toy printed: {line}" in peer.errors() for line in NOISE)


def test_what_a_tool_prints_goes_to_the_log_and_the_ledger(toys: Toybox) -> None:
    with StdioPeer(toys) as peer:
        peer.hello()
        for code in WAYS.values():
            assert peer.call("toy_run", code=code) == "done"
        noise(peer, lambda found: set(found["last"]) >= NOISE)


def test_what_is_printed_at_the_end_goes_to_the_log(box: Toybox) -> None:
    late = [
        'print("noise: unfinished", end="")',
        'import atexit; atexit.register(print, "noise: at exit")',
        'import atexit; atexit.register(os.write, 1, b"noise: at exit, raw\\n")',
        'sys.stdout = open(1, "w", closefd=False); print("noise: a stream of its own")',
    ]
    with StdioPeer(box) as peer:
        peer.hello()
        for code in late:
            assert peer.call("toy_run", code=code) == "done"
        peer.close()
        assert peer.end()[0] == 0
        for line in ("unfinished", "at exit", "at exit, raw", "a stream of its own"):
            assert f"noise: {line}" in peer.errors()


def test_a_flood_from_one_plugin_leaves_the_wire_clean_and_the_others_served(toys: Toybox) -> None:
    toys.add("other")
    with StdioPeer(toys) as peer:
        peer.hello()
        flood = 'for _ in range(2_000_000): print("x" * 100)'
        peer.send("tools/call", {"name": "toy_run", "arguments": {"code": flood}})
        for number in range(20):
            assert peer.call("other_echo", text=str(number)) == str(number)
        noise(peer, lambda found: found["lines"] > 0)
