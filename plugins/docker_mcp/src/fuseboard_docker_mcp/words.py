"""Longer texts of servers on their way to a model: several lines, each of them cleaned."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from fuseboard_docker_mcp.text import clean


def paragraphs(text: str, limit: int) -> str:
    """A text of several lines, cleaned line by line and cut to `limit` characters."""
    lines = [clean(line, limit) for line in text[: limit * 4].splitlines()]
    whole = "\n".join(lines).strip()
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


def first_line(text: str | None, limit: int = 120) -> str:
    """The first line that says something, cleaned and cut: what a list shows."""
    for line in (text or "")[: limit * 20].splitlines():
        if cleaned := clean(line, limit):
            return cleaned
    return ""


def utc(seconds: float) -> str:
    """A point in time, such as 2026-01-31T12:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bare_url(url: str) -> str:
    """An address without what may be secret in it: the login and the query."""
    try:
        parts = urlsplit(url)
        place = parts.hostname or ""
        if ":" in place:
            place = f"[{place}]"
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{place}{port}{parts.path}" if place else ""
