"""The two doors at which a key pair is exchanged for a token."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import Response

from fuseboard_cloudru.simulator.doors import Ask, as_json
from fuseboard_cloudru.simulator.fields import Fields
from fuseboard_cloudru.simulator.refusal import Code, Refused
from fuseboard_cloudru.simulator.store import Store

GRANT = "access_key"


def token(store: Store, ask: Ask) -> Response:
    """`POST /api/v1/auth/token`: the key pair as JSON. Unlike the registry, IAM writes fields that are empty."""
    fields = Fields.of_body(ask.body)
    if not _is_right(store, ask, fields.text("keyId"), fields.text("secret")):
        raise Refused(Code.UNAUTHENTICATED, "unauthenticated")
    return as_json(
        _tokens(store)
        | {"refresh_token": "", "refresh_expires_in": 0, "scopes": ["openid profile email roles"]}
        | {"not_before": 0}
    )


def form_token(store: Store, ask: Ask) -> Response:
    """`POST /auth/system/openid/token`: the key pair as a form, with the errors of RFC 6749, section 5.2."""
    form = dict(parse_qsl(ask.body.decode("latin-1")))
    if "grant_type" not in form or "client_id" not in form or "client_secret" not in form:
        return _form_error(400, "invalid_request", "grant_type, client_id and client_secret are required")
    if form["grant_type"] != GRANT:
        return _form_error(400, "unsupported_grant_type", f"the grant type is {GRANT}")
    if not _is_right(store, ask, form["client_id"], form["client_secret"]):
        return _form_error(401, "invalid_client", "the key or its secret is wrong")
    kind = "urn:ietf:params:oauth:token-type:access_token"
    return as_json(
        _tokens(store) | {"not-before-policy": 0, "scope": "openid profile email roles", "issued_token_type": kind}
    )


def _is_right(store: Store, ask: Ask, key_id: str, secret: str) -> bool:
    given, right = f"{key_id}\n{secret}", f"{store.key_id}\n{store.secret}"
    ask.entry.authorised = hmac.compare_digest(given.encode(), right.encode())
    return ask.entry.authorised


def _tokens(store: Store) -> dict[str, Any]:
    seconds = store.switches.token_seconds
    return {
        "access_token": store.tokens.give(seconds),
        "id_token": store.tokens.give(0),
        "expires_in": seconds,
        "token_type": "Bearer",
    }


def _form_error(status: int, error: str, text: str) -> Response:
    return as_json({"error": error, "error_description": text}, status)
