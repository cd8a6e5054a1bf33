"""Finds out once what is there: Docker's MCP Toolkit and its dialect, an engine, or neither."""

from __future__ import annotations

import math
import re
import time
from typing import Any

import anyio

from fuseboard_docker_mcp import said
from fuseboard_docker_mcp.config import DockerMcpSettings
from fuseboard_docker_mcp.docker import Docker, parsed
from fuseboard_docker_mcp.errors import CommandFailed, DockerMcpError, NoDocker, NoToolkit, UnknownOutput
from fuseboard_docker_mcp.models import Way
from fuseboard_docker_mcp.said import WrongDialect
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.toolkit.base import Dialect, Toolkit
from fuseboard_docker_mcp.toolkit.profile_dialect import ProfileToolkit
from fuseboard_docker_mcp.toolkit.registry_dialect import RegistryToolkit, read_enabled

FAILURE_KEPT = 5.0
"""Seconds that a failed detection is believed."""
_VERSION = re.compile(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:[-+.][\w.+-]{0,100})?")
_FIRST_OF_B = (0, 27)
_PROFILES = ("mcp", "profile", "list", "--format", "json")
_ENABLED = ("mcp", "server", "ls", "--json")
_PLUGIN_USAGE = re.compile(r"^Usage:\s+docker mcp \[OPTIONS\]", re.MULTILINE)


class DockerDoor:
    """What was detected, kept until a command says otherwise; a failure is kept for `FAILURE_KEPT` seconds."""

    def __init__(self, settings: DockerMcpSettings, docker: Docker) -> None:
        self._settings = settings
        self._docker = docker
        self._detecting = anyio.Lock()
        self._writing = anyio.Lock()
        self._found: Toolkit | DockerMcpError | None = None
        self._way: Way | None = None
        self._believed_until = math.inf

    async def toolkit(self) -> Toolkit:
        """The toolkit, in its dialect. Several callers share one detection.

        Raises:
            NoDocker, NoToolkit, NoEngine: what is missing.
            UnknownOutput, CommandFailed: the plugin is there, and what it says is none of its known forms.
        """
        async with self._detecting:
            found = await self._look()
        if isinstance(found, DockerMcpError):
            # A new one each time: an exception that is raised again collects tracebacks.
            raise type(found)(found.text)
        return found

    async def way(self) -> Way:
        """How servers of catalogues are reached: the setting `way`, else the first that is there.

        The plugin without an engine counts as there, so that its own error says what is missing.
        """
        if self._settings.way != "auto":
            return self._settings.way
        async with self._detecting:
            found = await self._look()
            if self._way is None:
                self._way = await self._first_way(found)
            return self._way

    def forget(self) -> None:
        """Detect anew at the next question."""
        self._found = self._way = None
        self._believed_until = math.inf

    async def _first_way(self, found: Toolkit | DockerMcpError) -> Way:
        if isinstance(found, NoDocker):
            return "direct"
        if not isinstance(found, NoToolkit):
            return "toolkit"
        try:
            await self._docker.check_engine()
        except DockerMcpError:
            return "direct"
        return "engine"

    async def _look(self) -> Toolkit | DockerMcpError:
        if time.monotonic() >= self._believed_until:
            self.forget()
        if self._found is None:
            try:
                self._found = await self._detect()
            except DockerMcpError as error:
                self._found = error
                self._believed_until = time.monotonic() + FAILURE_KEPT
        return self._found

    async def _detect(self) -> Toolkit:
        version = await self._version()
        dialect = await self._dialect(version)
        kind = ProfileToolkit if dialect == "P" else RegistryToolkit
        return kind(self._docker, self._settings, version, dialect, forget=self.forget, writing=self._writing)

    async def _version(self) -> str:
        return read_version(await self._docker.checked("mcp", "version"))

    async def _dialect(self, version: str) -> Dialect:
        output = await self._docker.run(*_PROFILES)
        if output.code == 0:
            return read_profile_probe(parsed(_PROFILES, output.stdout))
        failure = said.failure(_PROFILES, output)
        if not (isinstance(failure, WrongDialect) and _PLUGIN_USAGE.search(output.stderr)):
            raise failure
        try:
            answer = await self._docker.json(*_ENABLED)
        except (WrongDialect, UnknownOutput):
            raise
        except CommandFailed:
            # A broken file of the user's, say. It will be named when the list is wanted.
            return by_version(version)
        dialect, _, _ = read_enabled(answer)
        return dialect or by_version(version)


def read_version(printed: str) -> str:
    """The version that `docker mcp version` printed. Raises `UnknownOutput`."""
    version = printed.strip()
    if not _VERSION.fullmatch(version):
        raise UnknownOutput(f"`docker mcp version` printed no version but {clean(version, 80)!r}")
    return version


def read_profile_probe(answer: Any) -> Dialect:
    """Dialect P, when `profile list` answered with a list. Raises `UnknownOutput`."""
    if not isinstance(answer, list):
        raise UnknownOutput("`docker mcp profile list` printed no list of profiles")
    return "P"


def by_version(version: str) -> Dialect:
    """Which of the dialects without profiles a version speaks."""
    match = _VERSION.fullmatch(version)
    return "B" if match and (int(match[1]), int(match[2])) >= _FIRST_OF_B else "A"
