"""The errors of the Docker MCP plugin.

fuseboard.ToolError
└── DockerMcpError               base: a `code` in front of a text for the model
    ├── InvalidInput             the question could not be asked; nothing was done
    ├── UnknownServer            no source knows a server of this name; the text names similar ones
    ├── NotInstalled             the catalogue knows it, but the operator has not installed it
    ├── NotActive                the server is not started; start_servers starts it
    ├── UnknownTool              no active server has a tool of this name; the text names similar ones
    ├── AmbiguousTool            several active servers have it; the text names the candidates
    ├── NameCollision            two tools or two servers would have one name
    ├── InvalidArguments         the arguments do not fit the tool's schema; nothing was sent
    ├── WrongConfiguration       values do not fit the server's configuration schema, or one is missing
    ├── MissingSecret            the server needs a secret that is not stored
    ├── SecretStoreFailed        the keyring or the file of secrets cannot be used
    ├── ConfigStoreFailed        the plugin's own file of configurations cannot be used
    ├── PoolFull                 as many servers run as `connection_pool_size` allows
    ├── ToolFailed               the server answered a call with a JSON-RPC error
    ├── NoDocker                 the Docker command line is not there
    ├── NoToolkit                Docker is there, its MCP plugin is not
    ├── NoEngine                 no Docker engine answers
    ├── CommandFailed            a `docker` command ended with an error of its own
    ├── UnknownOutput            a `docker` command printed something that is none of its known forms
    ├── ImageMissing             the image is not there and cannot be pulled
    ├── NotAllowed               the operator's settings or the safety rules forbid it: a bind mount, an address
    ├── CannotStart              the server's process or container ended or never became ready; the text has its reason
    ├── StartTimeout             it was not ready in time
    ├── CallTimeout              a call did not end in time; the server may still be at work
    └── ServerDied               the connection broke in the middle of a call, which may have had its effect
"""

from __future__ import annotations

from typing import ClassVar

from fuseboard import ToolError


class DockerMcpError(ToolError):
    """Base of everything this plugin raises on purpose. Its text begins with `code`, which scripts may rely on.

    None of them is a `BackendError`: one server that fails must not blow the fuse that all servers share.

    Args:
        text: one or two sentences for the model: what was wrong, where, what to do. Never a secret.
    """

    code: ClassVar[str] = "ERROR"

    def __init__(self, text: str) -> None:
        super().__init__(f"{self.code}: {text}")
        self.text = text


class InvalidInput(DockerMcpError):
    """The question could not be asked; nothing was done."""

    code = "INVALID_INPUT"


class UnknownServer(DockerMcpError):
    """No source knows a server of this name."""

    code = "UNKNOWN_SERVER"


class NotInstalled(DockerMcpError):
    """The catalogue knows the server, but the operator has not installed it."""

    code = "NOT_INSTALLED"


class NotActive(DockerMcpError):
    """The server is not started."""

    code = "NOT_ACTIVE"


class UnknownTool(DockerMcpError):
    """No active server has a tool of this name."""

    code = "UNKNOWN_TOOL"


class AmbiguousTool(DockerMcpError):
    """Several active servers have a tool of this name."""

    code = "AMBIGUOUS_TOOL"


class NameCollision(DockerMcpError):
    """Two tools or two servers would have one name."""

    code = "NAME_COLLISION"


class InvalidArguments(DockerMcpError):
    """The arguments do not fit the tool's schema; nothing was sent."""

    code = "INVALID_ARGUMENTS"


class WrongConfiguration(DockerMcpError):
    """Values do not fit the server's configuration schema, or one that it requires is missing."""

    code = "WRONG_CONFIGURATION"


class MissingSecret(DockerMcpError):
    """The server needs a secret that is not stored."""

    code = "MISSING_SECRET"


class SecretStoreFailed(DockerMcpError):
    """The keyring or the file of secrets cannot be used."""

    code = "SECRET_STORE_FAILED"


class ConfigStoreFailed(DockerMcpError):
    """The plugin's own file of configurations cannot be used."""

    code = "CONFIG_STORE_FAILED"


class PoolFull(DockerMcpError):
    """As many servers run as `connection_pool_size` allows."""

    code = "POOL_FULL"


class ToolFailed(DockerMcpError):
    """The server answered a call with a JSON-RPC error."""

    code = "TOOL_FAILED"


class NoDocker(DockerMcpError):
    """The Docker command line is not there."""

    code = "NO_DOCKER"


class NoToolkit(DockerMcpError):
    """Docker is there, its MCP plugin is not."""

    code = "NO_TOOLKIT"


class NoEngine(DockerMcpError):
    """No Docker engine answers."""

    code = "NO_ENGINE"


class CommandFailed(DockerMcpError):
    """A `docker` command ended with an error of its own."""

    code = "COMMAND_FAILED"


class UnknownOutput(DockerMcpError):
    """A `docker` command printed something that is none of its known forms."""

    code = "UNKNOWN_OUTPUT"


class ImageMissing(DockerMcpError):
    """The image is not there and cannot be pulled."""

    code = "IMAGE_MISSING"


class NotAllowed(DockerMcpError):
    """The operator's settings or the safety rules forbid it."""

    code = "NOT_ALLOWED"


class CannotStart(DockerMcpError):
    """The server's process or container ended or never became ready; the text has its reason."""

    code = "CANNOT_START"


class StartTimeout(DockerMcpError):
    """The server was not ready in time."""

    code = "START_TIMEOUT"


class CallTimeout(DockerMcpError):
    """A call did not end in time; the server may still be at work on it."""

    code = "CALL_TIMEOUT"


class ServerDied(DockerMcpError):
    """The connection broke in the middle of a call, which may have had its effect."""

    code = "SERVER_DIED"
