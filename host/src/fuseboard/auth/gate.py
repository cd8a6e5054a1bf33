"""The one question of every HTTP request: whom does this bearer token stand for?"""

from __future__ import annotations

from fuseboard.auth.principal import Principal, Unproven
from fuseboard.auth.static_tokens import StaticTokens
from fuseboard.auth.token_line import parsed
from fuseboard.settings.auth import AuthSettings


class Gate:
    """Judges tokens.

    Args:
        settings: what is accepted.

    Raises:
        SettingsError: the file of static tokens cannot be used.
    """

    def __init__(self, settings: AuthSettings) -> None:
        lines = [parsed(line.get_secret_value()) for line in settings.tokens]
        self._static = StaticTokens(lines, settings.tokens_file)

    async def admit(self, token: str) -> Principal:
        """Whom a token stands for.

        Raises:
            Unproven: nobody.
        """
        if (found := self._static.find(token)) is not None:
            return found
        raise Unproven("it is no known token")
