"""A plugin's own class is filled from its names in the environment, `.env`, its section of the file and defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, NoDecode, SettingsConfigDict

from fuseboard.errors import PluginFailure
from fuseboard.settings import HostSettings, LoadedSettings, fill_plugin_settings, load_settings

Write = Callable[[str, str], Path]


class Registry(BaseModel):
    insecure: bool = False
    password: SecretStr | None = None


class Oci(BaseSettings):
    model_config = SettingsConfigDict(extra="forbid")
    user: str = "nobody"
    size: int = 1
    registries: dict[str, Registry] = Field(default={})


class Cloud(BaseSettings):
    model_config = SettingsConfigDict(extra="forbid")
    key_id: SecretStr = Field(validation_alias="CLOUD_RU_KEY_ID")
    project: str = Field("p", validation_alias=AliasChoices("CLOUD_RU_PROJECT_ID", "CLOUD_RU_PROJECT"))


def filled(name: str, cls: type[Any]) -> Any:
    return fill_plugin_settings(name, cls, load_settings())


def reason(name: str, cls: Any) -> str:
    with pytest.raises(PluginFailure) as caught:
        fill_plugin_settings(name, cls, load_settings())
    assert (caught.value.plugin, caught.value.stage) == (name, "settings")
    return caught.value.reason


def test_a_class_without_a_prefix_gets_one_so_that_no_common_variable_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "root")
    assert filled("oci", Oci).user == "nobody"
    monkeypatch.setenv("FUSEBOARD_OCI_USER", "me")
    assert filled("oci", Oci).user == "me"


def test_a_class_with_a_prefix_of_its_own_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="ACME_")
        user: str = "nobody"

    monkeypatch.setenv("ACME_USER", "me")
    monkeypatch.setenv("FUSEBOARD_OWN_USER", "other")
    assert filled("own", Own).user == "me"


def test_an_alias_is_read_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_RU_KEY_ID", "k")
    monkeypatch.setenv("CLOUD_RU_PROJECT", "second name")
    settings = filled("cloudru", Cloud)
    assert (settings.key_id.get_secret_value(), settings.project) == ("k", "second name")


def test_the_sources_have_their_order(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("fuseboard.yaml", "plugins: {oci: {size: 1, user: file}}\n")
    assert (filled("oci", Oci).size, filled("oci", Oci).user) == (1, "file")
    write(".env", "FUSEBOARD_PLUGINS__OCI__SIZE=2\n")
    assert filled("oci", Oci).size == 2
    write(".env", "FUSEBOARD_PLUGINS__OCI__SIZE=2\nFUSEBOARD_OCI_SIZE=3\n")
    assert filled("oci", Oci).size == 3
    monkeypatch.setenv("FUSEBOARD_PLUGINS__OCI__SIZE", "4")
    assert filled("oci", Oci).size == 4
    monkeypatch.setenv("FUSEBOARD_OCI_SIZE", "5")
    assert filled("oci", Oci).size == 5
    assert filled("oci", Oci).user == "file"


def test_the_section_takes_field_names_and_aliases(write: Write) -> None:
    write("fuseboard.yaml", "plugins: {cloudru: {key_id: a, CLOUD_RU_PROJECT: b}}\n")
    settings = filled("cloudru", Cloud)
    assert (settings.key_id.get_secret_value(), settings.project) == ("a", "b")


def test_nested_values_of_the_environment_join_those_of_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("fuseboard.yaml", "plugins: {oci: {registries: {home: {insecure: true}}}}\n")
    monkeypatch.setenv("FUSEBOARD_OCI_REGISTRIES__HOME__PASSWORD", "hunter22")
    home = filled("oci", Oci).registries["home"]
    assert home.insecure
    assert home.password.get_secret_value() == "hunter22"


@pytest.mark.parametrize("name", ["FUSEBOARD_OCI_REGISTRIES", "FUSEBOARD_PLUGINS__OCI__REGISTRIES"])
def test_a_variable_may_hold_json(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, '{"127.0.0.1:5000": {"insecure": true}}')
    assert filled("oci", Oci).registries["127.0.0.1:5000"].insecure


def test_a_shared_env_file_does_not_trip_a_class_that_forbids_extras(write: Write) -> None:
    write(".env", "CLOUD_RU_KEY_ID=k\nFUSEBOARD_OCI_USER=me\nFUSEBOARD_HTTP__PORT=1\nPATH_OF_NOBODY=x\n")
    assert filled("oci", Oci).user == "me"
    assert filled("cloudru", Cloud).key_id.get_secret_value() == "k"


def test_sources_that_a_class_brings_stand_above_the_file(write: Write) -> None:
    class Vaulted(BaseSettings):
        user: str = "nobody"
        size: int = 0

        @classmethod
        def settings_customise_sources(cls, settings_cls: Any, **sources: Any) -> tuple[Any, ...]:
            return (*sources.values(), InitSettingsSource(settings_cls, {"user": "vault"}))

    write("fuseboard.yaml", "plugins: {vaulted: {user: file, size: 1}}\n")
    settings = filled("vaulted", Vaulted)
    assert (settings.user, settings.size) == ("vault", 1)


def test_a_class_with_its_own_list_format_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Listed(BaseSettings):
        hosts: Annotated[list[str], NoDecode] = Field(default=[])

        @field_validator("hosts", mode="before")
        @classmethod
        def split(cls, value: Any) -> Any:
            return value.split(",") if isinstance(value, str) else value

    monkeypatch.setenv("FUSEBOARD_LISTED_HOSTS", "a,b")
    assert filled("listed", Listed).hosts == ["a", "b"]


def test_settings_made_in_code_fill_a_plugin_too(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = LoadedSettings.of(HostSettings(plugins={"oci": {"user": "code", "size": 2}}))
    monkeypatch.setenv("FUSEBOARD_OCI_SIZE", "3")
    assert fill_plugin_settings("oci", Oci, LoadedSettings.of(loaded.settings)).size == 3
    assert fill_plugin_settings("oci", Oci, loaded).user == "code"


def test_missing_fields_are_told_with_how_to_set_them() -> None:
    assert reason("cloudru", Cloud) == "key_id is missing: set CLOUD_RU_KEY_ID or plugins.cloudru.key_id"


def test_every_wrong_field_is_told_with_its_source(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(BaseSettings):
        size: int
        mode: Literal["a", "b"] = "a"
        tags: list[str] = Field(default=[])
        deep: Registry = Field(default_factory=Registry)

    write("fuseboard.yaml", "plugins:\n  wrong:\n    size: many\n    deep:\n      insecure: perhaps\n")
    write(".env", "FUSEBOARD_PLUGINS__WRONG__MODE=c\n")
    monkeypatch.setenv("FUSEBOARD_WRONG_TAGS", "no json")
    assert reason("wrong", Wrong).split("; ") == [
        "size (fuseboard.yaml:3): must be a whole number",
        "mode (.env FUSEBOARD_PLUGINS__WRONG__MODE): must be 'a' or 'b'",
        "tags (environment FUSEBOARD_WRONG_TAGS): must be a list",
        "deep.insecure (fuseboard.yaml:4): must be true or false",
    ]


def test_an_unknown_key_of_the_section_is_told_with_the_one_meant(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("fuseboard.yaml", "plugins:\n  oci:\n    usr: me\n")
    monkeypatch.setenv("FUSEBOARD_PLUGINS__OCI__SIZ", "1")
    assert reason("oci", Oci).split("; ") == [
        "plugins.oci.usr (fuseboard.yaml:3): no such setting, did you mean user?",
        "plugins.oci.siz (environment FUSEBOARD_PLUGINS__OCI__SIZ): no such setting, did you mean size?",
    ]


def test_no_value_appears_in_a_reason(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A validator may quote what it got; what the host knows of the values is cut out of such texts."""

    class Quoting(BaseSettings):
        key: SecretStr
        pin: Annotated[SecretStr, Field(max_length=1)]
        url: str

        @field_validator("url")
        @classmethod
        def check(cls, value: str) -> str:
            raise ValueError(f"{value} is no registry")

    class QuotingWhole(Quoting):
        @field_validator("url")
        @classmethod
        def check(cls, value: str) -> str:
            return value

        pin: SecretStr

        @model_validator(mode="after")
        def check_all(self) -> QuotingWhole:
            raise ValueError(f"{self.key.get_secret_value()} does not fit {self.url}")

    write("fuseboard.yaml", "plugins: {quoting: {url: 'https://me:hunter22@host', pin: 'abc'}}\n")
    monkeypatch.setenv("FUSEBOARD_QUOTING_KEY", "k7")
    assert reason("quoting", Quoting) == (
        "pin (fuseboard.yaml:1): is not valid; url (fuseboard.yaml:1): *** is no registry"
    )
    assert reason("quoting", QuotingWhole) == "*** does not fit ***"


def test_what_is_no_settings_class_is_told() -> None:
    assert "must return a class derived from BaseSettings" in reason("oci", BaseModel)
    assert "must return a class derived from BaseSettings" in reason("oci", Oci())
