"""A manifest as it is: the JSON itself, cleaned, or an outline of its keys when it is too large for a reader."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, Field

from fuseboard_oci.documents import Manifest
from fuseboard_oci.reading.chosen import chosen_digest
from fuseboard_oci.reading.details import NOTICE
from fuseboard_oci.reading.platforms import Platform
from fuseboard_oci.reading.result import Maybe, Texts
from fuseboard_oci.reference import Image
from fuseboard_oci.registry import Registry
from fuseboard_oci.text import clean

MOST_BYTES = 262_144
"""Cleaning more would hold up the plugin for longer than others should wait (0.2 s, measured)."""

_MAX_DEPTH = 16
_MAX_KEY = 256
_MAX_LINES = 64
_MAX_INNER_KEYS = 16
_CUT = "…"
# Beyond this, readers of JSON that know only floating point numbers would read another number.
_MAX_INTEGER = 2**53


class RawManifest(BaseModel):
    """A manifest or index as the registry holds it."""

    digest: str
    media_type: str
    size: int = Field(description="bytes of the raw manifest; digest and size are of these, not of the cleaned text")
    manifest: Maybe[dict[str, Any]] = Field(
        default=None, description="the JSON; control characters are removed, texts over 512 characters end in …"
    )
    truncated: Annotated[bool, Field(exclude_if=lambda value: not value)] = False
    outline: Texts = Field(default_factory=dict, description="instead of manifest: what each key holds")
    notice: str = NOTICE


async def raw_manifest(registry: Registry, image: Image, wanted: Platform | None, max_bytes: int) -> RawManifest:
    """Read the manifest of `image`, or of its platform `wanted`.

    Args:
        registry: whom to ask.
        image: what to read.
        wanted: the platform, None for what the reference itself points to.
        max_bytes: size of the cleaned manifest, as compact JSON in UTF-8, above which only an outline is given.

    Raises:
        NotFound: MANIFEST_UNKNOWN, NAME_UNKNOWN, PLATFORM_UNKNOWN.
        OciError: whatever `Registry.manifest` raises.
    """
    manifest = await registry.manifest(image)
    if wanted is not None:
        manifest = await registry.manifest(image, await chosen_digest(registry, image, manifest, wanted))
    return shown(manifest, max_bytes)


def shown(manifest: Manifest, max_bytes: int) -> RawManifest:
    """The manifest as a result: whole when its cleaned JSON has at most `max_bytes` bytes, else an outline."""
    result = RawManifest(digest=manifest.digest, media_type=clean(manifest.media_type, 128), size=manifest.size)
    try:
        result.manifest = _Cleaner(max_bytes).clean_object(manifest.fields)
    except _TooLargeError:
        result.truncated = True
        result.outline = outline(manifest.fields)
    return result


def outline(fields: dict[str, Any]) -> dict[str, str]:
    """Say what each key of a document holds, and the keys one level below; at most 64 lines."""
    lines: dict[str, str] = {}
    for key, value in fields.items():
        if len(lines) >= _MAX_LINES:
            lines[_CUT] = f"{len(fields)} keys in all"
            return lines
        lines[clean(key, _MAX_KEY)] = _kind_of(value)
    for key, value in fields.items():
        name, inner = clean(key, _MAX_KEY), value
        if isinstance(value, list) and value:
            name, inner = f"{name}[0]", value[0]
        if isinstance(inner, dict):
            _add_inner(lines, name, inner)
    return lines


def _add_inner(lines: dict[str, str], name: str, fields: dict[str, Any]) -> None:
    for number, (key, value) in enumerate(fields.items()):
        if len(lines) >= _MAX_LINES:
            return
        if number == _MAX_INNER_KEYS:
            lines[f"{name}.{_CUT}"] = f"{len(fields)} keys in all"
            return
        lines[f"{name}.{clean(key, _MAX_KEY)}"] = _kind_of(value)


def _kind_of(value: object) -> str:
    match value:
        case dict():
            return f"object of {len(value)} keys"
        case list():
            return f"list of {len(value)}"
        case str():
            return f"text of {len(value)} characters"
        case bool() | None:
            return json.dumps(value)
        case _:
            return "number"


class _TooLargeError(Exception):
    """The cleaned document would be larger than its reader wants."""


class _Cleaner:
    """Copies an untyped document, cleaned, and counts its bytes as compact JSON on the way.

    It stops at the limit, so that a hostile document of megabytes costs no more than a small one.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit

    def clean_object(self, fields: dict[str, Any], depth: int = 0) -> dict[str, Any]:
        """The cleaned copy of an object; of keys that become equal the first stays.

        Raises:
            _TooLargeError: it has more bytes than the limit.
        """
        self._brackets(len(fields))
        cleaned: dict[str, Any] = {}
        for key, value in fields.items():
            name = self._text(key, _MAX_KEY)
            self._take(1)
            cleaned.setdefault(name, self._value(value, depth + 1))
        return cleaned

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict | list) and depth >= _MAX_DEPTH:
            return self._text(_CUT)
        if isinstance(value, dict):
            return self.clean_object(value, depth)
        if isinstance(value, list):
            self._brackets(len(value))
            return [self._value(item, depth + 1) for item in value]
        return self._plain(value)

    def _plain(self, value: float | bool | None) -> float | bool | str | None:
        """A number, a truth value or null. Strict JSON has no infinity, which `1e999` is parsed to."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            too_large = abs(value) > _MAX_INTEGER if isinstance(value, int) else not math.isfinite(value)
            if too_large:
                return self._text(str(value), 64)
        self._take(len(json.dumps(value)))
        return value

    def _text(self, text: str, limit: int = 512) -> str:
        cleaned = clean(text, limit)
        self._take(len(json.dumps(cleaned, ensure_ascii=False).encode()))
        return cleaned

    def _brackets(self, entries: int) -> None:
        """Count the brackets and commas around this many entries."""
        self._take(2 + max(entries - 1, 0))

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _TooLargeError
