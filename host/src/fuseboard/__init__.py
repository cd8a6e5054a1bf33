"""fuseboard: a minimal MCP host. Plugins are found by entry points and served, each behind its own fuse, as one server.

These are the names that a plugin author imports. `Tool`, `Prompt` and `Resource` (for `Board.replace`), `JsonSchema`
(for schemas of proxied servers) and the registrars (for annotations) are imported on first use, because of what they
bring with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fuseboard.board import Board
from fuseboard.caller import Caller
from fuseboard.context import Context
from fuseboard.errors import BackendError, RegistrationError, ToolError
from fuseboard.health import HealthReport
from fuseboard.hookspecs import hookimpl
from fuseboard.middleware import Call, CallMiddleware, CallNext

if TYPE_CHECKING:
    from fuseboard.contributions.prompt import Prompt
    from fuseboard.contributions.registrars import HealthRegistrar, PromptRegistrar, ResourceRegistrar, ToolRegistrar
    from fuseboard.contributions.resource import Resource
    from fuseboard.contributions.tool import Tool
    from fuseboard.json_schema import JsonSchema

__all__ = [
    "BackendError",
    "Board",
    "Call",
    "CallMiddleware",
    "CallNext",
    "Caller",
    "Context",
    "HealthRegistrar",
    "HealthReport",
    "JsonSchema",
    "Prompt",
    "PromptRegistrar",
    "RegistrationError",
    "Resource",
    "ResourceRegistrar",
    "Tool",
    "ToolError",
    "ToolRegistrar",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        if name == "JsonSchema":
            module = "json_schema"
        else:
            module = f"contributions.{'registrars' if name.endswith('Registrar') else name.lower()}"
        return getattr(import_module(f"fuseboard.{module}"), name)
    raise AttributeError(f"module 'fuseboard' has no attribute {name!r}")
