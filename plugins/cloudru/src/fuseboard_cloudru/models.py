"""The messages of the service: what it answers, by the rules of the proto3 JSON mapping, and what it is asked.

Names are the API's, in snake_case. Missing and null fields have their defaults, unknown fields are ignored, and an enum
may be a name or a number; one that is not known here is kept as text.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from fuseboard_cloudru.errors import InvalidInput, OperationFailed
from fuseboard_cloudru.failures import in_one_line, status_words
from fuseboard_cloudru.result import Maybe, Said, as_sent, without_docstring
from fuseboard_cloudru.text import clean

# By number. Zero is the default; the numbers above follow the order in which the values are documented.
REGISTRY_TYPES = ("DOCKER", "DEBIAN", "RPM", "GENERIC", "PYPI", "NPM")
REGISTRY_MODES = ("REGISTRY_MODE_UNSPECIFIED", "REGISTRY_MODE_LOCAL", "REGISTRY_MODE_REMOTE")
STATUSES = ("CREATING", "ACTIVE", "ERROR")
QUARANTINE_MODES = ("DISABLED", "LOW", "MEDIUM", "HIGH", "CRITICAL")
TARIFFS = ("BASIC", "PREMIUM")

RegistryType = Literal["DOCKER", "DEBIAN", "RPM", "GENERIC", "PYPI", "NPM"]
RegistryMode = Literal["REGISTRY_MODE_LOCAL", "REGISTRY_MODE_REMOTE"]
QuarantineMode = Literal["DISABLED", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
Tariff = Literal["BASIC", "PREMIUM"]

Text = Annotated[Said, AfterValidator(clean)]
"""A text of the service, on its way to a model."""

_TIME = "RFC 3339, UTC"
_MOST_ITEMS = 10_000
LONGEST_TOKEN = 4096
"""Characters of a token that leads to the next page."""


def _enum(names: tuple[str, ...]) -> BeforeValidator:
    """Read an enum: a name stays, a number becomes its name, what is unknown becomes text."""

    def read(value: object) -> object:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return names[value] if 0 <= value < len(names) else clean(str(value), 64)
        return clean(value, 64) or names[0] if isinstance(value, str) else value

    return BeforeValidator(read)


class Message(BaseModel):
    """A message of the service."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, json_schema_extra=as_sent)

    @model_validator(mode="before")
    @classmethod
    def _of_json(cls, fields: Any) -> Any:
        # Not by aliases: those would show in the output schemas of the tools.
        if not isinstance(fields, dict):
            return fields
        values = {name: fields.get(to_camel(name), fields.get(name)) for name in cls.model_fields}
        return {name: value for name, value in values.items() if value is not None}


class StoredPolicy(Message):
    """Which images a registry deletes by itself."""

    only_untagged: bool = Field(default=False, description="only images without a tag")
    action: Text = Field(default="", description="such as DELETE")
    constraint: Text = Field(default="", description="such as OLDER_THAN")
    value: int = Field(default=0, description="how many of `unit`")
    unit: Text = Field(default="", description="such as d, for days")
    on: Text = Field(default="", description="the time that counts, such as LAST_PULLED_AT")


class StoredUpstream(Message):
    """The registry that a remote (caching) registry stands for."""

    url: Text = ""
    login_id: Text = Field(default="", description="UUID in Secret Management")
    password_id: Text = Field(default="", description="UUID in Secret Management")
    metadata_ttl: int = Field(default=0, description="seconds")
    artifact_ttl: int = Field(default=0, description="seconds")
    mirror: bool = False
    soft_delete: bool = False


def _object(value: object) -> object:
    """Read a message that older versions of the API had as a text, which was empty."""
    return value if isinstance(value, dict | BaseModel) and value else None


_Object = BeforeValidator(_object)
# The length is that of what is left of it, as the output schemas promise.
_Name = Annotated[str, AfterValidator(clean), Field(min_length=1, description="begins the registry's host name")]


