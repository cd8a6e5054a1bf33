"""The settings of the plugin."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class HelloSettings(BaseSettings):
    """How to greet."""

    model_config = SettingsConfigDict(env_prefix="FUSEBOARD_HELLO_")

    language: str = Field(default="en", description="Language of a greeting that names none, as a two-letter code.")
