"""The tables of the plugin's two READMEs, written from the settings class and from the table of routes.

`python -m tests.plugins.cloudru.readme_tables` puts them in; `test_readme.py` says when that is due.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.routes import ROUTES
from tests.plugins.cloudru.readme_russian import CERTAINTY, DESCRIPTIONS

FOLDER = Path(__file__).parents[3] / "plugins" / "cloudru"
FILES = ("README.md", "README.ru.md")


def settings_table(file: str) -> str:
    """Each setting with its variable, its default and its description."""
    russian = file == "README.ru.md"
    columns = (
        ("настройка", "в окружении", "по умолчанию", "что это")
        if russian
        else ("setting", "in the environment", "default", "meaning")
    )
    none = "нет" if russian else "none"
    rows = []
    for name, variable, default, description in _fields(CloudruSettings):
        shown = none if default in (None, "", {}) else f"`{_plain(default)}`"
        rows.append(
            (f"`{name}`", f"`{variable}`", shown, DESCRIPTIONS[description] if russian else _sentence(description))
        )
    return _table(columns, rows)


def routes_table(file: str) -> str:
    """Each thing that is asked of the service, and how sure its route is."""
    russian = file == "README.ru.md"
    columns = ("что", "запрос", "насколько точно") if russian else ("what", "request", "certainty")
    rows = []
    for name, routes in ROUTES.items():
        for number, route in enumerate(routes):
            certainty = CERTAINTY[route.certainty] if russian else route.certainty
            rows.append((f"`{name}`" if not number else "", f"`{route.verb} {route.path}`", certainty))
    return _table(columns, rows)


TABLES = {"settings": settings_table, "routes": routes_table}


def _fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, Any, str]]:
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _fields(info.annotation, (*path, name))
            continue
        parts = (*path, name)
        variable = "CLOUD_RU_" + "__".join(part.upper() for part in parts)
        yield ".".join(parts), variable, info.get_default(call_default_factory=True), info.description or ""


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _sentence(text: str) -> str:
    return text.removesuffix(".").replace("|", "\\|")


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def written(file: str) -> str:
    """The text of a README with current tables."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = text.split(begin)
        text = before + begin + make(file) + end + rest.split(end)[1]
    return text


if __name__ == "__main__":
    for file in FILES:
        (FOLDER / file).write_text(written(file), encoding="utf-8")
