"""The tools about registries themselves."""

from __future__ import annotations


async def ping() -> str:
    """Check that the OCI tools answer. Returns "pong" and asks no registry."""
    return "pong"
