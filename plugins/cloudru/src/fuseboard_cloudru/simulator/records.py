"""What the simulated service keeps: registries and operations, with the enums of their fields in protobuf's order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from fuseboard_cloudru.simulator.clock import timestamp


class RegistryType(IntEnum):
    """What a registry holds."""

    DOCKER = 0
    DEBIAN = 1
    RPM = 2
    GENERIC = 3
    PYPI = 4
    NPM = 5


class RegistryMode(IntEnum):
    """Whether a registry stores artifacts of its own, or caches those of another one."""

    REGISTRY_MODE_UNSPECIFIED = 0
    REGISTRY_MODE_LOCAL = 1
    REGISTRY_MODE_REMOTE = 2


class RegistryStatus(IntEnum):
    """How far a registry is."""

    CREATING = 0
    ACTIVE = 1
    ERROR = 2


class QuarantineMode(IntEnum):
    """The lowest severity that sends an image to quarantine."""

    DISABLED = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Tariff(IntEnum):
    """What a registry costs."""

    BASIC = 0
    PREMIUM = 1


@dataclass
class Registry:
    """One registry. Times are seconds since 1970; `retention_policy` and `upstream` are messages as they were sent."""

    id: str
    name: str
    created: float
    updated: float
    registry_type: RegistryType = RegistryType.DOCKER
    registry_mode: RegistryMode = RegistryMode.REGISTRY_MODE_LOCAL
    status: RegistryStatus = RegistryStatus.CREATING
    is_public: bool = False
    quarantine_mode: QuarantineMode = QuarantineMode.DISABLED
    retention_policy_is_enabled: bool = False
    retention_policy: dict[str, Any] | None = None
    tariff: Tariff = Tariff.BASIC
    upstream: dict[str, Any] | None = None
    visible: float = 0.0
    """From when on it is found."""
    active: float | None = None
    """When it becomes ACTIVE, None while nobody knows."""

    def as_message(self) -> dict[str, Any]:
        """The message `Registry` with all of its fields."""
        return {
            "id": self.id,
            "name": self.name,
            "createdAt": timestamp(self.created),
            "updatedAt": timestamp(self.updated),
            "registryType": self.registry_type,
            "registryMode": self.registry_mode,
            "status": self.status,
            "isPublic": self.is_public,
            "quarantineMode": self.quarantine_mode,
            "retentionPolicyIsEnabled": self.retention_policy_is_enabled,
            "retentionPolicy": self.retention_policy,
            "tariff": self.tariff,
            "upstream": self.upstream,
        }


@dataclass
class Operation:
    """One operation. Times are seconds since 1970."""

    id: str
    resource_id: str
    resource_name: str
    description: str
    created: float
    updated: float
    due: float
    """When it is done."""
    visible: float
    """From when on it is found."""
    done: bool = False
    error: dict[str, Any] | None = None
    effect: Callable[[float], None] | None = field(default=None, repr=False)
    """What it does when it is done."""

    def as_message(self) -> dict[str, Any]:
        """The message `Operation` with all of its fields."""
        return {
            "id": self.id,
            "resourceId": self.resource_id,
            "resourceName": self.resource_name,
            "description": self.description,
            "createdAt": timestamp(self.created),
            "updatedAt": timestamp(self.updated),
            "done": self.done,
            "error": self.error,
        }
