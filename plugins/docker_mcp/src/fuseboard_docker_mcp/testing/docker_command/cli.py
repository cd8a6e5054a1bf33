"""The entry of the stand-in: writes the call down, plays the switched-on faults, finds the command."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from .state import Failed, State, refuse, say, warn

LIFETIME = 600
"""Seconds after which any process of the stand-in ends by itself."""

HELP = """
Usage:  docker [OPTIONS] COMMAND

A self-sufficient runtime for containers

Common Commands:
  run         Create and run a new container from an image
  exec        Execute a command in a running container
  ps          List containers
  pull        Download an image from a registry
  images      List images

Run 'docker COMMAND --help' for more information on a command.
"""
GLOBAL_FLAGS = ("-H", "--host", "-c", "--context", "--config", "-l", "--log-level")
HUGE = 64 * 2**20


def main(folder: str) -> None:
    """Run the command of `sys.argv` on the state in the folder, and end the process with its exit code."""
    signal.alarm(LIFETIME)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    argv = _without_global_flags(sys.argv[1:])
    state = State(Path(folder))
    state.note_call(sys.argv[1:])
    try:
        _play_faults(state, argv)
        code = _dispatch(state, argv)
    except Failed as failed:
        say(failed.said)
        warn(failed.words + "\n")
        code = failed.code
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    sys.exit(code)


def _without_global_flags(argv: list[str]) -> list[str]:
    left = list(argv)
    while left and left[0].partition("=")[0] in GLOBAL_FLAGS:
        name, equals, value = left.pop(0).partition("=")
        value = value if equals else left.pop(0) if left else ""
        if name in ("-H", "--host"):
            os.environ["DOCKER_HOST"] = value
    return left


def _play_faults(state: State, argv: list[str]) -> None:
    if state.fault("hang", argv):
        time.sleep(LIFETIME)
    if fault := state.fault("fails", argv):
        refuse(fault["words"], fault["code"])
    if state.fault("garbage", argv):
        sys.stdout.buffer.write(b"\x00\xff\xfe}{ not what was asked \x1b[31m\n")
        sys.exit(0)
    if state.fault("help", argv):
        say(HELP)
        sys.exit(0)
    if state.fault("huge", argv):
        for _ in range(HUGE // 2**16):
            sys.stdout.write("[" * 2**16)
        sys.exit(0)


def _dispatch(state: State, argv: list[str]) -> int:
    if argv[:1] == ["mcp"]:
        from .mcp import run_mcp

        return run_mcp(state, argv[1:])
    if argv and argv[0] not in ("--help", "-h", "help"):
        from .engine import run_engine

        return run_engine(state, argv)
    say(HELP)
    return 0
