"""What an answer that is no success means, in words for the model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Any

import pydantic_core

from fuseboard_cloudru.errors import (
    BadAnswer,
    CloudruError,
    Conflict,
    Denied,
    Facts,
    KeyRefused,
    NotFound,
    RateLimited,
    RejectedByService,
    Unreachable,
)
from fuseboard_cloudru.text import clean

_SECONDS = re.compile(r"[0-9]{1,6}")
_MOST_VIOLATIONS = 8
# google.rpc.Code where the HTTP status alone says less: NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED,
# RESOURCE_EXHAUSTED, UNAUTHENTICATED.
_STATUS_OF_CODE = {5: 404, 6: 409, 7: 403, 8: 429, 16: 401}

Kind = type[CloudruError]
Violations = tuple[tuple[str, str], ...]
_KINDS: dict[int, tuple[Kind, str]] = {
    401: (KeyRefused, "the token of this access key is not accepted; the operator checks the key and its end date"),
    403: (Denied, "the account of this access key has no right to do this in this project; ask its administrator"),
    404: (NotFound, "the project has nothing with this id; list_registries and list_operations show what it has"),
    409: (
        Conflict,
        "what is there already forbids it, such as a name that is taken; find_registry and get_registry show it",
    ),
    429: (RateLimited, "asked too often"),
    405: (RejectedByService, "the service does not know this route; the operator can correct it in the setting routes"),
    501: (RejectedByService, "the service does not know this route; the operator can correct it in the setting routes"),
}


def failure(facts: Facts, body: bytes, secrets: Iterable[str]) -> CloudruError:
    """Turn an answer with a status of 300 or more into the error to raise.

    Args:
        facts: method, route, status, request id; the rest is found in the body.
        body: the beginning of the answer's body.
        secrets: what must not come back in a text, because some servers quote what they do not like.
    """
    code, words, violations = _service_says(body, tuple(secrets))
    shown = tuple((clean(field, 80), clean(reason)) for field, reason in violations)
    facts = replace(facts, words=clean(words), violations=shown)
    status = facts.status or 0
    if status < 400:
        return BadAnswer(f"{_story(facts)}; a redirect is not followed, check api_url and iam_url", facts)
    if status == 400:
        status = _STATUS_OF_CODE.get(code, status)
    if status in _KINDS:
        kind, advice = _KINDS[status]
        if facts.retry_after is not None:
            advice += f"; try again in {facts.retry_after:g} s"
        return kind(f"{_story(facts)}; {advice}", facts)
    if status >= 500:
        return Unreachable(f"{_story(facts)}; the service has a fault, try again later", facts)
    return RejectedByService(f"{_story(facts)}; change what it complains of", facts)


def lost(facts: Facts, reason: str) -> Unreachable:
    """The error for a request that got no answer."""
    return Unreachable(f"{facts.method} {facts.route} {reason}{_request(facts)}; try again later", facts)


def retry_after(value: str) -> float | None:
    """The seconds in a `Retry-After` header; None when it has none, or a date (RFC 9110, section 10.2.3)."""
    return float(value) if _SECONDS.fullmatch(value) else None


def status_words(status: dict[str, Any]) -> tuple[str, Violations]:
    """The message of a `google.rpc.Status`, and its (field, reason) pairs of `google.rpc.BadRequest`, cleaned."""
    violations = [
        (_text(one.get("field")), _text(one.get("description")))
        for detail in _dicts(status.get("details"))
        for one in _dicts(detail.get("fieldViolations") or detail.get("field_violations"))
    ]
    return _text(status.get("message")), tuple(violations[:_MOST_VIOLATIONS])


def in_one_line(message: str, violations: Violations) -> str:
    """Both parts of what the service says, cut to what a model should read."""
    fields = "; ".join(f"{field or 'the request'}: {reason}" for field, reason in violations)
    return clean("; ".join(filter(None, (message, fields))))


def _text(value: object) -> str:
    return clean(value, len(value) + 1) if isinstance(value, str) else ""


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _service_says(body: bytes, secrets: tuple[str, ...]) -> tuple[int, str, Violations]:
    """The code, the words and the violations in the body of an error, in either of its two forms, or OAuth's."""
    try:
        fields = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:
        return 0, "an HTML page" if body.lstrip()[:1] == b"<" else "", ()
    if not isinstance(fields, dict):
        return 0, "", ()
    inner = fields.get("error")
    if isinstance(inner, dict):
        fields = inner
    elif isinstance(inner, str):  # RFC 6749, section 5.2
        fields = {"message": ": ".join(filter(None, (inner, _text(fields.get("error_description")))))}
    code = fields.get("code")
    words, violations = status_words(fields)
    # Searched after it was cleaned, for what is between the letters of a secret is gone then, and before it is cut.
    if any(secret in text for secret in secrets for text in (words, *chain(*violations))):
        return 0, "(it quotes a secret, so it is not shown)", ()
    return code if isinstance(code, int) else 0, words, violations


def _story(facts: Facts) -> str:
    """Who was asked, what came back, in the service's own words."""
    words = in_one_line(facts.words, facts.violations)
    said = f', "{words}"' if words else ""
    return f"{facts.method} {facts.route} answered {facts.status}{said}{_request(facts)}"


def _request(facts: Facts) -> str:
    return f" (request {facts.request_id})" if facts.request_id else ""