class Registry(Message):
    """A registry of the project."""

    id: str = Field(min_length=1)
    name: _Name
    registry_type: Annotated[str, _enum(REGISTRY_TYPES)] = Field(
        default="DOCKER", description=", ".join(REGISTRY_TYPES)
    )
    registry_mode: Annotated[Maybe[str], _enum(REGISTRY_MODES)] = Field(
        default=None, description="REGISTRY_MODE_LOCAL, or REGISTRY_MODE_REMOTE for a caching one"
    )
    status: Annotated[str, _enum(STATUSES)] = Field(default="CREATING", description=", ".join(STATUSES))
    is_public: bool = Field(default=False, description="whether anybody may pull without a login")
    quarantine_mode: Annotated[str, _enum(QUARANTINE_MODES)] = Field(
        default="DISABLED", description=", ".join(QUARANTINE_MODES)
    )
    retention_policy_is_enabled: bool = False
    retention_policy: Annotated[Maybe[StoredPolicy], _Object] = Field(
        default=None, description="which images it deletes by itself"
    )
    tariff: Annotated[Maybe[str], _enum(TARIFFS)] = Field(default=None, description=", ".join(TARIFFS))
    upstream: Annotated[Maybe[StoredUpstream], _Object] = Field(
        default=None, description="the registry that a remote one caches"
    )
    created_at: Text = Field(default="", description=_TIME)
    updated_at: Text = ""


class OperationError(Message):
    """Why an operation failed."""

    code: int = Field(default=0, description="google.rpc.Code")
    message: Text = ""


def _failure(value: object) -> object:
    """A status with the code 0 is none (google.rpc.Code: OK)."""
    if not isinstance(value, dict):
        return value
    found = OperationError.model_validate({**value, "message": in_one_line(*status_words(value))})
    return found if found.code else None


class Operation(Message):
    """Work that the service does on a registry."""

    id: Maybe[str] = Field(
        default=None, description="absent when the service's answer was lost and only the effect is known"
    )
    resource_id: Said = Field(default="", description="id of the registry")
    resource_name: Text = Field(default="", description="name of the registry")
    description: Text = Field(default="", description="what is done, such as CreateRegistry")
    done: bool = Field(default=False, description="whether it is over, well or not")
    error: Annotated[Maybe[OperationError], BeforeValidator(_failure)] = Field(
        default=None, description="why it failed"
    )
    created_at: Text = Field(default="", description=_TIME)
    updated_at: Text = ""
    note: Text = Field(default="", description="what is unusual about it")

    def raise_for_error(self) -> None:
        """Raise what went wrong, if it did.

        Raises:
            OperationFailed: with the code and the words of the service.
        """
        if self.error is not None:
            raise OperationFailed(self)


def _sendable(token: str) -> str:
    """A token that can be sent back as it came."""
    if len(token) > LONGEST_TOKEN or not token.isprintable():
        raise ValueError(f"is longer than {LONGEST_TOKEN} characters, or not printable")
    return token


_Token = Annotated[Said, AfterValidator(_sendable)]


class RegistryPage(Message):
    """Some of the project's registries."""

    registries: list[Registry] = Field(default_factory=list, max_length=_MOST_ITEMS)
    next_page_token: _Token = Field(
        default="", description="give it as page_token for the next ones; absent at the end"
    )


class OperationPage(Message):
    """Some of the project's operations."""

    operations: list[Operation] = Field(default_factory=list, max_length=_MOST_ITEMS)
    next_page_token: _Token = Field(
        default="", description="give it as page_token for the next ones; absent at the end"
    )


