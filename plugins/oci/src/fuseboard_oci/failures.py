"""What an answer that is no success means, in words for the model."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

import httpx2

from fuseboard_oci.errors import Code, LoginFailed, NotFound, OciError, RateLimited, Unreachable
from fuseboard_oci.login.challenge import parse_challenges
from fuseboard_oci.text import clean, parse_object
from fuseboard_oci.transport.wire import Answer

_NUMBER = re.compile(r"[0-9]{1,9}")
_RATE = re.compile(r"([0-9]{1,9})(?:;w=([0-9]{1,9}))?")


def failure(answer: Answer, what: str, registry: str, *, missing: Code, login: str | None) -> OciError:
    """Turn an answer with a status of 300 or more into the error to raise.

    Args:
        answer: the registry's answer.
        what: what was asked for, for the text, such as `ghcr.io/o/i:1.0`.
        registry: who answered.
        missing: the code for a 404 that does not say itself what is missing.
        login: whose credentials were used ("given", "configured" or "shared"), None for none.
    """
    codes, words = _registry_says(answer)
    if answer.status == 401 and login is not None and not answer.authorization:
        text = f"{registry} asks for a login in a way that is not supported here; the {login} credentials were not sent"
        return LoginFailed("UNAUTHORIZED", text)
    if answer.status == 401:
        return refused(registry, login, insufficient=insufficient_scope(answer))
    if answer.status == 403:
        return LoginFailed("DENIED", f"no right to pull {what}{words}")
    if answer.status == 404:
        code: Code = "NAME_UNKNOWN" if "NAME_UNKNOWN" in codes else missing
        return NotFound(code, f"{what} was not found{words}")
    if answer.status == 429:
        return rate_limited(answer.headers, registry)
    return Unreachable("HTTP_ERROR", f"{registry} answered {answer.status} when asked for {what}{words}")


def refused(registry: str, login: str | None, *, insufficient: bool = False) -> LoginFailed:
    """The error for a 401 that no login will change."""
    if login is None:
        return LoginFailed(
            "UNAUTHORIZED",
            f"{registry} asks for a login, or what was asked for does not exist: this registry does not tell which. "
            "Check the name; the operator can set credentials in plugins.oci.registries",
        )
    if insufficient:
        return LoginFailed("DENIED", f"{registry} accepted the {login} credentials, but they give no right to pull it")
    return LoginFailed("UNAUTHORIZED", f"{registry} refused the {login} credentials")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What a registry says about how often it may be asked, in its `ratelimit-*` headers (Docker Hub's form).

    Attributes:
        limit: pulls per window, None when it does not say.
        remaining: pulls that are left of it.
        window: seconds.
    """

    limit: int | None
    remaining: int | None
    window: int | None

    @classmethod
    def of(cls, headers: httpx2.Headers) -> RateLimit | None:
        """Read it out of the headers of any answer; None when they do not speak of it."""
        limit = _RATE.fullmatch(headers.get("ratelimit-limit", ""))
        remaining = _RATE.fullmatch(headers.get("ratelimit-remaining", ""))
        if limit is None and remaining is None:
            return None
        windows = [int(part[2]) for part in (remaining, limit) if part and part[2]]
        return cls(
            limit=int(limit[1]) if limit else None,
            remaining=int(remaining[1]) if remaining else None,
            window=windows[0] if windows else None,
        )


def rate_limited(headers: httpx2.Headers, registry: str) -> RateLimited:
    """The error for a 429, with when to come back and what is left, where the registry says so."""
    text = f"{registry} limits how often it may be asked"
    retry = headers.get("retry-after", "")
    if _NUMBER.fullmatch(retry):
        text += f"; try again in {retry} s"
    left = RateLimit.of(headers)
    if left is not None and left.remaining is not None:
        text += f"; {left.remaining} pulls left"
        text += f" of a window of {left.window} s" if left.window else ""
    return RateLimited("TOOMANYREQUESTS", text)


def _registry_says(answer: Answer) -> tuple[set[str], str]:
    """The codes that the registry gave, and its first message as an ending for our own sentence."""
    try:
        errors = parse_object(answer.body).get("errors")
    except ValueError:
        return set(), ""
    entries = [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
    codes = {code for entry in entries[:16] if isinstance(code := entry.get("code"), str)}
    message = entries[0].get("message") if entries else None
    if not isinstance(message, str):
        return codes, ""
    # Cleaned before it is searched, for what is between the letters of a secret would go later, and cut afterwards.
    words = clean(message, len(message))
    words = "" if any(secret in words for secret in _sent_secrets(answer)) else clean(words, 120)
    return codes, f" (the registry says: {words!r})" if words else ""


def _sent_secrets(answer: Answer) -> list[str]:
    """What must not come back in a text: some servers quote the login that they do not like."""
    scheme, _, value = answer.authorization.partition(" ")
    if scheme != "Basic":
        return [value] if value else []
    password = base64.b64decode(value).decode().partition(":")[2]
    return [value, password] if password else [value]


def insufficient_scope(answer: Answer) -> bool:
    """Whether a 401 says that the login is fine, but gives no right to what was asked for."""
    challenges = parse_challenges(answer.headers.get_list("www-authenticate"))
    return any(challenge.parameters.get("error") == "insufficient_scope" for challenge in challenges)
