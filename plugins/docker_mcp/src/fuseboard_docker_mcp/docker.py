"""The Docker command line: found, run with a clean environment, and asked about its engine, images and containers."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from typing import Any

import anyio

from fuseboard_docker_mcp import command, said
from fuseboard_docker_mcp.command import Output
from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.errors import (
    CommandFailed,
    DockerMcpError,
    ImageMissing,
    InvalidInput,
    NoDocker,
    NoEngine,
    UnknownOutput,
)
from fuseboard_docker_mcp.text import clean

# What a docker command needs of its surroundings. Windows has the last two lines.
_PASSED = frozenset(
    [
        *("HOME", "PATH", "USER", "LOGNAME", "TMPDIR", "TZ", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP"),
        *("USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES"),
    ]
)
# The first makes containers privileged, the second skips the check for an engine.
_DROPPED = frozenset(["DOCKER_MCP_IN_DIND", "DOCKER_MCP_IN_CONTAINER"])
IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*=[A-Za-z0-9._-]+")
_CONTAINER = re.compile(r"[0-9a-f]{12,64}")
_VERSION = re.compile(r"\d+\.\d+[\w.+~-]{0,60}")
# How often, and after how many seconds each, containers are looked for that another command is removing as well.
_LOOKS, _BETWEEN_LOOKS = 5, 0.1


class Docker:
    """The docker command line, without its MCP plugin.

    Args:
        settings: name or path of the command, and the deadlines.
        environ: the environment to take from; None for the process's own.
    """

    def __init__(self, settings: DockerMcpSettings, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environ = dict(os.environ if environ is None else environ)

    def path(self) -> str:
        """Where the command is, absolute. Raises `NoDocker`."""
        name = self._settings.docker
        found = shutil.which(os.path.expanduser(name), path=self._environ.get("PATH", os.defpath))
        if found is None:
            raise NoDocker(f"the Docker command line {clean(name, 80)!r} is not there; install Docker, or set `docker`")
        return os.path.abspath(found)

    def environment(self) -> dict[str, str]:
        """The environment of every docker child: what it needs to find its engine, and nothing else of the host's."""
        kept = {
            name: value
            for name, value in self._environ.items()
            if (upper := name.upper()) not in _DROPPED and (upper in _PASSED or upper.startswith("DOCKER_"))
        }
        return {**kept, "LANG": "C.UTF-8"}

    async def run(self, *args: str, timeout: float | None = None, stdin: bytes = b"") -> Output:
        """Run `docker ARGS` to its end.

        Args:
            args: its arguments. Never a secret: every user of the machine may read them.
            timeout: seconds; None for the setting `command_timeout`.
            stdin: what it reads.

        Raises:
            NoDocker: it is not there or cannot be run.
            CommandFailed: it did not end in time. Every other failure is in the output.
            UnknownOutput: it printed without end.
            InvalidInput: an argument cannot be passed to a program.
        """
        seconds = self._settings.docker_mcp.command_timeout if timeout is None else timeout
        shown = said.command_shown(args)
        for argument in args:
            if "\0" in argument or len(argument.encode("utf-8", "replace")) > command.LONGEST_ARGUMENT:
                raise InvalidInput(
                    f"`{shown}` cannot take an argument of {len(argument)} characters or with a zero byte"
                )
        path = self.path()
        # Lone halves of surrogate pairs come out of JSON, and no program can be given one.
        argv = [path, *(argument.encode("utf-8", "replace").decode() for argument in args)]
        try:
            return await command.run(argv, self.environment(), timeout=seconds, stdin=stdin)
        except TimeoutError:
            raise CommandFailed(f"`{shown}` did not end within {seconds:g} s and was stopped") from None
        except command.TooMuchOutput:
            raise UnknownOutput(f"`{shown}` printed more than {command.MOST_OUTPUT} bytes and was stopped") from None
        except OSError as error:
            reason = clean(error.strerror or type(error).__name__, 100)
            raise NoDocker(f"the Docker command line {clean(path, 120)} cannot be run: {reason}") from None

    async def checked(self, *args: str, timeout: float | None = None, stdin: bytes = b"") -> str:
        """Standard output of a run that ended with 0.

        Raises:
            NoEngine, NoToolkit, UnknownServer, ImageMissing, CommandFailed: what a failure means; and those of `run`.
        """
        output = await self.run(*args, timeout=timeout, stdin=stdin)
        if output.code != 0:
            raise said.failure(args, output)
        return output.stdout

    async def json(self, *args: str, timeout: float | None = None, stdin: bytes = b"") -> Any:
        """The JSON document that a run printed.

        Raises:
            UnknownOutput: it ended with 0 and printed something else; and those of `checked`.
        """
        return parsed(args, await self.checked(*args, timeout=timeout, stdin=stdin))

    async def check_engine(self) -> str:
        """Ask the engine for its version. Raises `NoDocker`, `NoEngine`, and what else `checked` raises."""
        printed = (await self.checked("version", "--format", "{{.Server.Version}}")).strip()
        if not _VERSION.fullmatch(printed):
            raise NoEngine(f"no Docker engine answers; `docker version` says {clean(printed, 80)!r} of it")
        return printed

    async def has_image(self, image: str) -> bool:
        """Whether the engine has an image, by any name. Raises what `checked` raises, but no `ImageMissing`."""
        if not IMAGE_NAME.fullmatch(image):
            return False
        try:
            await self.checked("image", "inspect", "--format", "{{.Id}}", image)
        except ImageMissing:
            return False
        return True

    async def pull(self, image: str) -> None:
        """Pull an image, within the setting `pull_timeout`. Raises `ImageMissing`, `NoDocker`, `NoEngine`."""
        if not IMAGE_NAME.fullmatch(image):
            raise ImageMissing(f"{clean(image, 120)!r} is no name of an image")
        try:
            await self.checked("pull", "--quiet", image, timeout=self._settings.docker_mcp.pull_timeout)
        except (NoDocker, NoEngine):
            raise
        except DockerMcpError as error:
            raise ImageMissing(f"the image {image} cannot be pulled: {clean(error.text)}") from None

    async def containers(self, label: str) -> list[str]:
        """The ids of all containers, running or not, with a label `key=value`. Raises what `checked` raises."""
        if not _LABEL.fullmatch(label):
            # An empty filter would match every container of the machine.
            raise InvalidInput(f"{clean(label, 80)!r} is no label `key=value`")
        printed = await self.checked("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}")
        ids = printed.split()
        if not all(map(_CONTAINER.fullmatch, ids)):
            raise UnknownOutput(f"`docker ps` printed no ids: {clean(printed, 120)!r}")
        return ids

    async def remove_containers(self, label: str) -> list[str]:
        """Kill and remove all containers with a label. The ids of those that were there.

        Raises:
            CommandFailed: some are still there. And what `containers` raises.
        """
        found = left = await self.containers(label)
        for _ in range(_LOOKS):
            if not left:
                return found
            output = await self.run("rm", "--force", "--volumes", *left)
            # A container with `--rm` removes itself at the same time: the engine then calls this an error.
            left = await self.containers(label)
            if left:
                await anyio.sleep(_BETWEEN_LOOKS)
        if left:
            raise CommandFailed(f"{len(left)} containers with {label} are still there: {said.message(output)}")
        return found


def parsed(argv: tuple[str, ...], stdout: str) -> Any:
    """The one JSON document that is all of `stdout`. Raises `UnknownOutput`."""
    shown = said.command_shown(argv)
    try:
        return json.loads(stdout, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        if said.is_help(stdout):
            raise UnknownOutput(f"`{shown}` printed its help: this version of Docker does not know it") from None
        raise UnknownOutput(f"`{shown}` printed no JSON but {clean(stdout, 80)!r}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
