"""What an operator can set, how it is loaded, and how a plugin's own settings are filled.

Precedence: command line > environment > `.env` > `fuseboard.yaml` > defaults. Everything is validated at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
)

from fuseboard.errors import SettingsError
from fuseboard.settings.auth import AccessSettings as AccessSettings
from fuseboard.settings.auth import AuthSettings as AuthSettings
from fuseboard.settings.auth import RoleSettings as RoleSettings
from fuseboard.settings.fields import CommaList, Strict, comma_list
from fuseboard.settings.log import LogSettings as LogSettings
from fuseboard.settings.secret_values import remember
from fuseboard.settings.sources import (
    ConfigFile,
    Layers,
    SettingPath,
    Variable,
    dotenv_variables,
    environment,
    read_config,
    setting_of,
)
from fuseboard.settings.state_keys import keys_in, long_enough, readable

StateKey = Annotated[SecretStr, AfterValidator(long_enough)]
StateKeys = Annotated[list[StateKey], BeforeValidator(comma_list, json_schema_input_type=list[str] | str)]
Section = dict[str, Any]


class FuseSettings(Strict):
    """How the host treats one plugin."""

    enabled: bool = Field(default=True, description="false: the plugin is blocked")
    required: bool = Field(default=False, description="true: the host is not ready while the plugin is down")
    prefix: str | None = Field(
        default=None,
        pattern=r"^[a-zA-Z0-9_-]{0,40}$",
        description='before its public names, may be ""; `<name>_` if absent',
    )
    import_timeout: float = Field(default=10.0, gt=0, description="seconds for its import")
    start_timeout: float = Field(
        default=10.0, gt=0, description="seconds for its settings, its registration and its start"
    )
    call_timeout: float = Field(default=60.0, gt=0, description="seconds for one call")
    stop_timeout: float = Field(default=1.0, gt=0, description="seconds to stop; after that it is abandoned")
    max_calls: int = Field(default=32, gt=0, description="calls that run at once")
    max_queue: int = Field(default=256, ge=0, description="calls that wait for a place; one more is answered `busy`")
    max_result_bytes: int = Field(default=8 * 1024 * 1024, gt=0, description="bytes of one result")
    loop: Literal["own", "shared"] = Field(
        default="own", description="`own` thread and loop, or the host's, for a trusted one"
    )
    fault_threshold: int = Field(default=5, gt=0, description="faults in a row that blow its fuse")
    cool_down: float = Field(
        default=5.0, gt=0, le=10, description="seconds until a blown fuse is tried again the first time"
    )


class HttpSettings(Strict):
    """The HTTP surface (`fuseboard http`)."""

    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    allow_unauthenticated: bool = Field(
        default=False, description="true: listen on other addresses than loopback although nobody must authenticate"
    )
    allowed_hosts: CommaList = Field(
        default=[], description="values of the header Host that are served beside loopback's"
    )
    allowed_origins: CommaList = Field(default=[], description="values of the header Origin that are served")
    max_body_bytes: int = Field(default=4 * 1024 * 1024, gt=0, description="bytes of one request body")
    max_sessions: int = Field(
        default=10_000, gt=0, description="sessions of the handshake revisions that are open at once"
    )
    session_idle_timeout: float = Field(default=1800.0, gt=0, description="seconds until an idle session is closed")
    sessions: bool = Field(
        default=True,
        description="false: clients of the handshake revisions get no session, so any replica answers them; "
        "they are then not asked anything and hear of no changes",
    )


class HostSettings(Strict):
    """All settings of the host. Made directly, it reads neither the environment nor a file: see `load_settings`."""

    load_plugins: CommaList | None = Field(default=None, description="plugins to load; all if absent, none if empty")
    block_plugins: CommaList = Field(default=[], description="plugins not to load")
    http: HttpSettings = Field(default_factory=HttpSettings, description="the HTTP surface")
    auth: AuthSettings = Field(default_factory=AuthSettings, description="who is let in over HTTP")
    access: AccessSettings = Field(default_factory=AccessSettings, description="who may see and call what")
    log: LogSettings = Field(default_factory=LogSettings, description="the log")
    request_state_keys: StateKeys = Field(
        default=[],
        description="secrets of at least 32 bytes that seal questions to the user; the first one seals, all open. "
        "Needed when more than one process serves the same address",
    )
    request_state_keys_file: Annotated[Path | None, AfterValidator(readable)] = Field(
        default=None,
        description="file with such secrets, one a line, as it is mounted into a container; they come last",
    )
    fuses: dict[str, FuseSettings] = Field(default={}, description="how the host treats a plugin, by its name")
    plugins: dict[str, Section] = Field(default={}, description="each plugin's own settings, by its name")

    _keys: tuple[SecretStr, ...] = PrivateAttr(default=())

    def model_post_init(self, context: Any) -> None:
        """Read the file once: what was validated is what is used."""
        self._keys = (*self.request_state_keys, *keys_in(self.request_state_keys_file))

    @property
    def sealing_keys(self) -> tuple[SecretStr, ...]:
        """The secrets of `request_state_keys` and of its file."""
        return self._keys

    def fuse(self, plugin: str) -> FuseSettings:
        """How the host treats this plugin."""
        return self.fuses.get(plugin, _PLAIN_FUSE)


_PLAIN_FUSE = FuseSettings()


@dataclass(frozen=True)
class LoadedSettings:
    """The host's settings and where they came from.

    Attributes:
        settings: validated.
        file: the YAML file, None without one.
        environment: the variables of the process.
        dotenv: the variables of the `.env` files.
        layers: the raw values with their sources.
    """

    settings: HostSettings
    file: ConfigFile | None = None
    environment: Mapping[str, Variable] = field(default_factory=dict)
    dotenv: Mapping[str, Variable] = field(default_factory=dict)
    layers: Layers = field(default_factory=Layers)

    @classmethod
    def of(cls, settings: HostSettings) -> LoadedSettings:
        """For settings that were made in code: plugins still find their own environment variables."""
        return cls(
            settings, file=ConfigFile(Path("HostSettings"), {"plugins": settings.plugins}), environment=environment()
        )

    def source(self, path: SettingPath) -> str:
        """Where the value of a setting came from, for example "environment FUSEBOARD_HTTP__PORT" or "default"."""
        return self.layers.source(path)


def load_settings(*, config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> LoadedSettings:
    """Read, merge and validate all settings of the host.

    Args:
        config: the YAML file, as named on the command line.
        overrides: settings from the command line. Its `block_plugins` are added to those of the other sources,
            because one who blocks a plugin for one run does not mean to load another.

    Raises:
        SettingsError: at most four lines, each naming a setting, its source and what to do.
    """
    variables = environment()
    here = dotenv_variables([Path()])
    file = read_config(config, {**here, **variables})
    dotenv = here if file is None or _same(file.path.parent, Path()) else dotenv_variables([Path(), file.path.parent])
    layers = Layers()
    if file is not None:
        layers.put_all(file.content, file.source)
    for source in (dotenv, variables):
        for name, variable in source.items():
            if (path := setting_of(name, HostSettings.model_fields)) is not None:
                layers.put(path, variable.text, variable.source)
    _lay_command_line(layers, overrides or {})
    return LoadedSettings(_validated(layers), file, variables, dotenv, layers)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve()
    except OSError:
        return False  # the working directory is gone


def _lay_command_line(layers: Layers, overrides: Mapping[str, Any]) -> None:
    below = comma_list(layers.values.get("block_plugins", []))
    source_below = layers.source(("block_plugins",))
    layers.put_all(overrides, lambda path: "command line")
    if "block_plugins" in overrides and isinstance(below, list) and below:
        both = [*below, *overrides["block_plugins"]]
        layers.put(("block_plugins",), both, f"{source_below} and command line")


def _validated(layers: Layers) -> HostSettings:
    try:
        return HostSettings.model_validate(layers.values)
    except ValidationError as error:
        from fuseboard.settings.wording import worded

        raise SettingsError(worded(error, layers, HostSettings)) from None


def fill_plugin_settings(name: str, cls: Any, loaded: LoadedSettings) -> Any:
    """Fill a plugin's settings class: its own environment names > `.env` > its section of the file > its defaults.

    `FUSEBOARD_PLUGINS__<NAME>__<FIELD>` sets a field of the section from the environment. A class without `env_prefix`
    gets `FUSEBOARD_<NAME>_`, so that a field `user` does not read $USER; a field with an alias keeps its own name.

    Args:
        name: the plugin's name.
        cls: what its hook `settings` returned.
        loaded: the host's settings and their sources.

    Returns:
        An instance of `cls`.

    Raises:
        PluginFailure: at stage settings, naming each field, its source and what to do, never a value.
    """
    # Imported here: pydantic-settings costs 40 ms, which only plugins with settings have to pay.
    from fuseboard.settings.plugin import fill

    filled = fill(name, cls, loaded)
    remember(filled)
    return filled
