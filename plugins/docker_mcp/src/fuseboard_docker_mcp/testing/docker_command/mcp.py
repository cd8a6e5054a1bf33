"""`docker mcp`: which command runs in which dialect, and what each dialect says of those that it does not have."""

from __future__ import annotations

import os
from collections.abc import Callable

from .cli import HELP
from .state import State, refuse, say

Command = Callable[[State, list[str]], int]

USAGE = "\n\nUsage:  {usage}\n\nRun '{command} --help' for more information"
GROUPS = {
    "catalog": "Manage MCP server OCI catalogs",
    "client": "Manage MCP clients",
    "feature": "Manage experimental features",
    "gateway": "Manage the MCP Server gateway",
    "oauth": "Manage OAuth app authorizations",
    "profile": "Manage profiles",
    "secret": "Manage secrets in the local OS Keychain",
    "server": "Manage servers",
    "template": "Manage starter profile templates",
    "tools": "Manage tools",
    "version": "Show the version information",
}
OF_PROFILES = ("profile", "template")
OF_FILES = {"config": "Manage the configuration"}
OBSOLETE = {
    "server ls": "profile server ls",
    "server list": "profile server ls",
    "server inspect": "profile server inspect",
    "server enable": "profile server add",
    "server disable": "profile server remove",
    "server reset": "profile remove",
    "config read": "profile config",
    "config write": "profile config",
    "config reset": "profile config",
    "tools enable": "profile tools",
    "tools disable": "profile tools",
}


def run_mcp(state: State, argv: list[str]) -> int:
    """Run `docker mcp ...`; returns the exit code."""
    if state.dialect == "none":
        return _without_plugin(argv)
    words = [word for word in argv if not word.startswith("-")]
    if argv[:1] in (["version"], ["--version"], ["-v"]):
        say(state.data["version"] + "\n")
        return 0
    if not words or {"--help", "-h"} & set(argv):
        say(_help(state))
        return 0
    command = _command(state, words)
    if command is None:
        return _unknown(state, argv, words)
    name, run = command
    _check_engine(state, name, argv)
    if state.fault("offline", []) and name in NEED_NETWORK and state.dialect == "P":
        refuse(f"failed to read OCI catalog: failed to fetch image/artifact {words[-1]}: {_offline('index.docker.io')}")
    return run(state, _behind(argv, name.split()))


NEED_NETWORK = frozenset({"catalog pull"})


def _offline(host: str) -> str:
    return f'Get "https://{host}/v2/": dial tcp: lookup {host} on 127.0.0.53:53: no such host'


def _command(state: State, words: list[str]) -> tuple[str, Command] | None:
    """The longest name of a command that the line begins with."""
    if words[:2] == ["gateway", "run"]:
        from .gateway import run_gateway

        return "gateway run", run_gateway
    table = _table(state)
    for length in (3, 2, 1):
        name = " ".join(words[:length])
        if name in table:
            return name, table[name]
    return None


def _table(state: State) -> dict[str, Command]:
    from .secrets import COMMANDS as SECRETS

    if state.dialect == "P":
        from .profiles import COMMANDS

        stubs: dict[str, Command] = {name: _stub(instead) for name, instead in OBSOLETE.items()}
        return {**COMMANDS, **SECRETS, **stubs, "oauth ls": _oauth}
    from .files import COMMANDS as FILES

    return {**FILES, **SECRETS, "oauth ls": _oauth}


def _stub(instead: str) -> Command:
    def stub(state: State, args: list[str]) -> int:
        refuse(f"This command is obsolete. See `docker mcp {instead} --help` instead.")

    return stub


def _oauth(state: State, args: list[str]) -> int:
    socket = state.mcp_home.parent / "desktop" / "tools.sock"
    refuse(f'Get "http://localhost/apps": dial unix {socket}: connect: no such file or directory')


def _behind(argv: list[str], name: list[str]) -> list[str]:
    """The arguments without the words of the command's name."""
    left, words = list(argv), list(name)
    for part in argv:
        if words and part == words[0]:
            left.remove(part)
            words.pop(0)
    return left


def _check_engine(state: State, name: str, argv: list[str]) -> None:
    """Every command asks the engine first, in a container only the gateway; `secret` asks `docker pass` before."""
    if name.startswith("secret") and (state.dialect != "B" or not state.data["docker_pass"]):
        return
    if os.environ.get("DOCKER_MCP_IN_CONTAINER") == "1" and not name.startswith("gateway"):
        return
    state.check_engine(["mcp", *argv], "failed to ping Docker daemon: ")


def _groups(state: State) -> dict[str, str]:
    if state.dialect == "P":
        return GROUPS
    groups = {name: words for name, words in GROUPS.items() if name not in OF_PROFILES}
    return dict(sorted({**groups, **OF_FILES}.items()))


def _help(state: State) -> str:
    listed = "".join(f"  {name:<11} {words}\n" for name, words in _groups(state).items())
    head = "Docker MCP Toolkit's CLI - Manage your MCP servers and clients.\n\nUsage: docker mcp [OPTIONS]\n\nFlags:\n"
    return f"{head}  -v, --version   Print version information and quit\n\nAvailable Commands:\n{listed}\n"


def _unknown(state: State, argv: list[str], words: list[str]) -> int:
    """A command that does not exist: help and success, or the complaint about its first flag."""
    flag = next((word.partition("=")[0] for word in argv if word.startswith("-")), None)
    known = words[0] in _groups(state)
    if flag is not None:
        command = f"docker mcp {words[0]}" if known else "docker mcp"
        usage = command if known else "docker mcp [OPTIONS]"
        refuse(f"unknown flag: {flag}" + USAGE.format(usage=usage, command=command), 125)
    say(_help(state))
    return 0


def _without_plugin(argv: list[str]) -> int:
    flag = next((word.partition("=")[0] for word in argv if word.startswith("-")), None)
    if flag in ("--help", "-h"):
        say(HELP)
        return 0
    if flag is not None:
        refuse(f"unknown flag: {flag}" + USAGE.format(usage="docker [OPTIONS] COMMAND [ARG...]", command="docker"), 125)
    refuse("docker: unknown command: docker mcp\n\nRun 'docker --help' for more information")
