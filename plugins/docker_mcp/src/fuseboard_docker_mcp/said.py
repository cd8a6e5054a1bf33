"""What the Docker command line means by an exit code and its standard error, as a named error.

The sentences were recorded from Docker 28.2.2 and the toolkit v0.22.0, v0.41.0 and v0.43.3; newer and older forms of
the engine's own sentences are added from its sources.
"""

from __future__ import annotations

import re

from fuseboard_docker_mcp.command import Output
from fuseboard_docker_mcp.errors import (
    CommandFailed,
    DockerMcpError,
    ImageMissing,
    NoEngine,
    NoToolkit,
    UnknownServer,
)
from fuseboard_docker_mcp.text import clean

NO_ENGINE = re.compile(
    r"failed to ping Docker daemon|Cannot connect to the Docker daemon|Is the docker daemon running"
    r"|permission denied while trying to connect to the [Dd]ocker|failed to connect to the docker API"
    r"|error during connect:|unable to resolve docker endpoint",
)
NO_IMAGE = re.compile(
    r"No such image|no such image|pull access denied|manifest unknown|manifest for \S+ not found"
    r"|Unable to find image|repository does not exist|pulling docker image"
)
NO_SUCH_COMMAND = re.compile(r"docker: unknown command: docker mcp|docker: 'mcp' is not a docker command")
_DOCKER_ITSELF = re.compile(r"^Usage:\s+docker \[OPTIONS\] COMMAND", re.MULTILINE)
_NO_SERVER = re.compile(r"""^server "?([^"\s]{1,80})"? not found (?:in|for)""", re.MULTILINE)
_NOT_IN_CATALOGUE = re.compile(r"servers matching the following patterns were not found in catalog: \[([^\]]{1,80})\]")
# What stands around a message and is none.
_AROUND = re.compile(r"^(?:Usage:|Run '|See '|Warning:|WARNING:|\d{4}/\d\d/\d\d \d\d:\d\d:\d\d Warning:|! |$)")
_OFFLINE = re.compile(r"dial tcp: lookup \S+|no such host|i/o timeout|network is unreachable")


class WrongDialect(CommandFailed):
    """This version of the toolkit does not have the command, so what was detected holds no more."""


def failure(argv: tuple[str, ...], output: Output) -> DockerMcpError:
    """What a failed run means. Never None: what is not recognised is a `CommandFailed` with its own words."""
    said = output.stderr
    shown = command_shown(argv)
    if NO_ENGINE.search(said):
        return NoEngine(f"no Docker engine answers ({clean(message(output), 200)}); start it, or set DOCKER_HOST")
    if NO_SUCH_COMMAND.search(said) or (argv[:1] == ("mcp",) and _DOCKER_ITSELF.search(said)):
        return NoToolkit("Docker is there, but not its MCP plugin (`docker mcp`); install Docker's MCP Toolkit")
    if said.startswith("This command is obsolete."):
        return WrongDialect(f"`{shown}` is obsolete in this version of Docker's MCP Toolkit")
    if said.startswith(("unknown flag:", "unknown shorthand flag:", "unknown command ")):
        return WrongDialect(f"`{shown}` is not known to this version of Docker's MCP Toolkit: {message(output)}")
    if match := _NO_SERVER.search(said) or _NOT_IN_CATALOGUE.search(said):
        return UnknownServer(f"no server {clean(match[1], 80)!r} is there, says `{shown}`: {message(output)}")
    if argv[:1] != ("mcp",) and NO_IMAGE.search(said):
        return ImageMissing(f"`{shown}` failed: {message(output)}")
    return CommandFailed(f"`{shown}` failed: {message(output)}{_advice(said)}")


def message(output: Output) -> str:
    """The sentence of standard error that says what went wrong, cleaned and cut."""
    lines = [line.strip() for line in output.stderr.splitlines()]
    sentences = [line for line in lines if not _AROUND.match(line)]
    if not sentences:
        return f"it ended with code {output.code} and said nothing"
    # A wrong flag is explained in paragraphs, of which the first counts; otherwise the last word is the reason.
    return clean(sentences[0] if output.code == 125 else sentences[-1])


def command_shown(argv: tuple[str, ...]) -> str:
    """The command for a message: without its options, whose values may be long or nobody's business."""
    words = []
    for word in argv:
        if word.startswith("-"):
            break
        words.append(word)
    return clean(f"docker {' '.join(words)}", 120)


def is_help(stdout: str) -> bool:
    """Whether this is the help that an unknown sub-command prints, with exit code 0."""
    return "\nUsage:" in f"\n{stdout}" and ("\nAvailable Commands:" in stdout or "\nCommands:" in stdout)


def _advice(said: str) -> str:
    if "file is not a database" in said:
        return " (the toolkit's file ~/.docker/mcp/mcp-toolkit.db is damaged; move it away)"
    if _OFFLINE.search(said):
        return " (the command needs the network)"
    if "parsing user config" in said or "parsing registry config" in said or said.startswith("yaml: "):
        return " (a file of the toolkit below ~/.docker/mcp is no YAML; mend it)"
    return ""
