"""The tokens of the simulated IAM: JSON Web Tokens (RFC 7519) that end, and that can be revoked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuseboard_cloudru.simulator.clock import Clock

_PADDING = 900
"""Bytes that make a token as long as real ones, about 1.3 kB."""


class Tokens:
    """What was given out, and until when it is good.

    Args:
        clock: the time.
        subject: whom the tokens name.
    """

    def __init__(self, clock: Clock, subject: str) -> None:
        self._clock = clock
        self._subject = subject
        self._key = secrets.token_bytes(32)
        self._ends: dict[str, float] = {}

    def give(self, seconds: int) -> str:
        """A new token that is good for some seconds."""
        ends = self._clock.now() + seconds
        token = self._signed(
            {
                "aud": ["cloudru"],
                "iss": "simulator",
                "sub": self._subject,
                "sub_type": "service_account",
                "exp": int(ends),
                "jti": secrets.token_hex(16),
                "roles": "r" * (_PADDING * 3 // 4),
            }
        )
        self._ends[token] = ends
        return token

    def is_good(self, token: str) -> bool:
        """Whether a token was given out, has not ended and was not revoked."""
        return self._clock.now() < self._ends.get(token, 0.0)

    def revoke(self) -> None:
        """Make every token that was given out worthless."""
        self._ends.clear()

    def _signed(self, claims: dict[str, Any]) -> str:
        head = _part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = f"{head}.{_part(json.dumps(claims).encode())}"
        return f"{body}.{_part(hmac.digest(self._key, body.encode(), hashlib.sha256))}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
