"""Making a token: the requests of one exchange with a realm, and what its answer grants. No I/O.

The rules are those of the token specification of the distribution project, and of OAuth2 (RFC 6749, section 6).
"""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx2

from fuseboard_oci.config import Limits
from fuseboard_oci.errors import BadAnswer, LoginFailed, OciError
from fuseboard_oci.failures import rate_limited, refused
from fuseboard_oci.login.credentials import Login
from fuseboard_oci.text import clean, parse_object
from fuseboard_oci.transport.bounded import LIMIT
from fuseboard_oci.transport.policy import redirect_target

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_DEFAULT_LIFETIME = 60.0
_LONGEST_LIFETIME = 3600.0
_EARLY = 10.0
_CLIENT_ID = "fuseboard-oci"
_MAX_SERVICE = 512


class TokenExchange:
    """One exchange: send `ask`, give the answer to `take`, until `ask` is None; then `token` has the result.

    Args:
        registry: who wants the token, for error texts.
        realm: where tokens are made; checked by the policy.
        scope: what the token is for, empty for nothing in particular.
        service: the registry's name for itself, None when it gave none.
        login: the credentials, None for anonymous.
        original: the refused request; its timeouts and its user agent are taken over.
        limits: how large an answer may be, and how many redirects are followed.
    """

    def __init__(
        self,
        registry: str,
        realm: httpx2.URL,
        *,
        scope: str,
        service: str | None,
        login: Login | None,
        original: httpx2.Request,
        limits: Limits,
    ) -> None:
        self._registry = registry
        self._realm = realm
        # The scope is ours: the server's text may ask for more rights than reading needs.
        wanted = {"service": (service or "")[:_MAX_SERVICE], "scope": scope}
        self._wanted = {name: value for name, value in wanted.items() if value}
        self._login = login
        self._original = original
        self._limits = limits
        self._answer: httpx2.Response | None = None
        self._steps = self._requests()
        self.ask: httpx2.Request | None = next(self._steps)

    def take(self, answer: httpx2.Response) -> None:
        """Take the answer to `ask` in, its body read, and decide what is next."""
        self._answer = answer
        try:
            self.ask = self._steps.send(answer)
        except StopIteration:
            self.ask = None

    def token(self) -> tuple[str, float]:
        """The token, and for how many seconds it is to be used.

        Raises:
            LoginFailed: UNAUTHORIZED or TOKEN_FAILED.
            RateLimited: the realm limits how often it may be asked.
        """
        assert self._answer is not None
        if self._answer.status_code != 200:
            raise self._refusal(self._answer)
        try:
            answer = parse_object(self._answer.content)
        except ValueError as error:
            raise LoginFailed("TOKEN_FAILED", f"the token of {self._maker} is unusable: {error}") from None
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise LoginFailed("TOKEN_FAILED", f"the answer of {self._maker} holds no usable token")
        return token, lifetime(answer.get("expires_in"))

    def _requests(self) -> Generator[httpx2.Request, httpx2.Response, None]:
        if self._login is not None and self._login.identity_token is not None:
            answer = yield self._post(self._login.identity_token.get_secret_value())
            # These say that the realm knows only the older way; any other answer counts.
            if answer.status_code not in (404, 405):
                return
        basic = self._login.basic() if self._login else None
        url = self._realm.copy_merge_params(self._wanted)
        answer = yield self._get(url, basic)
        if answer.is_server_error:
            answer = yield self._get(url, basic)
        for _ in range(self._limits.redirects):
            target = redirect_target(answer.url, answer)
            if target is None:
                return
            # Whoever is there now is not whom the credentials are for.
            answer = yield self._get(target, None)
        if redirect_target(answer.url, answer) is not None:
            raise BadAnswer("TOO_MANY_REDIRECTS", f"{self._maker} redirects more than {self._limits.redirects} times")

    def _get(self, url: httpx2.URL, authorization: str | None) -> httpx2.Request:
        headers = {"Authorization": authorization} if authorization else {}
        return self._request("GET", url, headers)

    def _post(self, identity_token: str) -> httpx2.Request:
        form = {"grant_type": "refresh_token", "client_id": _CLIENT_ID, "refresh_token": identity_token}
        return self._request("POST", self._realm, {}, {**self._wanted, **form})

    def _request(
        self, method: str, url: httpx2.URL, headers: dict[str, str], form: dict[str, str] | None = None
    ) -> httpx2.Request:
        common = {"Accept-Encoding": "identity", "User-Agent": self._original.headers.get("user-agent", "")}
        extensions = {**self._original.extensions, LIMIT: self._limits.token_bytes}
        return httpx2.Request(method, url, headers={**common, **headers}, data=form, extensions=extensions)

    def _refusal(self, answer: httpx2.Response) -> OciError:
        if answer.status_code in (400, 401, 403):
            return refused(self._registry, self._login.origin if self._login else None)
        if answer.status_code == 429:
            return rate_limited(answer.headers, self._maker)
        return LoginFailed("TOKEN_FAILED", f"{self._maker}, which makes the tokens, answered {answer.status_code}")

    @property
    def _maker(self) -> str:
        return clean(self._realm.host, 80)


def lifetime(expires_in: object) -> float:
    """Seconds for which a token is used: a little less than it lives, and never longer than an hour."""
    if not isinstance(expires_in, int | float) or isinstance(expires_in, bool) or expires_in <= 0:
        return _DEFAULT_LIFETIME - _EARLY
    # The smaller first: an integer of a stranger may be too large for a float.
    return max(min(expires_in, _LONGEST_LIFETIME) - _EARLY, 1.0)
