"""Plugins whose settings are wrong, missing or optional."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fuseboard import Context, hookimpl
from fuseboard_faulty.journal import AMPLE, fine

if TYPE_CHECKING:
    from fuseboard import HealthRegistrar, ToolRegistrar


class Needs(BaseSettings):
    """A port, and a token that has to be a text."""

    model_config = SettingsConfigDict(env_prefix="FAULTY_NEEDS_")

    port: int
    token: SecretStr


class Careless(BaseSettings):
    """Its validator repeats the secret in its error."""

    model_config = SettingsConfigDict(env_prefix="FAULTY_CARELESS_")

    token: str = ""

    @field_validator("token")
    @classmethod
    def _refuse(cls, value: str) -> str:
        raise ValueError(f"the token {value} is refused")


class Exiting(BaseSettings):
    """Its validator wants to end the process."""

    model_config = SettingsConfigDict(env_prefix="FAULTY_EXITING_")

    port: int = 1

    @field_validator("port")
    @classmethod
    def _exit(cls, value: int) -> int:
        sys.exit(5)


class Optional(BaseSettings):
    """Works without the key, in part."""

    model_config = SettingsConfigDict(env_prefix="FAULTY_OPTIONAL_")

    key: SecretStr | None = None


class Configured:
    """A plugin with a tool and settings of this class."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    @hookimpl
    def settings(self) -> Any:
        return self._kind

    @hookimpl
    def register_tools(self, register: ToolRegistrar) -> None:
        register(fine)


class PartlyConfigured(Configured):
    """Tells by its health check that the optional part is missing."""

    @hookimpl
    def register_health_checks(self, register: HealthRegistrar, settings: Optional) -> None:
        async def has_key(ctx: Context[None]) -> str | None:
            return None if settings.key else "no key: set FAULTY_OPTIONAL_KEY to use the second half"

        register(has_key, timeout=AMPLE)


wrong = Configured(Needs)
missing = Configured(Needs)
careless = Configured(Careless)
exiting = Configured(Exiting)
no_class = Configured(42)
optional = PartlyConfigured(Optional)
