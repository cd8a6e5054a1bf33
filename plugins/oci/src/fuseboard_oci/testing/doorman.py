"""Who may enter the in-memory registry: nobody is asked, Basic, or bearer tokens that it makes itself."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Literal

from fuseboard_oci.testing.http import Request, Response

AuthMode = Literal["none", "basic", "token"]
SERVICE = "test-registry"


class Doorman:
    """Checks logins and makes tokens.

    Args:
        mode: what is asked for.
        users: passwords by user name.
        url: of the registry, for the realm.
    """

    def __init__(self, mode: AuthMode, users: dict[str, str], url: str) -> None:
        self._mode = mode
        self._users = users
        self._url = url
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
        user = self._user(request)
        if user is None and "authorization" in request.headers:
            return Response(401, body=b'{"errors":[{"code":"UNAUTHORIZED"}]}')
        granted = set()
        for asked in " ".join(request.scopes).split():
            kind, _, rest = asked.partition(":")
            name, _, actions = rest.rpartition(":")
            for action in actions.split(","):
                open_to_all = kind == "repository" and action == "pull" and not name.startswith("private/")
                if user is not None or open_to_all:
                    granted.add(f"{kind}:{name}:{action}")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = frozenset(granted)
        body = json.dumps({"token": token, "expires_in": 300}).encode()
        return Response(200, [("Content-Type", "application/json")], body)

    def _user(self, request: Request) -> str | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        return user if user in self._users and self._users[user] == password else None


def _unauthorized(challenge: str) -> Response:
    body = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
    return Response(401, [("WWW-Authenticate", challenge), ("Content-Type", "application/json")], body)
