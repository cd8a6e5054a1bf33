"""What the tools share: their arguments, and how ids and names are checked before anything is sent."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from fuseboard import Context
from fuseboard_cloudru.account import Account
from fuseboard_cloudru.errors import InvalidInput
from fuseboard_cloudru.models import CreateRegistry

Ctx = Context[Account]

MOST_SECONDS = 300
"""How long a call follows an operation at most."""

RegistryId = Annotated[str, Field(description="UUID of the registry.", json_schema_extra={"format": "uuid"})]
RegistryName = Annotated[str, Field(description="Name: 1 to 63 small letters, digits, inner hyphens (a DNS label).")]
OperationId = Annotated[str, Field(description="Id of the operation, as it was given.")]
PageSize = Annotated[int | None, Field(ge=1, le=100, description="At most so many on this page; the service chooses.")]
PageToken = Annotated[
    str | None, Field(min_length=1, max_length=4096, description="next_page_token of the page before.")
]
Wait = Annotated[bool, Field(description=f"Follow the operation to its end, at most {MOST_SECONDS} s.")]


def registry_id_of(text: str) -> str:
    """The id of a registry in its usual form.

    Raises:
        InvalidInput: it is no UUID.
    """
    try:
        return str(UUID(text.strip()))
    except ValueError:
        raise InvalidInput(
            f"registry_id is {text[:80]!r}, which is no UUID; the tool find_registry gives the id of a name"
        ) from None


def registry_name_of(text: str) -> str:
    """The name of a registry, which is a DNS label (RFC 1123, section 2.1).

    Raises:
        InvalidInput: no registry can have it.
    """
    try:
        return CreateRegistry.of(name=text).name
    except InvalidInput as error:
        raise InvalidInput(f"the name {text[:80]!r} is not possible: {error.text.removeprefix('name: ')}") from None
