"""The settings of the plugin."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DockerMcpSettings(BaseSettings):
    """How to reach Docker."""

    model_config = SettingsConfigDict(env_prefix="FUSEBOARD_DOCKER_MCP_", env_ignore_empty=True)

    docker: str = Field(default="docker", min_length=1, description="Name or path of the Docker command line.")
