"""The operator's own bearer tokens, from the settings and from a file."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fuseboard.auth.principal import Principal, Unproven
from fuseboard.errors import SettingsError
from fuseboard.settings.secret_lines import text_of, why
from fuseboard.settings.token_line import TokenLine, digest_of, parsed_file, refuse_twice

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.5
"""Seconds between two looks whether the file has changed."""

SETTLED = 0.2
"""Seconds since the last change after which nobody is in the middle of writing the file; it might be half empty."""


class StaticTokens:
    """Finds the principal of a token. A change of the file is noticed within a second, so a token can be taken back.
    A file that is being written is left alone until it has settled, or until the next look.

    Args:
        lines: of the settings.
        file: a file with more of them.
        clock: seconds, for the looks at the file.
        today: seconds since the epoch, for expiry.

    Raises:
        SettingsError: the file cannot be read, or a line is wrong.
    """

    def __init__(
        self,
        lines: Sequence[TokenLine],
        file: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
    ) -> None:
        self._own = tuple(lines)
        self._file = file
        self._clock = clock
        self._today = today
        self._seen: tuple[int, ...] | None = None
        self._fresh: tuple[int, ...] | None = None
        self._looked = clock()
        try:
            self._lines = self._read()
        except (OSError, ValueError) as error:
            raise SettingsError(_said(file, error)) from None

    def find(self, token: str) -> Principal | None:
        """Whose token it is; None if it is nobody's.

        Raises:
            Unproven: it has expired.
        """
        self._look()
        digest = digest_of(token)
        found = None
        for line in self._lines:  # all of them, so that the time tells nothing of which one it was
            if hmac.compare_digest(line.digest, digest):
                found = line
        if found is None:
            return None
        if found.expires_at is not None and found.expires_at <= self._today():
            raise Unproven(f"it is that of {found.name}, and its last day was {found.until}")
        return Principal(
            found.name, frozenset(found.roles), found.roles, found.name, expires_at=found.expires_at, digest=digest
        )

    def knows(self, digest: bytes) -> bool:
        """Whether the token with this digest has not been taken back."""
        self._look()
        return any(line.digest == digest for line in self._lines)

    def _look(self) -> None:
        now = self._clock()
        if self._file is None or now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        try:
            identity = _identity(self._file)
            if identity != self._seen and not self._is_fresh(identity):
                self._lines = self._read()
                logger.info("%s has changed: it holds %d tokens now", self._file, len(self._lines) - len(self._own))
        except (OSError, ValueError) as error:
            if self._seen is not None:
                # Whoever edits it is not done yet, or has made a mistake; that must not lock everybody out.
                logger.error("%s; the tokens that were known before stay", _said(self._file, error))
                self._seen = None

    def _is_fresh(self, identity: tuple[int, ...]) -> bool:
        """Whether somebody may be writing it just now. An old change is never fresh: it may take back a token."""
        known, self._fresh = self._fresh == identity, identity
        return not known and 0 <= self._today() - identity[0] / 1e9 < SETTLED

    def _read(self) -> tuple[TokenLine, ...]:
        if self._file is None:
            refuse_twice(self._own)
            return self._own
        seen = _identity(self._file)
        lines = (*self._own, *parsed_file(text_of(self._file)))
        refuse_twice(lines)
        self._seen = seen
        return lines


def _identity(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _said(file: Path | None, error: Exception) -> str:
    if file is None:
        return f"auth.tokens: {error}"
    return f"auth.tokens_file {file}: {why(error)}; `fuseboard token new NAME --file {file}` writes such a file"
