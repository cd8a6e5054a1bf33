"""The tables of the plugin's README, written from the settings, the tools and the errors.

`python -m tests.plugins.docker_mcp.readme_tables` puts them in; `test_readme.py` says when that is due.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import fuseboard_docker_mcp
from fuseboard_docker_mcp import errors
from fuseboard_docker_mcp.config import DockerMcpSettings, ServerSettings

README = Path(__file__).parents[3] / "plugins" / "docker_mcp" / "README.md"
HERE = "a folder of the user's data"
"""The default of `state_folder` is another path for each user."""


def settings_table() -> str:
    """Each setting with its variable, its default and its description."""
    rows = [
        (f"`{name}`", f"`{variable}`", _shown(name, default), _sentence(description))
        for name, variable, default, description in fields(DockerMcpSettings)
    ]
    return _table(("setting", "in the environment", "default", "meaning"), rows)


def server_table() -> str:
    """Each setting of one server."""
    rows = [
        (f"`{name}`", _shown(name, info.get_default(call_default_factory=True)), _sentence(info.description or ""))
        for name, info in ServerSettings.model_fields.items()
    ]
    return _table(("setting", "default", "meaning"), rows)


def tools_table() -> str:
    """Each tool, in the order of the list, with its arguments and the first sentence that a model reads of it."""
    rows = []

    def register(function: Callable[..., Any], **options: Any) -> None:
        arguments = [argument for argument in inspect.signature(function).parameters if argument != "ctx"]
        first = (inspect.getdoc(function) or "").splitlines()[0]
        shown = ", ".join(f"`{argument}`" for argument in arguments)
        rows.append((f"`docker_mcp_{function.__name__}`", shown, _sentence(first)))

    fuseboard_docker_mcp.register_tools(register, DockerMcpSettings())  # type: ignore[arg-type]
    return _table(("tool", "arguments", "does"), rows)


def errors_table() -> str:
    """Each error with its code, in the order of `errors.py`."""
    found = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.DockerMcpError) and kind is not errors.DockerMcpError
    ]
    rows = [(f"`{kind.code}`", _sentence((inspect.getdoc(kind) or "").splitlines()[0])) for kind in found]
    return _table(("code", "when"), rows)


TABLES = {"settings": settings_table, "server": server_table, "tools": tools_table, "errors": errors_table}


def fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, Any, str]]:
    """Each setting: its name with those of its sections, its variable, its default, its description."""
    for name, info in model.model_fields.items():
        parts = (*path, name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields(info.annotation, parts)
            continue
        variable = "FUSEBOARD_DOCKER_MCP_" + "__".join(part.upper() for part in parts)
        yield ".".join(parts), variable, info.get_default(call_default_factory=True), info.description or ""


def _shown(name: str, default: object) -> str:
    if name == "state_folder":
        return HERE
    if default in (None, "", {}, []) or default is PydanticUndefined:
        return "none"
    return f"`{default if isinstance(default, str) else json.dumps(default, default=str)}`"


def _sentence(text: str) -> str:
    return text.strip().removesuffix(".").replace("|", "\\|").replace("<", "&lt;")


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def written() -> str:
    """The text of the README with current tables."""
    text = README.read_text(encoding="utf-8")
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = text.split(begin)
        text = before + begin + make() + end + rest.split(end)[1]
    return text


if __name__ == "__main__":
    README.write_text(written(), encoding="utf-8")
