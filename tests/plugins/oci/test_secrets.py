"""No password or token is in a log, a repr, an error or a header that is not for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import Limits, OciSettings, RegistrySettings
from fuseboard_oci.errors import OciError
from fuseboard_oci.login.auth import Grant, Grants, RegistryAuth
from fuseboard_oci.login.credentials import Login, given_login
from fuseboard_oci.login.tokens import TokenExchange
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, Sink, seed_data
from fuseboard_oci.testing.http import Raw, Request, Response
from fuseboard_oci.transport.policy import HostPolicy
from fuseboard_oci.transport.wire import Ask
from tests.plugins.oci.helpers import asking

PASSWORD = "hunter2-hunter2"
IDENTITY = "identity-identity"
MADE = "made-made-made"
HEADER = Login("alice", SecretStr(PASSWORD)).basic() or ""
BASE64 = HEADER.removeprefix("Basic ")
SECRETS = (PASSWORD, IDENTITY, MADE, BASE64)


def assert_tells_nothing(text: str) -> None:
    """Fail when one of the secrets is in a text."""
    assert [secret for secret in SECRETS if secret in text] == []


def test_no_object_of_the_client_shows_a_secret() -> None:
    settings = OciSettings.model_validate(
        {
            "registries": {
                "a.example.com": {"username": "alice", "password": PASSWORD},
                "b.example.com": {"identity_token": IDENTITY},
            }
        }
    )
    logins = [
        Login("alice", SecretStr(PASSWORD)),
        Login(identity_token=SecretStr(IDENTITY)),
        Login(registry_token=SecretStr(MADE)),
        given_login("alice", SecretStr(PASSWORD), allowed=True),
    ]
    grants = Grants()
    slot = grants.slot("r", "s", "alice")
    slot.grant = Grant(f"Bearer {MADE}", 5.0)
    things: list[object] = [*logins, settings, *settings.registries.values(), grants, slot, slot.grant]
    client = RegistryClient(settings)
    request = httpx2.Request("GET", "https://a.example.com/v2/", headers={"Authorization": HEADER})
    for login in logins:
        auth = RegistryAuth("a.example.com", "s", login, HostPolicy(settings), grants, Limits())
        url = httpx2.URL("https://cdn.example/blob?signature=" + MADE)
        exchange = TokenExchange(
            "a.example.com", url, scope="s", service="s", login=login, original=request, limits=Limits()
        )
        things += [auth, Ask("GET", url, 1, "a.example.com", auth=auth), exchange]
    given = client.registry("a.example.com", "alice", SecretStr(PASSWORD))
    things += [client, given, client.registry("a.example.com"), client.known("a.example.com"), request.headers]
    for thing in things:
        for text in (repr(thing), str(thing), f"{thing}", repr([thing]), repr({"x": thing})):
            assert_tells_nothing(text)
    assert_tells_nothing(settings.model_dump_json() + str(settings.model_dump()))


def test_settings_dumped_as_a_schema_or_as_json_hold_no_secret() -> None:
    known = RegistrySettings(username="alice", password=SecretStr(PASSWORD))
    assert_tells_nothing(known.model_dump_json() + repr(known) + str(known.model_dump(mode="json")))


class Strict(LoopbackServer):
    """Makes the token `MADE`, takes nothing else, and says back in every way what it was sent."""

    def __init__(self, realm: Callable[[Request], Response | Raw], challenge: str) -> None:
        super().__init__()
        self._realm = realm
        self._challenge = challenge

    def respond(self, request: Request) -> Response | Raw:
        """An error that quotes the login, or the tags."""
        if request.path == "/token":
            return self._realm(request)
        sent = request.headers.get("authorization", "")
        if sent in (f"Bearer {MADE}", HEADER):
            return Response(200, body=b'{"tags": ["1.0"]}')
        return Response(401, [("WWW-Authenticate", self._challenge.format(url=self.url))], sent.encode())


def _makes(request: Request) -> Response:
    return Response(200, body=f'{{"token": "{MADE}"}}'.encode())


def _knows_no_post(request: Request) -> Response:
    return Response(404) if request.method == "POST" else _makes(request)


def _repeats(request: Request) -> Response:
    """An enemy's answer: the login comes back as the error."""
    sent = request.headers.get("authorization", "") + request.body.decode()
    return Response(401, body=f'{{"errors": [{{"code": "X", "message": "{sent}"}}]}}'.encode())


