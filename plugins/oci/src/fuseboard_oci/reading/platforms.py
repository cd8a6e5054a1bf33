"""Platforms: what an image runs on, as descriptors, configs and people write it. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fuseboard_oci.documents import Descriptor
from fuseboard_oci.errors import InvalidInput
from fuseboard_oci.text import clean

_COMPONENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

USUAL_VARIANTS = {"amd64": "v1", "arm": "v7", "arm64": "v8"}
"""What an architecture means when its variant is left out, as containerd and Docker read it."""


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system, a CPU architecture and perhaps a variant of it."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    def matches(self, wanted: Platform) -> bool:
        """Whether an image for this platform answers to `wanted`, which may leave its variant open."""
        if (self.os, self.architecture) != (wanted.os, wanted.architecture):
            return False
        usual = USUAL_VARIANTS.get(self.architecture, "")
        return not wanted.variant or wanted.variant == (self.variant or usual)


def parse_platform(text: str) -> Platform:
    """Parse `os/architecture[/variant]`, or an architecture alone, which means linux.

    Raises:
        InvalidInput: INVALID_PLATFORM.
    """
    parts = text.split("/", 3)
    if len(parts) > 3 or not all(_COMPONENT.fullmatch(part) for part in parts):
        raise InvalidInput("INVALID_PLATFORM", f"{clean(text, 80)!r} is no platform; write it like linux/arm64")
    return Platform("linux", parts[0]) if len(parts) == 1 else Platform(*parts)


def is_attestation(child: Descriptor) -> bool:
    """Whether an entry of an index is a build attestation, which is no platform."""
    annotations = child.fields.get("annotations")
    if isinstance(annotations, dict) and annotations.get("vnd.docker.reference.type") == "attestation-manifest":
        return True
    platform = child.fields.get("platform")
    return isinstance(platform, dict) and platform.get("os") == platform.get("architecture") == "unknown"


def platform_of(value: object) -> Platform | None:
    """The platform of a descriptor or config; None when a stranger wrote something else there."""
    if not isinstance(value, dict):
        return None
    system, architecture, variant = (_component(value, name) for name in ("os", "architecture", "variant"))
    return Platform(system, architecture, variant) if system and architecture else None


def _component(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) and _COMPONENT.fullmatch(value) else ""


def os_version(fields: dict[str, Any]) -> str | None:
    """The version of the operating system that a Windows image wants, None when it names none."""
    return _component(fields, "os.version") or None
