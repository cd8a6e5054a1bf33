"""The state of the plugin: what every tool, prompt, resource and health check gets as `ctx.state`."""

from __future__ import annotations

import time
from collections.abc import Callable

from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.errors import KeyRefused, NotConfigured

REFUSED_FOR = 60.0
"""Seconds for which a key that was refused is not tried again by a check: repeated, it could lock the account."""


class Account:
    """One project at Cloud.ru, or what is missing to reach it.

    Args:
        settings: the operator's.
        api: open, None while keys are missing.
        sharing: what came of giving the keys to the OCI plugin; empty when that is not wanted.
        clock: monotonic seconds; tests bring their own.
    """

    def __init__(
        self,
        settings: CloudruSettings,
        api: ArtifactRegistry | None = None,
        sharing: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.sharing = sharing
        self._api = api
        self._clock = clock
        self._refusal: KeyRefused | None = None
        self._refused_at = 0.0

    @property
    def api(self) -> ArtifactRegistry:
        """The API.

        Raises:
            NotConfigured: with the name of everything that is missing.
        """
        if self._api is None:
            raise NotConfigured(self.settings.missing())
        return self._api

    async def check(self) -> None:
        """Ask the service for a token and a short list, but not with a key that it has just refused.

        Raises:
            CloudruError: why it cannot be used.
        """
        if self._refusal is not None and self._clock() - self._refused_at < REFUSED_FOR:
            raise self._refusal
        self._refusal = None
        try:
            await self.api.check()
        except KeyRefused as error:
            self._refusal, self._refused_at = error, self._clock()
            raise
