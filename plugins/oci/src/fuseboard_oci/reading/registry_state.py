"""What a registry is like: whether it answers, which login it wants, what it offers, how many pulls are left."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, Field

from fuseboard_oci.errors import Blocked, NotFound, OciError
from fuseboard_oci.reading.result import Maybe
from fuseboard_oci.reference import Image
from fuseboard_oci.registry import Registry
from fuseboard_oci.text import clean


class RateLimitLeft(BaseModel):
    """How many pulls are left, as the registry says."""

    limit: Maybe[int] = None
    remaining: Maybe[int] = None
    window_s: Maybe[int] = Field(default=None, description="seconds in which `limit` pulls are allowed")


class RegistryState(BaseModel):
    """What a registry is like."""

    registry: str
    reachable: bool
    auth: Maybe[Literal["none", "basic", "bearer"]] = Field(default=None, description="how it wants a login")
    realm_host: Maybe[str] = Field(default=None, description="the host that makes its tokens")
    logged_in: bool = Field(default=False, description="whether a configured login was accepted")
    api_version: Maybe[str] = None
    referrers_api: Maybe[bool] = None
    rate_limit: Maybe[RateLimitLeft] = None
    latency_ms: Maybe[int] = Field(default=None, description="milliseconds to its first answer")
    error: Maybe[str] = Field(default=None, description="why it cannot be reached, or the repository not be read")


async def registry_state(registry: Registry, image: Image | None = None) -> RegistryState:
    """Ask a registry what it is like, and with `image` also what only a repository of it shows.

    Raises:
        Blocked: the registry must not be asked.
    """
    try:
        probe = await registry.probe(image.repository if image else None)
    except Blocked:
        raise
    except OciError as error:
        return RegistryState(registry=registry.name, reachable=False, error=str(error))
    state = RegistryState(
        registry=registry.name,
        reachable=True,
        auth=probe.auth,
        realm_host=clean(probe.realm_host, 253) if probe.realm_host else None,
        # Where no login is wanted, none was looked at.
        logged_in=probe.logged_in and probe.auth != "none",
        api_version=clean(probe.api_version, 64) if probe.api_version else None,
        latency_ms=round(probe.latency * 1000),
    )
    if image is not None:
        try:
            state.referrers_api = await _has_referrers(registry, image)
        except Blocked:
            raise
        except OciError as error:
            state.error = str(error)
    left = registry.rate_limit
    if left is not None:
        state.rate_limit = RateLimitLeft(limit=left.limit, remaining=left.remaining, window_s=left.window)
    return state


async def _has_referrers(registry: Registry, image: Image) -> bool:
    """Ask for the referrers of a digest that is there; finding it by HEAD shows the rate limit and costs no pull."""
    try:
        digest = await registry.digest(image)
    except NotFound:
        tags = (await registry.tags(image)).tags
        if not tags:
            raise
        image = replace(image, tag=tags[0])
        digest = await registry.digest(image)
    digest = digest or (await registry.manifest(image)).digest
    return await registry.referrers(image, digest) is not None
