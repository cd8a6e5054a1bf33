"""`docker run -i`: a container is a toy server in a session of its own, with a keeper that cleans up after it.

    the command (relays the three streams, passes SIGTERM on) -> keeper (a fork) -> toy server

As with a real engine, the end of the command ends the container's standard input and nothing else: a server that
ignores that lives on until `docker rm -f`. When the server ends, whatever it started ends with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from .arguments import Parsed, parsed
from .engine import pull
from .state import Failed, JsonObject, State, put, refuse, warn

VALUES = (
    *(
        "-e",
        "--env",
        "--env-file",
        "-l",
        "--label",
        "-v",
        "--volume",
        "-u",
        "--user",
        "--add-host",
        "--name",
        "--network",
        "--cpus",
    ),
    *("-m", "--memory", "--security-opt", "--pull", "--mount", "--entrypoint", "-w", "--workdir", "--tmpfs"),
    *("--pids-limit", "--cap-drop", "--stop-timeout", "--cidfile", "--hostname", "-h", "--log-driver", "--platform"),
)
SWITCHES = ("--rm", "-i", "--interactive", "--init", "--read-only", "-t", "--tty", "--privileged", "-q", "--quiet")
INSIDE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
BLOCK = 2**16


def run_container(state: State, args: list[str]) -> int:
    """Run a container in the foreground; returns its exit code, 125 when there is none."""
    usage = " [OPTIONS] IMAGE [COMMAND] [ARG...]"
    flags = parsed(args, "docker run", VALUES, SWITCHES, stop=True, tail=usage)
    if not flags.rest:
        refuse(f"docker: 'docker run' requires at least 1 argument\n\nUsage:  docker run{usage}")
    hint = "\n\nRun 'docker run --help' for more information"
    try:
        state.check_engine(["run", *args], "docker: ")
        _have_image(state, flags.rest[0], flags.one("--pull", "missing"))
    except Failed as failed:
        raise Failed(failed.words + hint, 125) from None
    return _attached(state, flags)


def _have_image(state: State, image: str, policy: str) -> None:
    if image in state.data["images"] and policy != "always":
        return
    if policy == "never":
        refuse(f"docker: Error response from daemon: No such image: {image}")
    warn(f"Unable to find image '{image}' locally\n")
    try:
        pull(state, image)
    except Failed as failed:
        raise Failed(f"docker: {failed.words}") from None


def _server(state: State, labels: Mapping[str, str], image: str) -> JsonObject:
    """The behaviour of the server that a container is meant for: by its label, else by its image."""
    by_label = state.servers.get(labels.get("docker-mcp-name", ""))
    if by_label is not None and by_label["entry"].get("image") == image:
        return dict(by_label)
    return dict(next((one for one in state.servers.values() if one["entry"].get("image") == image), {"options": []}))


def _environment(flags: Parsed, number: str) -> dict[str, str]:
    inside = INSIDE | {"HOSTNAME": number[:12]}
    for item in flags.values.get("-e", []) + flags.values.get("--env", []):
        name, equals, value = item.partition("=")
        if equals or name in os.environ:
            inside[name] = value if equals else os.environ[name]
    for path in flags.values.get("--env-file", []):
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        inside |= dict(line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#"))
    return inside


def _attached(state: State, flags: Parsed) -> int:
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    number = os.urandom(32).hex()
    pairs = (label.partition("=") for label in flags.values.get("-l", []) + flags.values.get("--label", []))
    labels = {key: value for key, _, value in pairs}
    image, command = flags.rest[0], flags.rest[1:]
    options = _server(state, labels, image)["options"]
    record: JsonObject = {"id": number, "image": image, "command": command, "labels": labels, "at": time.time()}
    record |= {"name": flags.one("--name") or f"stand_in_{number[:8]}", "flags": _without_rest(flags)}
    pipes = [os.pipe() for _ in range(3)]
    sys.stdout.flush()
    keeper = os.fork()
    if keeper == 0:
        _keep(
            state,
            record,
            [state.data["python"], "-I", "-S", state.data["toy"], *options],
            _environment(flags, number),
            pipes,
        )
    for end in (pipes[0][0], pipes[1][1], pipes[2][1]):
        os.close(end)
    _pass_signals_on(state, number)
    reads = "-i" in flags.switches or "--interactive" in flags.switches
    if reads:
        threading.Thread(target=_copy, args=(0, pipes[0][1]), daemon=True).start()
    else:
        os.close(pipes[0][1])
    outs = [threading.Thread(target=_copy, args=(pipes[n][0], n), daemon=True) for n in (1, 2)]
    for out in outs:
        out.start()
    code = os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])
    for out in outs:
        out.join(10)  # the keeper has ended whatever holds the other ends, but a busy machine may need a moment
    return code


def _without_rest(flags: Parsed) -> dict[str, list[str]]:
    return {name: list(values) for name, values in flags.values.items()} | {name: [] for name in flags.switches}


def _copy(source: int, target: int) -> None:
    with contextlib.suppress(OSError):
        while block := os.read(source, BLOCK):
            while block:
                block = block[os.write(target, block) :]
    with contextlib.suppress(OSError):
        os.close(target)


def _pass_signals_on(state: State, number: str) -> None:
    """SIGTERM, SIGINT and SIGHUP reach the server; before it is there they end the command."""

    def pass_on(signal_number: int, frame: object) -> None:
        try:
            os.kill(json.loads((state.folder / "containers" / f"{number}.json").read_text())["pid"], signal_number)
        except (OSError, ValueError):
            os._exit(128 + signal_number)

    for signal_number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signal_number, pass_on)


def _keep(
    state: State, record: JsonObject, argv: list[str], environment: dict[str, str], pipes: list[tuple[int, int]]
) -> None:
    """Be the keeper: start the server, wait for its end, end what it left, and forget the container."""
    os.setsid()
    signal.alarm(0)
    record_path = state.folder / "containers" / f"{record['id']}.json"
    code = 126
    try:
        streams = dict(zip(("stdin", "stdout", "stderr"), (pipes[0][0], pipes[1][1], pipes[2][1]), strict=True))
        server = subprocess.Popen(argv, env=environment, start_new_session=True, **streams)  # type: ignore[call-overload]
        put(record_path, json.dumps(record | {"pid": server.pid}))
        _let_go()
        code = server.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
    finally:
        record_path.unlink(missing_ok=True)
        os._exit(128 - code if code < 0 else code)


def _let_go() -> None:
    """Close every stream, so that the keeper holds none of them open."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.closerange(3, 256)
