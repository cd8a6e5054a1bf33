"""The settings of the plugin: the section `plugins: {docker_mcp: {...}}` of the file, or `FUSEBOARD_DOCKER_MCP_*`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from platformdirs import user_data_path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fuseboard_docker_mcp.models import Protocol

SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""What a server may be called: the name becomes a file's name and part of public names."""
SECRET_NAME = re.compile(r"[A-Za-z0-9._:-]+(?:/[A-Za-z0-9._:-]+)*")
"""What a secret may be called. `docker mcp secret` and the gateway accept it as well, so each can be mirrored."""
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_URL = re.compile(r"https?://[^\s/?#@]+(?:[/?][^\s#]*)?")

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


def _server_name(name: str) -> str:
    if not SERVER_NAME.fullmatch(name):
        raise ValueError("must begin with a letter or digit, and hold letters, digits, '.', '_' and '-', at most 63")
    return name


ServerName = Annotated[str, AfterValidator(_server_name)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class CacheSettings(_Section):
    """How long what was read is believed. Seconds."""

    servers_ttl: float = Field(default=300, ge=0, description="seconds that lists of servers are kept; 0: not at all")
    tools_ttl: float = Field(default=600, ge=0, description="seconds that a stopped server's tools are kept")


class DockerSettings(_Section):
    """The Docker command line."""

    catalog: str = Field(
        default="docker-mcp",
        description="Catalogue that is looked at first; every other one that the toolkit knows is listed as well.",
    )
    command_timeout: Seconds = Field(default=30, description="seconds for one `docker` command")
    profile: ServerName = Field(
        default="fuseboard", description="Profile that configuration is written to for servers that are in no profile."
    )
    catalog_files: list[Path] = Field(
        default_factory=list,
        description="Catalogue files of the operator's own, YAML or JSON; all their servers are installed, and reached "
        "without the toolkit.",
    )
    allow_catalog_servers: bool = Field(
        default=False, description="Whether servers that are in a catalogue and not installed may be started."
    )
    pull: bool = Field(default=False, description="Whether missing images are pulled when a server starts.")
    pull_timeout: Seconds = Field(default=300, description="seconds for one pull")
    bind_mounts: list[Path] = Field(
        default_factory=list, description="Folders below which containers may mount files of this machine, read-only."
    )
    writable_mounts: list[Path] = Field(
        default_factory=list, description="Exact folders that containers may mount writable."
    )
    cpus: Annotated[float, Field(gt=0)] = Field(default=1, description="processors of one container")
    memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*[kmgKMG]b?$")] = Field(
        default="2Gb", description="memory of one container"
    )


class ProxySettings(_Section):
    """The sessions with started servers."""

    connection_pool_size: Count = Field(default=10, description="servers that run at once")
    connection_timeout: Seconds = Field(default=30, description="seconds until a started server must be ready")
    reconnect_attempts: int = Field(
        default=3, ge=0, description="how often a server that died is started again before it is given up"
    )
    reconnect_delay: float = Field(
        default=0.2, ge=0, description="seconds before the first of them, then twice as long"
    )
    call_timeout: Seconds = Field(default=55, description="seconds for one call")
    ask_timeout: Seconds = Field(default=300, description="seconds that a call waits for the user's answer")
    message_bytes: Annotated[int, Field(ge=2**16)] = Field(
        default=64 * 2**20, description="bytes of one message of a server; a longer one ends its session"
    )


