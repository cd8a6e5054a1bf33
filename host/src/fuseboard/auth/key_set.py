"""The public keys of an authorisation server (JWKS): fetched when they are needed, and kept through an outage."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt

from fuseboard.auth.principal import KeysUnavailable, Unproven

logger = logging.getLogger(__name__)

MOST_KEYS = 100
EMPTY_RETRY = 2.0
"""Seconds between two attempts as long as there are no keys at all."""

EARLY = 0.9
"""Part of their greatest age after which keys are fetched again, so that nobody has to wait for it."""

Fetch = Callable[[], Awaitable[Mapping[str, Any]]]
"""Gets the JWKS document. Raises anything when it cannot."""


@dataclass(slots=True)
class Fetched:
    """The keys of one document.

    Attributes:
        keys: as they were published; symmetric ones and those for encryption are left out.
        when: on the clock of the set.
        made: what was made of them, by index and algorithm.
    """

    keys: Sequence[Mapping[str, Any]]
    when: float
    made: dict[tuple[int, str], jwt.PyJWK | None] = field(default_factory=dict)

    def find(self, kid: str | None, algorithm: str) -> list[jwt.PyJWK]:
        """The keys with this id (any, if the token names none) that can verify this algorithm."""
        found = []
        for index, key in enumerate(self.keys):
            if kid is not None and key.get("kid") != kid:
                continue
            if key.get("alg") not in (None, algorithm):
                continue
            if (index, algorithm) not in self.made:
                self.made[index, algorithm] = _made(key, algorithm)
            if (made := self.made[index, algorithm]) is not None:
                found.append(made)
        return found


class KeySet:
    """The keys of one issuer. Used on one loop.

    Args:
        fetch: gets the document.
        refresh: seconds between two attempts to get it.
        max_age: seconds after which it is not trusted before it has been fetched again.
        outage: seconds beyond that for which old keys serve while it cannot be fetched.
        clock: seconds.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        refresh: float,
        max_age: float,
        outage: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._refresh = refresh
        self._max_age = max_age
        self._outage = outage
        self._clock = clock
        self._fetched: Fetched | None = None
        self._attempted: float | None = None
        self._failed = False
        self._task: asyncio.Task[None] | None = None

    async def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """The key that verifies a token.

        Args:
            kid: the key's id, as the token names it.
            algorithm: with which the token says that it is signed.

        Raises:
            Unproven: the issuer has no such key.
            KeysUnavailable: whether it has cannot be found out now.
        """
        self._drop_the_dead()
        if self._fetched is None:
            await self._fetched_anew(EMPTY_RETRY)
        elif (age := self._clock() - self._fetched.when) > self._max_age * EARLY:
            task = self._begin(self._refresh)
            if task is not None and age > self._max_age and not self._failed:
                await asyncio.shield(task)  # in an outage nobody waits: the keys that are there still serve
        if not (found := self._found(kid, algorithm)):
            await self._fetched_anew(self._refresh)
            found = self._found(kid, algorithm)
        if len(found) == 1 or (found and kid is not None):
            return found[0]
        if self._failed:
            raise KeysUnavailable("the keys of the issuer cannot be fetched")
        raise Unproven("names no key although there are several" if found else "its key is not among the issuer's")

    def _found(self, kid: str | None, algorithm: str) -> list[jwt.PyJWK]:
        return self._fetched.find(kid, algorithm) if self._fetched is not None else []

    def _drop_the_dead(self) -> None:
        if self._fetched is not None and self._clock() - self._fetched.when > self._max_age + self._outage:
            logger.warning("the keys of the issuer are too old to be trusted")
            self._fetched = None

    async def _fetched_anew(self, pause: float) -> None:
        if (task := self._begin(pause)) is not None:
            await asyncio.shield(task)

    def _begin(self, pause: float) -> asyncio.Task[None] | None:
        """Start fetching, unless it is being done, which all then wait for, or was tried a moment ago."""
        if self._task is not None:
            return self._task
        now = self._clock()
        if self._attempted is not None and now - self._attempted < min(pause, self._refresh):
            return None
        self._attempted = now
        self._task = asyncio.ensure_future(self._once())
        return self._task

    async def _once(self) -> None:
        try:
            document = await self._fetch()
            self._fetched, self._failed = Fetched(_usable(document), self._clock()), False
            logger.info("the issuer publishes %d keys", len(self._fetched.keys))
        except Exception as error:
            self._failed = True
            logger.warning("the keys of the issuer cannot be fetched: %s", str(error) or type(error).__name__)
        finally:
            self._task = None


def _usable(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list):
        raise ValueError("the document has no list of keys")
    return [key for key in keys[:MOST_KEYS] if isinstance(key, Mapping) and _verifies(key)]


def _verifies(key: Mapping[str, Any]) -> bool:
    # A published symmetric key would let everybody sign.
    return key.get("kty") in ("RSA", "EC", "OKP") and key.get("use") in (None, "sig")


def _made(key: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """The key for one algorithm; None where it is none for it."""
    try:
        # The public part alone: whoever publishes a private key by mistake is not helped by our using it.
        public = {name: value for name, value in key.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
        return jwt.PyJWK(public, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
