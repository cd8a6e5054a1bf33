"""Cutting secrets out of what is logged: those of the settings by value, those of others by their surroundings."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from fuseboard.settings.secret_values import known_secrets

STARS = "***"

SHORTEST_LINE = 8
"""Characters of one line of a secret with several, such as a private key, that is cut out by itself."""

BEGINNING = 16
"""Characters that tell a secret of half as many more: somebody may have cut a text in its middle."""

_NAMES = (
    r"(?:secret|passw(?:or)?d|passphrase|token|(?:api|access|private)[_-]?key|authorization|cookie|credential|"
    r"signature)s?"
)
# Every repetition has a limit or ends at its first wrong character: a stranger's text must not take minutes.
PATTERNS = (
    # Authorization: Bearer abc, however it is quoted; "basic" alone is a word of its own.
    (r"\b(bearer|basic|digest|negotiate)(\s{1,5})[\w.~+/=-]{6,}", rf"\1\2{STARS}"),
    (
        r"\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,40}(?:token|key))(\s{0,5}:\s{0,5})(?!\s)[^\r\n\0]+",
        rf"\1\2{STARS}",
    ),
    # https://user:password@host
    (r"(?<=://)[^/@\s'\"]{1,500}(?=@)", STARS),
    # ?sig=abc; names that say more by themselves follow
    (r"([?&#;](?:sig|key|code|jwt|auth|pat)=)[^&#\s'\"]+", rf"\1{STARS}"),
    # password=abc, 'password': 'abc', (b'X-Api-Key', b'abc')
    (
        rf"({_NAMES})(['\"]?\s{{0,5}}=\s{{0,5}}|['\"]\s{{0,5}}[:,]\s{{0,5}})(b?['\"]?(?:(?:bearer|basic)\s)?)"
        r"(?!\*\*\*)(?:(?<=['\"])[^'\"\r\n\0]+(?=['\"])|[^\s'\",;&)}\]\0]+)",
        rf"\1\2\3{STARS}",
    ),
    # A JSON Web Token, the host's own tokens, and the formats of large forges, registries and model providers.
    (r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*", STARS),
    (
        r"(?<![\w-])(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|dckr_pat_[\w-]{16,}|xox[abprs]-[\w-]{10,}|"
        r"fb_[\w-]{40,}|sk-[\w-]{20,}|npm_\w{30,}|pypi-[\w-]{16,}|hf_\w{20,})",
        STARS,
    ),
    (r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", STARS),
)

SUSPICIOUS = (
    *("bearer", "basic", "digest", "negotiate", "secret", "pass", "token", "key", "authorization", "cookie"),
    *("credential", "signature", "?", "&", "#", ";", "@", "eyj", "gh", "gl", "dckr_pat", "xox"),
    *("fb_", "sk-", "npm_", "pypi-", "hf_"),
)
"""Without one of these, in small letters, no pattern can match."""


def hidden(text: str) -> str:
    """The text with stars in place of every secret that can be told."""
    secrets = known_secrets()
    # `in` is many times faster than an expression with so many choices, and nearly always the answer is no.
    if secrets and any(form in text for form in _known_forms(len(secrets))):
        text = _values(len(secrets)).sub(STARS, text)
    lower = text.lower()
    if any(mark in lower for mark in SUSPICIOUS):
        for pattern, instead in _patterns():
            text = pattern.sub(instead, text)
    return text


@functools.lru_cache(maxsize=1)
def _known_forms(count: int) -> tuple[str, ...]:
    """The longest first; `count` is the key of the cache, for the set only grows."""
    forms = {form for secret in list(known_secrets()) for form in _forms(secret)}
    return tuple(sorted(forms, key=len, reverse=True))


@functools.lru_cache(maxsize=1)
def _values(count: int) -> re.Pattern[str]:
    beginnings = {secret[:BEGINNING] for secret in list(known_secrets())}
    return re.compile("|".join(re.escape(form) + r"\S*" * (form in beginnings) for form in _known_forms(count)))


def _forms(secret: str) -> Iterator[str]:
    """A secret as it can stand in a text: as it is, escaped by Python or JSON, in a URL, line by line."""
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="", errors="replace")
    yield quote(secret, errors="replace")
    yield quote_plus(secret, errors="replace")
    if len(secret) >= BEGINNING * 3 // 2 and "\n" not in secret:
        yield secret[:BEGINNING]
    if "\n" in secret:
        yield from (line for line in map(str.strip, secret.splitlines()) if len(line) >= SHORTEST_LINE)


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    # Compiled when the first line needs them: most processes on stdio never do.
    return [(re.compile(pattern, re.IGNORECASE | re.DOTALL), instead) for pattern, instead in PATTERNS]
