"""The one question of every HTTP request: whom does this bearer token stand for?"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fuseboard.auth.principal import Principal, Unproven
from fuseboard.auth.static_tokens import StaticTokens
from fuseboard.settings.auth import AuthSettings
from fuseboard.settings.token_line import parsed

if TYPE_CHECKING:
    from fuseboard.auth.access_tokens import AccessTokens

logger = logging.getLogger(__name__)


class Gate:
    """Judges tokens of every kind.

    Args:
        settings: what is accepted.

    Raises:
        SettingsError: the file of static tokens cannot be used.
    """

    def __init__(self, settings: AuthSettings) -> None:
        lines = [parsed(line.get_secret_value()) for line in settings.tokens]
        self._static = StaticTokens(lines, settings.tokens_file)
        self._access = _access_tokens(settings) if settings.issuer is not None else None
        if settings.development_secret is not None:
            logger.warning("auth.development_secret is set: whoever knows it can make tokens; for development only")

    async def admit(self, token: str) -> Principal:
        """Whom a token stands for.

        Raises:
            Unproven: nobody. KeysUnavailable: that cannot be found out now.
        """
        if (found := self._static.find(token)) is not None:
            return found
        if self._access is None:
            raise Unproven("it is no known token")
        return await self._access.principal(token)

    def stands(self, digest: bytes) -> bool:
        """Whether a token that was admitted is still accepted; see `Principal.digest`, which access tokens lack."""
        return not digest or self._static.knows(digest)


def _access_tokens(settings: AuthSettings) -> AccessTokens:
    # Imported here: only those who use them pay for cryptography and an HTTP client.
    from fuseboard.auth.access_tokens import AccessTokens
    from fuseboard.auth.documents import jwks_of
    from fuseboard.auth.key_set import KeySet

    issuer = settings.issuer or ""
    keys = KeySet(
        lambda: jwks_of(issuer, settings.jwks_uri),
        refresh=settings.keys_refresh,
        max_age=settings.keys_max_age,
        outage=settings.keys_outage,
    )
    return AccessTokens(settings, keys)
