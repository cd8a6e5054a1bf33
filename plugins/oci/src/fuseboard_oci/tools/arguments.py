"""What the tools share: the arguments that name an image, and the deadline of a call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import anyio
from pydantic import Field, SecretStr

from fuseboard_oci.client import RegistryClient
from fuseboard_oci.errors import Unreachable

RepositoryName = Annotated[
    str,
    Field(
        description="Repository such as library/alpine; or, with registry omitted, a full reference such as "
        "ghcr.io/owner/image:tag@sha256:..."
    ),
]
RegistryName = Annotated[
    str | None,
    Field(description="Registry as host or host:port, such as ghcr.io. Docker Hub when omitted."),
]
Username = Annotated[
    str | None,
    Field(description="User name for this call only. Prefer credentials that the operator configured."),
]
Password = Annotated[
    SecretStr | None,
    Field(description="Password or access token that belongs to username, for this call only."),
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
