"""A text, an image, a template and a resource to watch."""

from __future__ import annotations

from typing import Any

from fuseboard_conformance.samples import PNG


def register_resources(register: Any) -> None:
    """Register the resources of this module."""
    register("test://static-text", static_text, mime_type="text/plain")
    register("test://static-binary", static_binary, mime_type="image/png")
    register("test://template/{id}/data", template_data, mime_type="application/json")
    register("test://watched-resource", watched_resource, mime_type="text/plain")


def static_text() -> str:
    """A text that never changes."""
    return "This is the content of the static text resource."


def static_binary() -> bytes:
    """An image that never changes."""
    return PNG


def template_data(id: str) -> dict[str, Any]:
    """The data of one id."""
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


def watched_resource() -> str:
    """A text to subscribe to."""
    return "Watched resource content"
