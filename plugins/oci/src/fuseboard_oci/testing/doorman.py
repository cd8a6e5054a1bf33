"""Who may enter the in-memory registry: nobody is asked, Basic, or bearer tokens that it makes itself."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Collection, Mapping
from typing import Literal
from urllib.parse import parse_qs

from fuseboard_oci.testing.http import Request, Response

AuthMode = Literal["none", "basic", "token"]
TokenField = Literal["token", "access_token", "expires_in"]
SERVICE = "test-registry"


class Doorman:
    """Checks logins and makes tokens.

    Args:
        mode: what is asked for.
        url: of the registry, for the realm.
        users: passwords by user name.
        refresh_tokens: user names by identity token, for `POST /token`.
        token_fields: what the answer of `/token` holds.
        post_token: whether `POST /token` exists; if not it answers 404, and clients fall back to GET.

    Attributes:
        exchanges: how many requests for a token came.
    """

    def __init__(
        self,
        mode: AuthMode,
        url: str,
        *,
        users: Mapping[str, str],
        refresh_tokens: Mapping[str, str],
        token_fields: Collection[TokenField],
        post_token: bool,
    ) -> None:
        self._mode = mode
        self._url = url
        self._users = users
        self._refresh_tokens = refresh_tokens
        self._token_fields = token_fields
        self._post_token = post_token
        self._tokens: dict[str, frozenset[str]] = {}
        self.exchanges = 0

    def forget_tokens(self) -> None:
        """Make every token that was given out invalid."""
        self._tokens.clear()

    def refusal(self, request: Request, name: str, *, catalog: bool) -> Response | None:
        """The 401 for a request, None when it may pass."""
        if self._mode == "none":
            return None
        if self._mode == "basic":
            if self._user(request) is not None:
                return None
            return _unauthorized('Basic realm="test"')
        action = "pull" if request.method in ("GET", "HEAD") else "push"
        scope = "registry:catalog:*" if catalog else f"repository:{name}:{action}" if name else ""
        token = request.headers.get("authorization", "").partition(" ")[2]
        granted = self._tokens.get(token)
        if granted is not None and (not scope or scope in granted):
            return None
        challenge = f'Bearer realm="{self._url}/token",service="{SERVICE}"'
        challenge += f',scope="{scope}"' if scope else ""
        if token:
            challenge += f',error="{"invalid_token" if granted is None else "insufficient_scope"}"'
        return _unauthorized(challenge)

    def token(self, request: Request) -> Response:
        """Make a token for what the user may do of what is asked; anonymous users may pull what is not private."""
        self.exchanges += 1
        if request.method == "POST":
            return self._posted(request)
        user = self._user(request)
        if user is None and "authorization" in request.headers:
            return Response(401, body=b'{"errors":[{"code":"UNAUTHORIZED"}]}')
        return self._make(user, request.scopes)

    def _posted(self, request: Request) -> Response:
        """OAuth2: the credentials come in a form (RFC 6749, sections 4.3 and 6)."""
        if not self._post_token:
            return Response(404, [("Content-Type", "text/plain; charset=utf-8")], b"404 page not found\n")
        lists = parse_qs(request.body.decode("utf-8", "replace"))
        form = {name: values[0] for name, values in lists.items()}
        if not form.get("service") or not form.get("client_id"):
            return _oauth_error("invalid_request")
        match form.get("grant_type"):
            case "refresh_token":
                user = self._refresh_tokens.get(form.get("refresh_token", ""))
            case "password":
                user = self._known(form.get("username", ""), form.get("password", ""))
            case _:
                return _oauth_error("unsupported_grant_type")
        return _oauth_error("invalid_grant") if user is None else self._make(user, lists.get("scope", ()))

    def _make(self, user: str | None, scopes: Collection[str]) -> Response:
        granted = set()
        for asked in " ".join(scopes).split():
            kind, _, rest = asked.partition(":")
            name, _, actions = rest.rpartition(":")
            for action in actions.split(","):
                open_to_all = kind == "repository" and action == "pull" and not name.startswith("private/")
                if user is not None or open_to_all:
                    granted.add(f"{kind}:{name}:{action}")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = frozenset(granted)
        fields = {"token": token, "access_token": token, "expires_in": 300}
        body = json.dumps({name: value for name, value in fields.items() if name in self._token_fields}).encode()
        return Response(200, [("Content-Type", "application/json")], body)

    def _user(self, request: Request) -> str | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        return self._known(user, password)

    def _known(self, user: str, password: str) -> str | None:
        return user if user in self._users and self._users[user] == password else None


def _unauthorized(challenge: str) -> Response:
    body = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
    return Response(401, [("WWW-Authenticate", challenge), ("Content-Type", "application/json")], body)


def _oauth_error(error: str) -> Response:
    return Response(400, [("Content-Type", "application/json")], json.dumps({"error": error}).encode())
