"""The settings of the plugin: the section `plugins: {cloudru: {...}}` of the file, or `CLOUD_RU_*`."""

from __future__ import annotations

import ipaddress
import random
import re
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fuseboard_cloudru.routes import ROUTES, Route

Bytes = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]

REQUIRED = ("key_id", "secret", "project_id")
_DOORS = {
    "iam": ("https://iam.api.cloud.ru", "/api/v1/auth/token"),
    "oauth": ("https://auth.iam.cloud.ru", "/auth/system/openid/token"),
}
# The host may be an IPv6 address in brackets. Neither a login nor a query may hide in it.
_BASE_URL = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?((?:/[A-Za-z0-9._~-]+)*)/?")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?::[0-9]{1,5})?")


class Limits(BaseModel):
    """What one call may cost. Bytes, counts and seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answer_bytes: Bytes = Field(default=2**20, description="bytes of one answer")
    token_bytes: Bytes = Field(default=64 * 2**10, description="bytes of the answer that holds a token")
    error_bytes: Bytes = Field(default=64 * 2**10, description="bytes that are read of the answer that is an error")
    page_size: Annotated[int, Field(ge=1, le=100)] = Field(default=100, description="registries asked for at once")
    pages: Count = Field(default=50, description="pages that are read for a list of all registries")
    connections: Count = Field(default=16, description="requests at once")
    connect_timeout: Seconds = Field(default=5.0, description="seconds until a connection stands")
    read_timeout: Seconds = Field(default=15.0, description="seconds without a byte of an answer")
    request_timeout: Seconds = Field(default=20.0, description="seconds for a request with its retries")
    # Below the host's default deadline of a call (60 s), so that the caller reads our words and not the host's.
    call_timeout: Seconds = Field(default=50.0, description="seconds for all requests of one call")
    retries: Annotated[int, Field(ge=0, le=10)] = Field(default=3, description="how often a request is repeated")
    retry_delay: float = Field(default=0.5, ge=0, description="seconds before the first repetition, then twice as long")
    settle_delay: float = Field(
        default=1.0, ge=0, description="seconds between two looks for the effect of a write whose answer was lost"
    )

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the failed attempt of this number, beginning with 0; no two callers wait alike."""
        return float(self.retry_delay * 2**attempt * random.uniform(0.8, 1.2))


def _line(text: str) -> str:
    """A text out of an environment: blanks around it are an accident, anything unprintable is a mistake."""
    text = text.strip()
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII without line breaks")
    return text


def _secret_line(secret: SecretStr) -> SecretStr:
    return SecretStr(_line(secret.get_secret_value()))


def _base_url(text: str) -> str:
    if not _BASE_URL.fullmatch(text):
        raise ValueError("must be a base URL in lower case, such as https://ar.example.com, without login and query")
    return text.rstrip("/")


Line = Annotated[str, AfterValidator(_line)]
Secret = Annotated[SecretStr, AfterValidator(_secret_line)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]


class CloudruSettings(BaseSettings):
    """How to reach one project at Cloud.ru. Key, secret and project belong together; without them nothing works."""

    model_config = SettingsConfigDict(
        env_prefix="CLOUD_RU_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    key_id: Line | None = Field(default=None, description="Id of the access key.")
    secret: Secret | None = Field(default=None, description="The access key's secret.")
    project_id: UUID | None = Field(default=None, description="UUID of the project whose registries are served.")
    iam_url: BaseUrl = Field(
        default=_DOORS["iam"][0],
        description="Base address of the service that makes tokens; oauth has its own default.",
    )
    api_url: BaseUrl = Field(default="https://ar.api.cloud.ru", description="Base address of the Artifact Registry.")
    token_door: Literal["iam", "oauth"] = Field(
        default="iam", description="Which of the two ways to get a token is used: IAM's own, or the OAuth form."
    )
    insecure: bool = Field(default=False, description="Whether the addresses may be plain http beyond loopback.")
    read_only: bool = Field(default=False, description="true: the tools that change something are not there.")
    share_with_oci: bool = Field(
        default=False, description="Whether the OCI plugin gets the key for the registries of this account."
    )
    registry_domain: str = Field(
        default="cr.cloud.ru", description="What follows the name of a registry in its host name."
    )
    routes: dict[str, str] = Field(
        default_factory=dict,
        description='Corrected routes, such as {"update_registry": "PUT /v1/registries/{registry_id}"}.',
    )
    limits: Limits = Field(default=Limits(), description="What one call may cost.")

    @field_validator("key_id", "secret", mode="before")
    @classmethod
    def _blank_is_absent(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("registry_domain")
    @classmethod
    def _domain(cls, domain: str) -> str:
        if not _DOMAIN.fullmatch(domain):
            raise ValueError("must be a host name in lower case, such as cr.example.com")
        return domain

    @field_validator("routes")
    @classmethod
    def _known_routes(cls, routes: dict[str, str]) -> dict[str, str]:
        for name, text in routes.items():
            if name not in ROUTES:
                raise ValueError(f"there is no route {name!r}; there are {', '.join(ROUTES)}")
            Route.parse(text, ROUTES[name][0])
        return routes

    @model_validator(mode="after")
    def _safe_addresses(self) -> Self:
        for name in ("iam_url", "api_url"):
            if not self.insecure and not _is_safe(getattr(self, name)):
                raise ValueError(f"{name} is plain http, and would show the key to everybody between; set insecure")
        return self

    def missing(self) -> list[str]:
        """The names of the environment variables that are not set."""
        return [f"CLOUD_RU_{name.upper()}" for name in REQUIRED if getattr(self, name) is None]

    @property
    def token_url(self) -> str:
        """Where tokens are made."""
        base, path = _DOORS[self.token_door]
        return (self.iam_url if "iam_url" in self.model_fields_set else base) + path


def _is_safe(url: str) -> bool:
    """Whether nobody can listen in: https, or an address of this machine."""
    found = _BASE_URL.fullmatch(url)
    assert found is not None
    host = found[2].strip("[]")
    if found[1] == "https" or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
