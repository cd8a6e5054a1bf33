"""What is known of one plugin when it is graded: what it registered, and how it behaved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fuseboard.supervisor import CHARACTERS_PER_TOKEN

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fuseboard.contributions.health_check import HealthCheck
    from fuseboard.contributions.prompt import Prompt
    from fuseboard.contributions.resource import Resource
    from fuseboard.contributions.tool import Tool
    from fuseboard.discovery import Found
    from fuseboard.grading.finding import Finding
    from fuseboard.ledger import Row
    from fuseboard.settings import FuseSettings


@dataclass(slots=True)
class Subject:
    """One plugin, observed from its import to its stop.

    Attributes:
        found: what its distribution says.
        options: how the host treats it.
        prefix: what stands before its public names.
        row: what the ledger said of it in the end.
        came_up: whether it was served; what follows is empty otherwise.
        tools, prompts, resources, health_checks: what it registered.
        instructions: its paragraph of the server's instructions.
        settings_class: what its hook `settings` returned.
        observed: findings that were made while it ran: refused lists, calls, cancels, a loop that stood still.
        called: public names of the tools that were called.
        stop_seconds: how long its stop took.
    """

    found: Found
    options: FuseSettings
    prefix: str
    row: Row
    came_up: bool = False
    tools: Sequence[Tool] = ()
    prompts: Sequence[Prompt] = ()
    resources: Sequence[Resource] = ()
    health_checks: Sequence[HealthCheck] = ()
    instructions: str = ""
    settings_class: type[BaseModel] | None = None
    observed: list[Finding] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    stop_seconds: float = 0.0

    def figures(self) -> dict[str, Any]:
        """What was measured, for machines."""
        taken = self.row.import_ms
        return {
            "import_ms": None if taken is None else round(taken, 1),
            "stop_ms": round(self.stop_seconds * 1000, 1),
            "tools": len(self.tools),
            "tokens": sum(self.tokens_of(place, tool) for place, tool in self.named_tools()),
            "called": list(self.called),
        }

    def tokens_of(self, place: str, tool: Tool) -> int:
        """What listing a tool costs a model, estimated as in `fuseboard plugins`."""
        form = tool.wire(place.removeprefix("tool "), self.found.name)
        return len(json.dumps(form, ensure_ascii=False)) // CHARACTERS_PER_TOKEN

    def named_tools(self) -> Iterator[tuple[str, Tool]]:
        """Every tool with its place, `tool <public name>`."""
        for tool in self.tools:
            yield f"tool {self.prefix}{tool.name}", tool

    def named(self) -> Iterator[tuple[str, Tool | Prompt]]:
        """Every tool and every prompt with its place."""
        yield from self.named_tools()
        yield from self.named_prompts()

    def named_prompts(self) -> Iterator[tuple[str, Prompt]]:
        """Every prompt with its place."""
        for prompt in self.prompts:
            yield f"prompt {self.prefix}{prompt.name}", prompt


def properties_of(tool: Tool) -> dict[str, dict[str, Any]]:
    """The schema of each argument of a tool."""
    properties = tool.input_schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    return {str(name): schema if isinstance(schema, dict) else {} for name, schema in known.items()}
