"""Settings of the OCI plugin: section `plugins: {oci: {...}}` of the file, or `FUSEBOARD_OCI_*`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fuseboard_oci.errors import OciError
from fuseboard_oci.reference import parse_registry

_HOST_PATTERN = re.compile(r"[a-z0-9.*:\[\]-]{1,255}")

Bytes = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class Limits(BaseModel):
    """What one call may cost. Bytes, counts and seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manifest_bytes: Bytes = Field(
        default=4 * 2**20, description="most bytes of a manifest, an index or one page of referrers"
    )
    config_bytes: Bytes = Field(default=8 * 2**20, description="most bytes of an image's config")
    list_bytes: Bytes = Field(
        default=8 * 2**20, description="most bytes of one page of tags or repositories, and of all pages of referrers"
    )
    token_bytes: Bytes = Field(default=64 * 2**10, description="most bytes of the answer of a maker of tokens")
    error_bytes: Bytes = Field(
        default=64 * 2**10, description="most bytes of an answer that is an error or is read for its status only"
    )
    tags: Count = Field(default=20_000, description="tags of one repository that are read at most")
    tags_age: float = Field(default=60.0, ge=0, description="seconds for which a list of tags is used again")
    cache_bytes: Bytes = Field(default=32 * 2**20, description="bytes of manifests and configs kept, by digest")
    pages: Count = Field(default=200, description="pages of a list of tags that are read at most")
    page_size: Count = Field(default=1_000, description="entries that one page of a list is asked for")
    redirects: int = Field(default=5, ge=0, description="redirects that one request follows at most")
    index_depth: Count = Field(default=3, description="levels of indexes inside each other that are read")
    children: Count = Field(default=64, description="entries of one index that are read at most")
    configs: Count = Field(
        default=8,
        description="images of one index whose config is read, because the index does not name their platform",
    )
    digest_checks: Count = Field(default=200, description="tags whose digest one search asks for")
    parallel: Count = Field(default=16, description="requests to one registry at once")
    connect_timeout: Seconds = Field(default=5.0, description="seconds until a connection to a registry stands")
    read_timeout: Seconds = Field(default=15.0, description="seconds for which a registry may say nothing")
    request_timeout: Seconds = Field(
        default=30.0, description="seconds for one request with its redirects and its retry"
    )
    # Below the host's default deadline of a call (60 s), so that the caller reads our words and not the host's.
    call_timeout: Seconds = Field(
        default=30.0, description="seconds for one call of a tool, however many requests it takes"
    )
    retry_delay: float = Field(
        default=0.3, ge=0, description="seconds before a request that failed is sent a second time"
    )


def _proper(text: str) -> str:
    # Bytes of an environment variable that are no UTF-8 arrive as halves of characters, which no request can carry.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("this is no proper text and cannot be sent; write it in UTF-8")
    return text


def _proper_secret(secret: SecretStr) -> SecretStr:
    _proper(secret.get_secret_value())
    return secret


Secret = Annotated[SecretStr, AfterValidator(_proper_secret)]


class RegistrySettings(BaseModel):
    """What the operator knows about one registry. Naming a registry is what allows a private address."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    insecure: bool = Field(default=False, description="plain http instead of https")
    username: Annotated[str, AfterValidator(_proper)] | None = Field(
        default=None, description="login name; goes to this registry and to its own maker of tokens only"
    )
    password: Secret | None = Field(default=None, description="password or access token of username")
    identity_token: Secret | None = Field(default=None, description="OAuth2 refresh token, in place of a password")
    ca_bundle: FilePath | None = Field(default=None, description="PEM file; replaces the system's trust store")
    realm_hosts: frozenset[str] = Field(
        default=frozenset(), description="further host[:port] that may receive the credentials to make a token"
    )
    redirect_hosts: frozenset[str] = Field(
        default=frozenset(),
        description="private host[:port] where its redirects may lead, without credentials",
    )

    @field_validator("realm_hosts", "redirect_hosts")
    @classmethod
    def _one_spelling(cls, hosts: frozenset[str]) -> frozenset[str]:
        return frozenset(map(parsed_host, hosts))

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password come together or not at all")
        if self.identity_token is not None and self.password is not None:
            raise ValueError("identity_token stands in place of username and password; give one of them")
        return self


class OciSettings(BaseSettings):
    """Settings of the plugin; every field has a default."""

    model_config = SettingsConfigDict(
        env_prefix="FUSEBOARD_OCI_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        # What is refused may hold a password; the place and the reason say enough.
        hide_input_in_errors=True,
    )

    registries: dict[str, RegistrySettings] = Field(
        default_factory=dict, description="what is known about a registry, by host, host:port or *.example.com"
    )
    host_policy: Literal["public", "allowlist"] = Field(
        default="public",
        description="public: every public https registry may be asked; allowlist: only allowed_hosts and registries",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="host patterns such as *.example.com, for host_policy allowlist"
    )
    allow_inline_credentials: bool = Field(
        default=True, description="whether a tool takes `username` and `password` as arguments"
    )
    docker_config: bool = Field(
        default=False, description="whether logins of docker and podman are used, out of their configuration files"
    )
    credential_helpers: bool = Field(
        default=False, description="whether the programs that those files name are run to get a login"
    )
    limits: Limits = Field(default=Limits(), description="what one call may cost, in bytes, counts and seconds")

    @field_validator("registries")
    @classmethod
    def _by_one_spelling(cls, registries: dict[str, RegistrySettings]) -> dict[str, RegistrySettings]:
        named = {registry_key(name): registry for name, registry in registries.items()}
        if len(named) != len(registries):
            raise ValueError("one registry is named twice, in two spellings")
        for name, registry in named.items():
            if is_pattern(name) and registry.insecure:
                raise ValueError(f"{name} is a pattern and cannot be insecure; name the registry itself")
        return named

    @model_validator(mode="after")
    def _helpers_are_named_by_files(self) -> Self:
        if self.credential_helpers and not self.docker_config:
            raise ValueError("credential_helpers needs docker_config: the files name the programs")
        return self

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if not _HOST_PATTERN.fullmatch(pattern):
                raise ValueError(f"{pattern!r} is no host pattern; write it like *.example.com, in lower case")
        return patterns


def is_pattern(name: str) -> bool:
    """Whether a key of `registries` is a pattern such as `*.example.com`."""
    return name.startswith("*.")


def keys_for(registry: str) -> tuple[str, str]:
    """The keys that fit a parsed registry, in the order in which they count: its own name, then its pattern."""
    # One label only, as in a certificate (RFC 6125, section 6.4.3).
    return registry, f"*.{registry.partition('.')[2]}"


def registry_key(text: str) -> str:
    """The one spelling of a key of `registries`; ValueError when it is no registry, or a pattern that is too wide."""
    if is_pattern(text):
        suffix = text.removeprefix("*.").lower()
        # A pattern sends credentials to whoever owns a fitting name: *.com would be anybody.
        if "." not in suffix or ":" in suffix:
            raise ValueError(f"{text} is too wide; write a pattern like *.example.com, without a port")
        parsed_host(suffix)
        return f"*.{suffix}"
    return parsed_host(text)


def parsed_host(text: str) -> str:
    """The one spelling of a `host[:port]`; ValueError when it is none."""
    try:
        return parse_registry(text)
    except OciError as error:
        raise ValueError(error.text) from None