class ServerSettings(_Section):
    """A server without a catalogue: a command on this machine, or an address."""

    command: str = Field(default="", description="program that speaks MCP on its standard streams")
    args: list[str] = Field(default_factory=list, description="its arguments; never a secret")
    env: dict[str, str] = Field(default_factory=dict, description="environment variables; secrets belong to `secrets`")
    cwd: Path | None = Field(default=None, description="its working directory")
    url: str = Field(default="", description="address of its endpoint, instead of a command")
    transport: Literal["streamable-http", "sse"] = Field(
        default="streamable-http", description="how `url` is spoken to"
    )
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="of every request; ${NAME} stands for a secret of `secrets`"
    )
    secrets: dict[str, str] = Field(
        default_factory=dict,
        description="variable (for headers: the NAME of ${NAME}) and the name of the stored secret that it gets",
    )
    config_schema: dict[str, Any] | None = Field(
        default=None, description="JSON Schema of its configuration; {{key}} in args, env and url stands for a value"
    )
    title: str = Field(default="", description="for people")
    description: str = Field(default="", description="what it does, for the model")
    protocol: Protocol = Field(default="auto", description="protocol era to open: auto, legacy or 2026-07-28")
    first_class: bool | None = Field(default=None, description="instead of the plugin's own `first_class`")
    autostart: bool = Field(default=False, description="whether it starts with the host")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("needs either command or url")
        if self.url and (self.args or self.env or self.cwd is not None):
            raise ValueError("args, env and cwd belong to a command, not to a url")
        if self.command and self.headers:
            raise ValueError("headers belong to a url, not to a command")
        if self.url and not _URL.fullmatch(self.url):
            raise ValueError("url must be http(s)://host/path without a login in it")
        for name in (*self.env, *self.secrets):
            if not ENVIRONMENT_NAME.fullmatch(name):
                raise ValueError(f"{name[:40]!r} is no name of an environment variable")
        return self

    @field_validator("config_schema")
    @classmethod
    def _schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            # Imported at the moment of use: few settings have a schema, and every start would pay for it.
            import jsonschema

            try:
                jsonschema.Draft202012Validator.check_schema(schema)
            except jsonschema.SchemaError as error:
                # Its own text would quote the value, and the error may end up in a log.
                place = ".".join(map(str, error.absolute_path)) or "the top"
                raise ValueError(f"is no JSON Schema: {place[:80]} breaks the rule {error.validator}") from None
        return schema


class DockerMcpSettings(BaseSettings):
    """Which servers there are, how they are reached, and what they may cost."""

    model_config = SettingsConfigDict(
        env_prefix="FUSEBOARD_DOCKER_MCP_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    docker: str = Field(default="docker", min_length=1, description="Name or path of the Docker command line.")
    way: Literal["auto", "toolkit", "engine", "direct"] = Field(
        default="auto",
        description="How servers of catalogues are reached: by the toolkit's gateway, by `docker run`, or not at all; "
        "auto takes the first that is there.",
    )
    cache: CacheSettings = Field(default=CacheSettings(), description="How long what was read is believed.")
    docker_mcp: DockerSettings = Field(default=DockerSettings(), description="The Docker command line.")
    proxy: ProxySettings = Field(default=ProxySettings(), description="The sessions with started servers.")
    servers: dict[ServerName, ServerSettings] = Field(
        default_factory=dict, description="Servers without a catalogue, by name: a command or an address each."
    )
    embedded: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether the two small servers of the plugin are there; auto: where Docker has none to offer.",
    )
    first_class: bool | list[ServerName] = Field(
        default=True,
        description="Whether the tools and prompts of started servers join the host's own, as <server>_<tool>: all, "
        "none, or those of the servers named.",
    )
    secret_store: Literal["auto", "keyring", "file"] = Field(
        default="auto", description="Where secrets are kept; auto: the keyring of the system, else a file of mode 0600."
    )
    state_folder: Path = Field(
        default_factory=lambda: user_data_path("fuseboard") / "docker_mcp",
        description="Folder of what the plugin keeps: configuration, names of secrets, and secrets without a keyring.",
    )

    @field_validator("state_folder")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    def is_first_class(self, name: str, chosen: bool | None) -> bool:
        """Whether a server's tools join the host's: its own choice, else the plugin's."""
        if chosen is not None:
            return chosen
        return self.first_class if isinstance(self.first_class, bool) else name in self.first_class

    def autostarted(self) -> list[str]:
        """The servers that start with the host."""
        return [name for name, server in self.servers.items() if server.autostart]