BEARER = 'Bearer realm="{url}/token",service="s"'
BASIC = 'Basic realm="x"'


@pytest.mark.anyio
@pytest.mark.parametrize(
    "login",
    [
        {"username": "alice", "password": PASSWORD},
        {"username": "alice", "password": PASSWORD + "-wrong"},
        {"identity_token": IDENTITY},
        {"username": "<token>", "password": IDENTITY},
        {},
    ],
)
@pytest.mark.parametrize(
    ("realm", "challenge"),
    [
        (_makes, BEARER),
        (_knows_no_post, BEARER),
        (_repeats, BEARER),
        (lambda request: Response(200, body=MADE.encode()), BEARER),
        (lambda request: Response(500, body=MADE.encode()), BEARER),
        (lambda request: Response(307, [("Location", "/token?x=y")]), BEARER),
        (lambda request: Raw([]), BEARER),
        (_makes, BASIC),
        (_makes, 'Bearer realm="http://169.254.169.254/"'),
    ],
)
async def test_no_log_at_any_level_and_no_error_holds_a_secret(
    caplog: pytest.LogCaptureFixture, login: dict[str, Any], realm: Callable[[Request], Response], challenge: str
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    with Strict(realm, challenge) as registry:
        async with asking(registry, **login) as oci:
            for given in ({}, {"username": "alice", "password": SecretStr(PASSWORD)}):
                try:
                    await oci.tags("demo/app", **given)
                except OciError as error:
                    shown += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
            shown.append(str(oci.client.registry(oci.registry).refusal))
    assert "httpcore2" in {record.name.partition(".")[0] for record in caplog.records}
    assert_tells_nothing(caplog.text + "".join(str(record.__dict__) for record in caplog.records))
    assert_tells_nothing("".join(shown))


@pytest.mark.anyio
@pytest.mark.parametrize("challenge", [BASIC, BEARER])
@pytest.mark.parametrize(
    "message", ["who is {sent}?", "{secret}", "your key {password} is bad", "{split}", "no such thing"]
)
async def test_an_error_that_quotes_the_login_is_not_passed_on(challenge: str, message: str) -> None:
    """In all forms in which this server has seen it: the whole header, its second word, the password."""
    known = {BASIC: PASSWORD, BEARER: MADE}

    class Chatty(Strict):
        def respond(self, request: Request) -> Response | Raw:
            answer = super().respond(request)
            if isinstance(answer, Response) and answer.status == 200 and request.path != "/token":
                sent = request.headers["authorization"]
                text = message.format(
                    sent=sent,
                    secret=sent.partition(" ")[2],
                    password=known[challenge],
                    split="\u200b".join(known[challenge]),
                )
                # Some write the slash of base64 with a backslash before it.
                body = json.dumps({"errors": [{"code": "X", "message": text}]}).replace("/", "\\/").encode()
                return Response(404, body=body)
            return answer

    with Chatty(_makes, challenge) as registry:
        async with asking(registry, username="alice", password=PASSWORD) as oci:
            with pytest.raises(OciError, match=r"^NAME_UNKNOWN") as caught:
                await oci.tags("demo/app")
    assert_tells_nothing(str(caught.value))
    assert ("the registry says" in str(caught.value)) == (message == "no such thing")


@pytest.mark.anyio
@pytest.mark.parametrize("auth", ["basic", "token"])
async def test_a_login_that_works_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture, auth: str) -> None:
    caplog.set_level(logging.DEBUG)
    with InMemoryRegistry(auth=auth, users={"alice": PASSWORD}, refresh_tokens={IDENTITY: "alice"}) as registry:  # type: ignore[arg-type]
        registry.seed(seed_data())
        async with asking(registry, username="alice", password=PASSWORD) as oci:
            assert await oci.tags("private/secret") == ["1.0"]
            await oci.details("private/secret")
        made = list(registry.doorman._tokens)
        if auth == "token":
            async with asking(registry, identity_token=IDENTITY) as oci:
                assert await oci.tags("private/secret") == ["1.0"]
    assert_tells_nothing(caplog.text)
    assert all(token not in caplog.text for token in made)


