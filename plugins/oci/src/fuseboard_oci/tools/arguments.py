"""What the tools share: the arguments that name an image, and the deadline of a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeVar

import anyio
from pydantic import Field, SecretStr

from fuseboard import Context
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import InvalidInput, Unreachable
from fuseboard_oci.reading.many import MOST_IMAGES, read_many
from fuseboard_oci.reading.result import Failure, Named

_REPOSITORY = Field(
    description="Repository such as library/alpine; or, without registry, a full reference such as "
    "ghcr.io/owner/image:tag@sha256:..."
)
RepositoryName = Annotated[str, _REPOSITORY]
MaybeRepositoryName = Annotated[str | None, _REPOSITORY]
Reference = Annotated[
    str | None, Field(description="Tag or digest (sha256:...); latest when repository names none either.")
]
Images = Annotated[
    list[str] | None,
    Field(
        min_length=1,
        max_length=MOST_IMAGES,
        description="Several references to read at once, in place of repository and reference.",
    ),
]
RegistryName = Annotated[
    str | None,
    Field(description="host or host:port, such as ghcr.io; Docker Hub when absent."),
]
Username = Annotated[
    str | None,
    Field(description="For this call only; prefer credentials that the operator configured."),
]
Password = Annotated[
    SecretStr | None,
    Field(description="Password or access token of username."),
]


@contextmanager
def deadline(client: RegistryClient, what: str) -> Iterator[None]:
    """End a call that needs many requests, each of them in time."""
    seconds = client.settings.limits.call_timeout
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise Unreachable("TIMEOUT", f"reading {what} took longer than {seconds:g} s; gave up") from None


Result = TypeVar("Result", bound=Named)


async def several(
    ctx: Context[RegistryClient], images: Sequence[str], read: Callable[[str], Awaitable[Result]]
) -> list[Result | Failure]:
    """Read several images for a tool, with progress for the client."""
    limits = ctx.state.settings.limits
    # An image is a chain of requests: twice as many images as requests keeps all places of a registry busy.
    at_once = 2 * limits.parallel
    return await read_many(images, read, ctx.report_progress, at_once=at_once, seconds=limits.call_timeout)


def check_one_or_several(
    repository: str | None, reference: str | None, images: Sequence[str] | None, *, login: bool, registry: str | None
) -> None:
    """Refuse arguments that do not say what to read.

    Raises:
        InvalidInput: INVALID_ARGUMENT.
    """
    if images and (repository or reference):
        raise InvalidInput("INVALID_ARGUMENT", "give either images, or repository and reference")
    if not images and not repository:
        raise InvalidInput("INVALID_ARGUMENT", "give repository, such as library/alpine, or images")
    if images and login and not registry:
        raise InvalidInput("INVALID_ARGUMENT", "a login belongs to one registry: give registry with it")
