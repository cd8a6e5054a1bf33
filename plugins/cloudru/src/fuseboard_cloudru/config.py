"""The settings of the plugin."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class CloudruSettings(BaseSettings):
    """How to reach one project at Cloud.ru. All three belong together; without any of them the plugin stays idle."""

    model_config = SettingsConfigDict(env_prefix="CLOUD_RU_", env_ignore_empty=True, hide_input_in_errors=True)

    key_id: str | None = Field(default=None, description="Id of the access key.")
    secret: SecretStr | None = Field(default=None, description="The access key's secret.")
    project_id: UUID | None = Field(default=None, description="UUID of the project whose registries are served.")

    def missing(self) -> list[str]:
        """The names of the environment variables that are not set."""
        prefix = str(self.model_config.get("env_prefix", ""))
        return [f"{prefix}{name.upper()}" for name in type(self).model_fields if getattr(self, name) is None]