class Request(BaseModel):
    """Something to send. What is not set is left out, for the service refuses empty objects."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra=without_docstring,
        # Only for what is sent: the tools take these as arguments, in snake_case.
        alias_generator=AliasGenerator(serialization_alias=to_camel),
        serialize_by_alias=False,
    )

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Make one of the arguments that are not None.

        Raises:
            InvalidInput: with every field that is wrong, and why.
        """
        try:
            return cls.model_validate({name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise InvalidInput(worded(error)) from None

    def body(self) -> dict[str, Any]:
        """The JSON object to send."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def is_done_in(self, registry: Registry) -> bool:
        """Whether the registry is already as it should become."""
        return _within(self.model_dump(mode="json", exclude_none=True), registry.model_dump(mode="json"))


def worded(error: ValidationError) -> str:
    """One line for all problems of a message, none with a value."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        place = ".".join(map(str, problem["loc"]))
        text = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{place}: {text}" if place else text)
    return clean("; ".join(lines))


# The default of an enum is no empty text; those of the other enums are filled in when a registry is read.
_DEFAULTS = {"tariff": TARIFFS[0]}


def _within(wanted: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether all that is wanted was found. A default need not be there."""
    return all(
        _within(value, found.get(name) or {})
        if isinstance(value, dict)
        else (found.get(name) or _DEFAULTS.get(name, value * 0)) == value
        for name, value in wanted.items()
    )


class RetentionPolicy(Request):
    """Which images the registry deletes by itself. Only the given values are known to be accepted."""

    only_untagged: bool = Field(default=False, description="only images without a tag")
    action: str = Field(default="DELETE", description="only DELETE is known", max_length=64)
    constraint: str = Field(default="OLDER_THAN", description="only OLDER_THAN is known", max_length=64)
    value: int = Field(ge=1, le=365, description="how many of `unit`, 1 to 365")
    unit: str = Field(default="d", description="only d, for days, is known", max_length=16)
    on: str = Field(default="LAST_PULLED_AT", description="only LAST_PULLED_AT is known", max_length=64)


def _without_maximum(schema: dict[str, Any]) -> None:
    """Nobody comes near what fits into an int32: no request pays for saying so."""
    schema.pop("maximum", None)


def _base_url(url: str) -> str:
    """A URL to hand on as it was given. A login in it would be stored, and shown to everybody who may read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
        raise ValueError("must be a URL such as https://registry.example.com")
    if "@" in parts.netloc:
        raise ValueError("must not hold a login; put it into Secret Management and give login_id and password_id")
    return url


_Seconds = Annotated[int, Field(ge=0, le=2**31 - 1, json_schema_extra=_without_maximum)]


class Upstream(Request):
    """The registry that a remote (caching) registry stands for."""

    url: Annotated[str, AfterValidator(_base_url)] = Field(
        max_length=2048, description="base URL of the other registry"
    )
    login_id: Maybe[UUID] = Field(default=None, description="UUID in Secret Management")
    password_id: Maybe[UUID] = Field(default=None, description="UUID in Secret Management")
    metadata_ttl: Maybe[_Seconds] = Field(default=None, description="seconds for which lists are kept")
    artifact_ttl: Maybe[_Seconds] = Field(default=None, description="seconds for which files are kept")
    mirror: Maybe[bool] = None
    soft_delete: Maybe[bool] = None


_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def _label(name: str) -> str:
    """A DNS label (RFC 1123, section 2.1), because it becomes part of a host name."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            "must be 1 to 63 small Latin letters, digits and hyphens, and begin and end with a letter or a digit"
        )
    return name


class UpdateRegistry(Request):
    """What can be changed in a registry; what is None stays as it is."""

    is_public: bool | None = None
    quarantine_mode: QuarantineMode | None = None
    retention_policy_is_enabled: bool | None = None
    retention_policy: RetentionPolicy | None = None
    tariff: Tariff | None = None
    upstream: Upstream | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.body():
            raise ValueError(f"nothing to change; give one of {', '.join(type(self).model_fields)}")
        return self


class CreateRegistry(Request):
    """A registry to be made. Name, type and mode stay as they are for its life."""

    name: Annotated[str, AfterValidator(_label)] = Field(description="a DNS label of 1 to 63 characters")
    registry_type: RegistryType = "DOCKER"
    is_public: bool = False
    registry_mode: RegistryMode | None = None
    quarantine_mode: QuarantineMode | None = None
    retention_policy_is_enabled: bool | None = None
    retention_policy: RetentionPolicy | None = None
    tariff: Tariff | None = None
    upstream: Upstream | None = None

    @model_validator(mode="after")
    def _upstream_of_a_remote_registry(self) -> Self:
        if self.upstream is not None and self.registry_mode != "REGISTRY_MODE_REMOTE":
            raise ValueError("upstream is only for a registry with registry_mode REGISTRY_MODE_REMOTE")
        return self
