"""Authentication challenges of the `WWW-Authenticate` header (RFC 9110, section 11): a parser without any I/O.

One header may hold several challenges, several headers may come, quoted text may hold commas, and a blob (token68) may
stand where parameters are expected. A search for name="value" pairs would mix all of that up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx2

_MAX_HEADER = 16_384
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SEPARATORS = re.compile(r"[\s,]*")
_EQUALS = re.compile(r"\s*=\s*(?!=)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# Wider than RFC 9110's token on purpose: real servers send `realm=https://host/token` without quotes.
_UNQUOTED = re.compile(r'[^\s,"]+')
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPACES = re.compile(r"[ \t]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge.

    Attributes:
        scheme: in lower case, for example `bearer`.
        parameters: names in lower case; of a name given twice the first value.
        token68: the blob that some schemes carry instead of parameters.
    """

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)
    token68: str | None = None


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Return the challenges of all headers in their order. What cannot be read is skipped; nothing raises."""
    return [challenge for header in headers for challenge in _parse(header[:_MAX_HEADER])]


def challenges_by_scheme(headers: httpx2.Headers) -> dict[str, Challenge]:
    """The first challenge of each scheme in the headers of a refusal."""
    challenges = parse_challenges(headers.get_list("www-authenticate"))
    return {challenge.scheme: challenge for challenge in reversed(challenges)}


def _parse(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    position = _end(_SEPARATORS, text, 0)
    while position < len(text):
        word = _TOKEN.match(text, position)
        if word is None:
            position = _next_comma(text, position)
        elif equals := _EQUALS.match(text, word.end()):
            value, position = _value(text, equals.end())
            if found and value is not None:
                found[-1].parameters.setdefault(word[0].lower(), value)
        else:
            challenge, position = _challenge(word[0], text, word.end())
            found.append(challenge)
        position = _end(_SEPARATORS, text, position)
    return found


def _challenge(scheme: str, text: str, position: int) -> tuple[Challenge, int]:
    start = _end(_SPACES, text, position)
    blob = _TOKEN68.match(text, start) if start > position else None
    if blob is None:
        return Challenge(scheme.lower()), position
    return Challenge(scheme.lower(), token68=blob[0]), blob.end()


def _value(text: str, position: int) -> tuple[str | None, int]:
    if quoted := _QUOTED.match(text, position):
        return _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
    if text[position : position + 1] == '"':
        # An unterminated quote swallows the rest: where its value ends is anybody's guess.
        return None, len(text)
    if plain := _UNQUOTED.match(text, position):
        return plain[0], plain.end()
    return None, position


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    matched = pattern.match(text, position)
    return matched.end() if matched else position


def _next_comma(text: str, position: int) -> int:
    comma = text.find(",", position)
    return len(text) if comma < 0 else comma + 1
