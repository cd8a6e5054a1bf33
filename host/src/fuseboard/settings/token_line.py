"""Static tokens and how they are kept: `NAME:SHA256[:UNTIL[:ROLE+ROLE]]`, as in `alice:9f86…:2027-01-31:reader`.

A token is 256 random bits, so its plain SHA-256 is safe to keep: nobody can try them all, and a slow hash, which
protects passwords that people choose, would only make every request slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe

from fuseboard.settings.secret_lines import lines_of

PREFIX = "fb_"
"""Begins every token, so that scanners for leaked secrets can find one."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
ROLE = re.compile(r"[^\s+,]{1,100}")
DIGEST = re.compile(r"[0-9a-f]{64}")
FORM = "NAME:SHA256[:UNTIL[:ROLE+ROLE]], as `fuseboard token new` prints it"


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One static token, as it is kept.

    Attributes:
        name: whose it is.
        digest: SHA-256 of the token.
        roles: of whoever presents it.
        until: the last day (UTC) on which it is accepted.
    """

    name: str
    digest: bytes
    roles: tuple[str, ...] = ()
    until: date | None = None

    @property
    def expires_at(self) -> int | None:
        """The end of the last day, in seconds since the epoch."""
        if self.until is None:
            return None
        midnight = datetime(self.until.year, self.until.month, self.until.day, tzinfo=UTC)
        return int((midnight + timedelta(days=1)).timestamp())

    def __str__(self) -> str:
        until = self.until.isoformat() if self.until is not None else ""
        end = f":{until}:{'+'.join(self.roles)}" if self.roles else f":{until}" if until else ""
        return f"{self.name}:{self.digest.hex()}{end}"


def new_token() -> str:
    """A token that nobody can guess."""
    return PREFIX + token_urlsafe(32)


def digest_of(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def parsed(line: str) -> TokenLine:
    """Read a line.

    Raises:
        ValueError: it has another form; the text holds nothing of the line, which may be a token by mistake.
    """
    name, digest, until, roles = (*line.strip().split(":", 3), "", "", "")[:4]
    if NAME.fullmatch(name) is None or DIGEST.fullmatch(digest.lower()) is None:
        raise ValueError(f"must be {FORM}")
    try:
        last = date.fromisoformat(until) if until else None
    except ValueError:
        raise ValueError(f"the last day of {name}'s token must be a date such as 2027-01-31") from None
    return TokenLine(name, bytes.fromhex(digest), _roles(name, roles), last)


def _roles(name: str, text: str) -> tuple[str, ...]:
    roles = tuple(text.split("+")) if text else ()
    if any(ROLE.fullmatch(role) is None for role in roles):
        raise ValueError(f"the roles of {name}'s token must be words joined by +")
    return roles


def parsed_file(text: str) -> list[TokenLine]:
    """Read a file of lines, see `lines_of`.

    Raises:
        ValueError: a line is wrong, or a name comes twice; says which line.
    """
    found: list[TokenLine] = []
    for number, line in lines_of(text).items():
        try:
            found.append(parsed(line))
        except ValueError as error:
            raise ValueError(f"line {number} {error}") from None
    refuse_twice(found)
    return found


def refuse_twice(lines: Sequence[TokenLine]) -> None:
    """A name stands for one principal.

    Raises:
        ValueError: two lines have the same name or the same token.
    """
    for kind, values in (("name", [line.name for line in lines]), ("token", [line.digest.hex() for line in lines])):
        if twice := _twice(values):
            raise ValueError(f"{twice} has a token already" if kind == "name" else "one token has two names")


def _twice(values: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
