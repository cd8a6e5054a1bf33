"""Names of secrets, and the answers of `docker mcp secret`."""

from __future__ import annotations

import re
from typing import Any

from fuseboard_docker_mcp.errors import UnknownOutput

SECRET_NAME = re.compile(r"(?!-)[A-Za-z0-9._:-]{1,200}(?:/[A-Za-z0-9._:-]{1,200}){0,10}")
"""The toolkit's own rule, without names that begin with `-`: `secret rm --all` would remove every secret."""


def read_secret_names(answer: Any) -> list[str]:
    """The names of `secret ls --json`; without those that no command takes. Raises `UnknownOutput`."""
    if answer is None:
        return []
    if not isinstance(answer, list):
        raise UnknownOutput("`docker mcp secret ls` printed no list")
    names = []
    for item in answer:
        if not isinstance(item, dict) or not isinstance(name := item.get("name"), str):
            raise UnknownOutput("`docker mcp secret ls` listed something without a name")
        if SECRET_NAME.fullmatch(name):
            names.append(name)
    return names
