"""The reason of a failed start, or of a death, out of the standard error of `docker mcp gateway run` or `docker run`.

A gateway glues messages to each other, so they are searched for, not matched line by line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from fuseboard_docker_mcp.errors import (
    CannotStart,
    DockerMcpError,
    ImageMissing,
    NameCollision,
    NoEngine,
    NotAllowed,
    NoToolkit,
    SecretStoreFailed,
    WrongConfiguration,
)
from fuseboard_docker_mcp.models import Explain
from fuseboard_docker_mcp.said import NO_ENGINE, NO_IMAGE, NO_SUCH_COMMAND
from fuseboard_docker_mcp.text import clean

MOST_LINES, LONGEST_LINE = 400, 4000
# Where one message ends and the next, glued to it without a newline, begins.
_NEXT = r"(?=> Images pulled|- Those servers are enabled|reading MCP Toolkit's secrets|verifying docker image|\n|$)"
_PULL = re.compile(r"warning: pulling docker image (\S{1,300}): (.*?)" + _NEXT)
_SECRETS = re.compile(r"reading MCP Toolkit's secrets: (.*)")
_COLLISION = re.compile(r"\b(?:tool|prompt|resource)[\w -]{0,20} collision: (.*)")
_UNVERIFIED = re.compile(r"verifying docker image (\S{1,300}): (.*)")
_MISSING = re.compile(r"^\s*Missing/invalid (config|secrets?): (.*)$", re.MULTILINE)
_INVALID = re.compile(r"Cannot activate profile|Validation failed for \d+ server")
_CONFIG = re.compile(r"reading config: (.*)")
_FORBIDDEN = re.compile(
    r"is blocked \(|sensitive system path|unsafe remote MCP URL|must use https|bind mount|not (?:an )?allowed path"
    r"|must resolve within Docker MCP catalogs directory"
)
_OTHERS = re.compile(
    r"((?:reading (?:catalog|registry|configuration)|failed to create database client|unknown transport|unknown flag"
    r"|This command is obsolete|loading configuration)\b.*)"
)
_NO_PROFILE = re.compile(r"^(profile \S{1,80} not found)", re.MULTILINE)
_NO_TOOLS = re.compile(r"> 0 tools listed in")
_SECRET = re.compile(r"Warning: Secret '([^'\n]{1,200})' not found for server '([^'\n]{1,80})'")
_ENDED = re.compile(r'calling "initialize": EOF')
# Lines of a gateway or of docker that explain nothing.
_HARMLESS = re.compile(r"^\s*(?:[-!>] |Warning:|WARNING:|Usage:|Run '|See '|[{}\"\]]|Dry run mode|$)")
_DOCKER = re.compile(r"^(?:docker: |Error response from daemon: |Unable to find image )(.*)$", re.MULTILINE)
_ENGINE_CODES = frozenset([125, 126, 127])
_KILLED = frozenset([137, -9])

Rule = Callable[[str, str, int | None], DockerMcpError | None]


def explain_gateway(name: str) -> Explain:
    """Reads why a gateway could not start the server `name`, or ended.

    The error is the most precise that its words allow; None where they say nothing and it still runs, or ended well.
    """

    def explain(lines: Sequence[str], code: int | None) -> DockerMcpError | None:
        text = _joined(lines)
        for rule in (_fatal, _of_server, _of_file, _last_word):
            if error := rule(name, text, code):
                return error
        return None

    return explain


def explain_docker_run(image: str) -> Explain:
    """Reads why `docker run` of an image failed, or its container ended. See `explain_gateway`."""

    def explain(lines: Sequence[str], code: int | None) -> DockerMcpError | None:
        text = _joined(lines)
        # Docker's own words count only with its own codes: everything else was written by the server.
        if code is None or code in _ENGINE_CODES or code == 1:
            if NO_ENGINE.search(text):
                return NoEngine(
                    f"no Docker engine answers: {_line_with(NO_ENGINE, text)}; start it, or set DOCKER_HOST"
                )
            if match := _DOCKER.search(text):
                return _refused(image, match, text)
        if code in _KILLED:
            return CannotStart(f"the container of {image} was killed; perhaps the setting `memory` is too small for it")
        if code is None or code == 0:
            return None
        words = _last(text)
        return CannotStart(f"the container of {image} ended with code {code}{f': {words}' if words else ''}")

    return explain


def _refused(image: str, match: re.Match[str], text: str) -> DockerMcpError:
    words = clean(match[1])
    if NO_IMAGE.search(text):
        return ImageMissing(f"the image {image} is not there: {words}; pull it, or set `pull`")
    return CannotStart(f"the container of {image} was refused: {words}")


def _fatal(name: str, text: str, code: int | None) -> DockerMcpError | None:
    """What stops a whole gateway, whichever server it has."""
    if NO_SUCH_COMMAND.search(text):
        return NoToolkit("Docker's MCP plugin (`docker mcp`) is not there any more")
    if NO_ENGINE.search(text):
        return NoEngine(f"no Docker engine answers: {_line_with(NO_ENGINE, text)}; start it, or set DOCKER_HOST")
    if match := _SECRETS.search(text):
        return SecretStoreFailed(f"the toolkit cannot read the secrets of {name}: {clean(match[1], 200)}")
    if match := _COLLISION.search(text):
        return NameCollision(clean(match[1]))
    if match := _UNVERIFIED.search(text):
        return NotAllowed(f"the image {clean(match[1], 120)} is refused: {clean(match[2])}")
    if _INVALID.search(text):
        found = [f"{kind} {clean(what, 80)}" for kind, what in _MISSING.findall(text)[:5]]
        return WrongConfiguration(f"the configuration of {name} is refused: {'; '.join(found) or _last(text)}")
    return None


def _of_server(name: str, text: str, code: int | None) -> DockerMcpError | None:
    """The gateway runs on, and its server is not in it."""
    match = re.search(rf"Can't start {re.escape(name)}: (.*)", text)
    if match is None:
        return None
    cause = clean(match[1])
    if _FORBIDDEN.search(cause):
        return NotAllowed(f"{name} is refused by the toolkit's safety rules: {cause}")
    # A remote server has no image, so its cause never is one that was not pulled.
    if (pull := _PULL.search(text)) and (_ENDED.search(cause) or NO_IMAGE.search(cause)):
        return ImageMissing(f"the image {clean(pull[1], 120)} of {name} is not there: {clean(pull[2])}")
    if NO_IMAGE.search(cause):
        return ImageMissing(f"the image of {name} is not there: {cause}")
    hint = ""
    if _ENDED.search(cause):
        hint = " (its container ended before it answered)"
        if missing := [secret for secret, server in _SECRET.findall(text) if server == name]:
            hint += f"; it went without the secret {clean(missing[0], 80)}"
    return CannotStart(f"{name}: {cause}{hint}")


def _of_file(name: str, text: str, code: int | None) -> DockerMcpError | None:
    """A file or an option that the gateway does not take; and the silence about a server that it does not know."""
    if match := _CONFIG.search(text):
        return WrongConfiguration(f"the gateway cannot read the configuration of {name}: {clean(match[1])}")
    if match := _NO_PROFILE.search(text) or _OTHERS.search(text):
        words = clean(match[1])
        return NotAllowed(words) if _FORBIDDEN.search(words) else CannotStart(f"the gateway of {name}: {words}")
    if _NO_TOOLS.search(text):
        return CannotStart(f"the gateway started and has no tool of {name}: it has none, or its entry cannot be used")
    return None


def _last_word(name: str, text: str, code: int | None) -> DockerMcpError | None:
    if code is None or code == 0:
        return None
    words = _last(text)
    return CannotStart(f"the gateway of {name} ended with code {code}{f': {words}' if words else ''}")


def _joined(lines: Sequence[str]) -> str:
    """The last lines as one text, bounded."""
    return "\n".join(line[-LONGEST_LINE:].rstrip("\r\n") for line in lines[-MOST_LINES:])


def _line_with(pattern: re.Pattern[str], text: str) -> str:
    return next((clean(line, 200) for line in text.splitlines() if pattern.search(line)), "")


def _last(text: str) -> str:
    """The last line that may be a reason; "" where there is none."""
    return next((clean(line) for line in reversed(text.splitlines()) if not _HARMLESS.match(line)), "")
