"""A registry that misbehaves, and the internal service that it tries to lead its clients to."""

from __future__ import annotations

from fuseboard_oci.testing.hostile.registry import BEHAVIOURS, HostileRegistry, Sink

__all__ = ["BEHAVIOURS", "HostileRegistry", "Sink"]
