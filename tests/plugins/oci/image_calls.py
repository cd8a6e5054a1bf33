"""`get_config` and `compare_images` as a client of the host calls them: by arguments, answered in JSON."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from fuseboard import Tool
from fuseboard_oci import tools
from fuseboard_oci.testing import InMemoryRegistry, Repository
from tests.plugins.oci.helpers import Oci, asking

_GET_CONFIG = Tool.of(tools.get_config)
_COMPARE_IMAGES = Tool.of(tools.compare_images)


async def get_config(oci: Oci, repository: str, reference: str | None = "1.0", **arguments: Any) -> dict[str, Any]:
    """The answer of `get_config`; it fits the schema that the tool promises."""
    return await _answer(_GET_CONFIG, oci, {"repository": repository, "reference": reference, **arguments})


async def config_of(config: dict[str, Any] | bytes, **arguments: Any) -> dict[str, Any]:
    """The answer about an image with this config: the whole document as bytes, or only its inner settings."""
    raw = config if isinstance(config, bytes) else None
    repository = Repository("an/image")
    settings = None if isinstance(config, bytes) else config
    repository.tag(repository.image(layers=[], config=settings, raw_config=raw), "1.0")
    with InMemoryRegistry() as registry:
        registry.seed([repository])
        async with asking(registry) as oci:
            return await get_config(oci, "an/image", **arguments)


async def compare(
    oci: Oci, repository: str, a: str | None = None, b: str | None = None, **arguments: Any
) -> dict[str, Any]:
    """The answer of `compare_images`; it fits the schema that the tool promises."""
    given = {"repository": repository, "reference_a": a, "reference_b": b, **arguments}
    return await _answer(_COMPARE_IMAGES, oci, given)


async def _answer(tool: Tool, oci: Oci, arguments: dict[str, Any]) -> dict[str, Any]:
    given = {"registry": oci.registry, **arguments}
    wanted = {name: value for name, value in given.items() if value is not None}
    result = await tool.invoke(oci.context, wanted, tool.name)
    assert tool.output_schema is not None
    jsonschema.validate(result["structuredContent"], tool.output_schema)
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    return dict(result["structuredContent"])
