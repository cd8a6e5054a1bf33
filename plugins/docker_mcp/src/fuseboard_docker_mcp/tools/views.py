"""Sessions, servers and errors as the results show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from fuseboard import Context
from fuseboard_docker_mcp.errors import DockerMcpError
from fuseboard_docker_mcp.orchestrator import Orchestrator
from fuseboard_docker_mcp.text import clean
from fuseboard_docker_mcp.tools.results import (
    ActiveServer,
    Failure,
    Problem,
    PromptArgument,
    PromptLine,
    ToolDetails,
    ToolLine,
)
from fuseboard_docker_mcp.words import first_line, paragraphs, utc

if TYPE_CHECKING:
    import mcp_types

    from fuseboard_docker_mcp.models import Server, ToolSpec
    from fuseboard_docker_mcp.sessions import Session

LONGEST_NAME = 256
LONGEST_REASON = 600
LONGEST_DESCRIPTION = 4000

Ctx = Context[Orchestrator]


def _name(text: str) -> str:
    """Bounds a name without a word in the schema, which every request would pay for."""
    if not 0 < len(text) <= LONGEST_NAME:
        raise ValueError(f"must have 1 to {LONGEST_NAME} characters")
    return text


Name = Annotated[str, AfterValidator(_name)]
ServerName = Annotated[Name, Field(description="such as github")]


def failure_of(server: str, error: DockerMcpError) -> Failure:
    """Why a server could not be started."""
    return Failure(server=clean(server, LONGEST_NAME), code=error.code, reason=clean(error.text, LONGEST_REASON))


def problems_of(errors: Sequence[DockerMcpError]) -> list[Problem]:
    """The sources that could not be read."""
    return [Problem(code=error.code, reason=clean(error.text, LONGEST_REASON)) for error in errors]


def state_of(state: Orchestrator, name: str) -> str:
    """The state of a server that may not have been started."""
    session = state.session(name)
    return session.state if session is not None else "stopped"


def notes_of(state: Orchestrator, session: Session) -> list[str]:
    """What was left out of a server's tools and prompts."""
    return [*(clean(sentence) for sentence in session.left_out), *state.proxy.notes(session.name)]


def tool_lines(tools: Sequence[mcp_types.Tool]) -> list[ToolLine]:
    """Tools in one line each."""
    return [ToolLine(name=tool.name, about=first_line(tool.description or tool.title)) for tool in tools]


def prompt_lines(prompts: Sequence[mcp_types.Prompt]) -> list[PromptLine]:
    """Prompts with their arguments."""
    return [
        PromptLine(
            name=prompt.name,
            description=first_line(prompt.description, 300),
            arguments=[
                PromptArgument(
                    name=argument.name,
                    description=first_line(argument.description, 300),
                    required=bool(argument.required),
                )
                for argument in prompt.arguments or []
            ],
        )
        for prompt in prompts
    ]


def active_server(state: Orchestrator, session: Session) -> ActiveServer:
    """A started server as it is now."""
    said = session.server_info or {}
    last = state.last_calls.get(session.name)
    return ActiveServer(
        server=session.name,
        state=session.state,
        reason=clean(str(session.reason), LONGEST_REASON) if session.reason is not None else "",
        since=utc(session.since),
        restarts=session.restarts,
        tools=len(session.tools),
        prompts=len(session.prompts),
        prefix=state.proxy.prefix(session.name),
        protocol=session.protocol_version or "",
        version=clean(f"{said.get('name', '')} {said.get('version', '')}".strip(), 120),
        last_call=f"{last.tool}: {last.outcome} after {last.seconds:.3g} s, {utc(last.at)}" if last else "",
        notes=notes_of(state, session),
    )


def tool_details(tool: mcp_types.Tool) -> ToolDetails:
    """A tool of a running server."""
    hints = tool.annotations
    return ToolDetails(
        name=tool.name,
        title=clean(tool.title, 120) if tool.title else "",
        description=paragraphs(tool.description or "", LONGEST_DESCRIPTION),
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=hints.model_dump(by_alias=True, exclude_none=True) if hints is not None else None,
    )


def described_tool(tool: ToolSpec) -> ToolDetails:
    """A tool as a catalogue describes it."""
    return ToolDetails(
        name=tool.name,
        description=paragraphs(tool.description, LONGEST_DESCRIPTION),
        input_schema=dict(tool.input_schema),
        annotations=dict(tool.annotations) or None,
    )


def is_configurable(server: Server) -> bool:
    """Whether the server has a schema that configuration is checked against."""
    return any(schema.get("properties") for schema in server.config_schemas)


def config_schemas_of(server: Server) -> list[dict[str, Any]]:
    """The schemas of a server's configuration."""
    return [dict(schema) for schema in server.config_schemas]
