"""`docker mcp secret`: Desktop's socket in dialect A, `docker pass` later; without them each says its own words."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from .arguments import parsed
from .state import Failed, State, pretty, refuse, say

NAME = re.compile(r"[A-Za-z0-9._:-]+(?:/[A-Za-z0-9._:-]+)*")


def _check(state: State, path: str, said: str = "") -> None:
    if state.dialect == "A":
        socket = state.mcp_home.parent / "desktop" / "jfs.sock"
        words = f'Get "http://localhost{path}": dial unix {socket}: connect: no such file or directory'
        raise Failed(words, 1, said)
    if not state.data["docker_pass"]:
        refuse("docker pass has not been installed")
    state.check_engine(["mcp", "secret"], "failed to ping Docker daemon: ")


def _ls(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp secret ls", (), ("--json",))
    _check(state, "/secrets")
    rows = [{"name": name, "provider": "docker-pass"} for name in state.data["secrets"]]
    say(pretty(rows) + "\n" if "--json" in flags.switches else "".join(f"{row['name']}\n" for row in rows))
    return 0


def _set(state: State, args: list[str]) -> int:
    words = parsed(args, "docker mcp secret set", ("--provider",)).rest
    if len(words) != 1:
        refuse(f"accepts 1 arg(s), received {len(words)}")
    name, equals, value = words[0].partition("=")
    if not equals:
        value = sys.stdin.read().removesuffix("\n")
    _check(state, "/secrets")
    if not NAME.fullmatch(name):
        refuse(f'invalid secret name "{name}": must match ^[A-Za-z0-9._:-]+(?:/[A-Za-z0-9._:-]+)*$')
    with state.changing() as data:
        if name in data["secrets"]:
            refuse(f"failed to store secret: secret docker/mcp/{name} already exists")
        data["secrets"][name] = value
    return 0


def _rm(state: State, args: list[str]) -> int:
    flags = parsed(args, "docker mcp secret rm", (), ("--all",))
    if not flags.rest and "--all" not in flags.switches:
        refuse("either provide a secret name or use --all to remove all secrets")
    name = flags.rest[0] if flags.rest else ""
    _check(state, f"/secrets/{name}", f"failed removing secret {name}\n")
    with state.changing() as data:
        gone = list(data["secrets"]) if "--all" in flags.switches else flags.rest
        for name in gone:
            if data["secrets"].pop(name, None) is None:
                refuse(f"failed to remove secret: secret docker/mcp/{name} not found")
    return 0


COMMANDS: dict[str, Callable[[State, list[str]], int]] = {"secret ls": _ls, "secret set": _set, "secret rm": _rm}
