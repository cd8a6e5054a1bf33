"""Why a server could not be started, or has ended: read out of what it said, and worded for a model."""

from __future__ import annotations

from collections.abc import Iterator

from fuseboard_docker_mcp.errors import CannotStart, DockerMcpError, ServerDied, StartTimeout
from fuseboard_docker_mcp.models import Launch, StdioLaunch
from fuseboard_docker_mcp.sessions.process import Process
from fuseboard_docker_mcp.text import clean, redacted


class NoTools(Exception):
    """The server lists no tool, which for this kind of server means that it could not start."""


def start_failure(name: str, launch: Launch, process: Process | None, problem: Exception | None) -> DockerMcpError:
    """The error of a server that never became ready; its own words first."""
    if (explained := _explained(launch, process)) is not None:
        return explained
    if process is None and isinstance(launch, StdioLaunch):
        program = clean(launch.argv[0] if launch.argv else "", 120)
        return CannotStart(f"{name}: {program} cannot be run: {_words(problem, launch)}")
    if problem is not None and any(isinstance(leaf, NoTools) for leaf in leaves(problem)):
        return CannotStart(f"{name} offers no tools, so it did not start{_said(process)}")
    if process is not None and process.own_exit_code is not None:
        return CannotStart(f"{name} ended with exit code {process.own_exit_code} before it was ready{_said(process)}")
    return CannotStart(f"{name} could not be connected: {_words(problem, launch)}{_said(process)}")


def start_timeout(name: str, launch: Launch, process: Process | None, seconds: float) -> DockerMcpError:
    """The error of a server that was too slow, or its own words of why."""
    explained = _explained(launch, process)
    return explained or StartTimeout(f"{name} was not ready within {seconds:g} s{_said(process)}")


def death(name: str, launch: Launch, process: Process | None, problem: Exception | None, broken: str) -> DockerMcpError:
    """The error of a server that was ready and has ended."""
    if broken:
        return ServerDied(f"{name} was given up: {broken}")
    if (explained := _explained(launch, process)) is not None:
        return explained
    if process is None:
        return ServerDied(f"the connection to {name} broke: {_words(problem, launch)}")
    code = process.own_exit_code
    how = f"ended with exit code {code}" if code is not None else "closed its connection"
    return ServerDied(f"{name} {how}{_said(process)}")


def given_up(name: str, attempts: int, last: DockerMcpError) -> DockerMcpError:
    """The error of a server that was started again too often."""
    if attempts == 0:
        return last
    return type(last)(f"{name} was started again {attempts} times in vain. {last.text}")


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors inside groups of task groups."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves(part)
    else:
        yield error


def _explained(launch: Launch, process: Process | None) -> DockerMcpError | None:
    if process is None or not isinstance(launch, StdioLaunch):
        return None
    return launch.explain(process.tail.lines(), process.own_exit_code)


def _said(process: Process | None) -> str:
    lines = process.tail.lines() if process is not None else []
    return f"; its last words: {lines[-1]}" if lines else ""


def _words(problem: Exception | None, launch: Launch) -> str:
    if problem is None:
        return "it ended the connection"
    first = next(leaves(problem))
    text = first.strerror if isinstance(first, OSError) and first.strerror else str(first)
    return clean(redacted(text, launch.secrets), 200) or type(first).__name__