class Elsewhere(LoopbackServer):
    """Another server: remembers every header and body that reached it."""

    def __init__(self, back: str = "") -> None:
        super().__init__()
        self.back = back
        self.seen: list[str] = []

    def respond(self, request: Request) -> Response:
        """A redirect back, or the tags."""
        self.seen.append(f"{request.path} {sorted(request.query.items())} {sorted(request.headers.items())}")
        if self.back:
            return Response(307, [("Location", self.back)])
        return Response(200, body=b'{"tags": ["1.0"]}')


@pytest.mark.anyio
@pytest.mark.parametrize("challenge", [BASIC, BEARER])
async def test_what_is_redirected_to_another_origin_goes_without_a_login(challenge: str) -> None:
    """The other origin is the same machine with another port, which the operator allowed."""

    class Moving(Strict):
        def respond(self, request: Request) -> Response | Raw:
            answer = super().respond(request)
            fine = isinstance(answer, Response) and answer.status == 200 and request.path != "/token"
            return Response(307, [("Location", f"{elsewhere.url}/blob")]) if fine else answer

    with Elsewhere() as elsewhere, Moving(_makes, challenge) as registry:
        known = {"username": "alice", "password": PASSWORD, "redirect_hosts": [elsewhere.host]}
        async with asking(registry, **known) as oci:
            assert await oci.tags("demo/app") == ["1.0"]
    assert len(elsewhere.seen) == 1
    assert "authorization" not in elsewhere.seen[0]
    assert_tells_nothing(elsewhere.seen[0])


@pytest.mark.anyio
async def test_a_redirect_that_comes_back_brings_no_login_along() -> None:
    """Whoever was asked in between may have chosen the path: the registry must not do it in our name."""

    class Moving(Strict):
        def respond(self, request: Request) -> Response | Raw:
            if request.path == "/v2/demo/app/tags/list" and request.headers.get("authorization") == HEADER:
                return Response(307, [("Location", f"{elsewhere.url}/blob")])
            return super().respond(request)

    with Elsewhere() as elsewhere, Moving(_makes, BASIC) as registry:
        elsewhere.back = f"{registry.url}/v2/secret/tags/list"
        known = {"username": "alice", "password": PASSWORD, "redirect_hosts": [elsewhere.host, registry.host]}
        async with asking(registry, **known) as oci:
            with pytest.raises(OciError, match=r"^UNAUTHORIZED"):
                await oci.tags("demo/app")
        assert [entry.scheme for entry in registry.log if "secret" in entry.path] == [""]


@pytest.mark.anyio
async def test_a_realm_that_redirects_to_a_friend_does_not_hand_the_password_on() -> None:
    with Sink() as sink, Strict(lambda request: Response(307, [("Location", f"{sink.url}/token")]), BEARER) as registry:
        known = {"username": "alice", "password": PASSWORD, "redirect_hosts": [sink.host]}
        async with asking(registry, **known) as oci:
            with pytest.raises(OciError, match=r"^UNAUTHORIZED"):
                await oci.tags("demo/app")
        assert [(entry.scheme, entry.cookie) for entry in sink.log] == [("", False)]


@pytest.mark.anyio
async def test_the_proxies_and_netrc_of_the_machine_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy would bypass the address guard, and .netrc would add a login that nobody configured here."""
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login alice password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Sink() as proxy, InMemoryRegistry(auth="basic", users={"alice": PASSWORD}) as registry:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        registry.seed(seed_data())
        async with asking(registry) as oci:
            with pytest.raises(OciError, match=r"^UNAUTHORIZED: .*asks for a login"):
                await oci.tags("demo/app")
        assert proxy.log == []
        assert [entry.scheme for entry in registry.log] == [""]
