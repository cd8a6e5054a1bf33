"""Cloud.ru Artifact Registry. This release reads its settings and says so; the tools come with a later one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fuseboard import hookimpl
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.health import credentials

if TYPE_CHECKING:
    from fuseboard import HealthRegistrar


@hookimpl
def settings() -> type[CloudruSettings]:
    """Read `CLOUD_RU_KEY_ID`, `CLOUD_RU_SECRET` and `CLOUD_RU_PROJECT_ID`."""
    return CloudruSettings


@hookimpl
def register_health_checks(register: HealthRegistrar) -> None:
    """Say whether the credentials are complete."""
    register(credentials)


@hookimpl
@asynccontextmanager
async def lifespan(settings: CloudruSettings) -> AsyncIterator[CloudruSettings]:
    """Give the settings to the health check."""
    yield settings
