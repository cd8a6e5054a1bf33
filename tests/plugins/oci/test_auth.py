"""Signing in: tokens, Basic, and what never receives a password."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from fuseboard_oci.errors import Blocked, LoginFailed, OciError
from fuseboard_oci.login.auth import Grants
from fuseboard_oci.login.credentials import Login
from fuseboard_oci.login.tokens import lifetime
from fuseboard_oci.testing import HostileRegistry, InMemoryRegistry, Sink, seed_data
from fuseboard_oci.testing.http import LoopbackServer, Request, Response
from tests.plugins.oci.helpers import ALICE, PATIENCE, asking

pytestmark = pytest.mark.anyio


@pytest.mark.case(28)
async def test_anonymous_questions_get_a_token_per_repository() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            assert await oci.tags("demo/app")
            assert (await oci.details("demo/single")).architectures == ["amd64"]
            assert (await oci.details("demo/single")).architectures == ["amd64"]
        assert registry.doorman.exchanges == 2


@pytest.mark.case(29)
async def test_a_private_repository_says_so_to_the_anonymous() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*asks for a login, or .* does not exist"):
                await oci.tags("private/secret")


@pytest.mark.case(29)
@pytest.mark.parametrize("mode", ["token", "basic"])
async def test_configured_credentials_open_a_private_repository(mode: str) -> None:
    with InMemoryRegistry(auth=mode) as registry:  # type: ignore[arg-type]
        registry.seed(seed_data())
        async with asking(registry, **ALICE) as oci:
            assert await oci.tags("private/secret") == ["1.0"]
            assert (await oci.details("private/secret")).architectures == ["amd64"]


@pytest.mark.case(29)
@pytest.mark.parametrize("mode", ["token", "basic"])
async def test_wrong_credentials_are_said_to_be_refused_at_once(mode: str) -> None:
    with InMemoryRegistry(auth=mode) as registry:  # type: ignore[arg-type]
        registry.seed(seed_data())
        async with asking(registry, username="alice", password="wrong-one") as oci:
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*refused the configured credentials") as caught:
                await oci.tags("private/secret")
            assert "wrong-one" not in str(caught.value)
        assert [entry.scheme for entry in registry.log] == ["", "basic"], "asked once, and sent once"


async def test_a_basic_registry_without_credentials_asks_for_a_login() -> None:
    with InMemoryRegistry(auth="basic") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*asks for a login"):
                await oci.tags("demo/app")
        assert len(registry.log) == 1


async def test_credentials_given_with_a_call_serve_that_call_only() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            given = {"username": "alice", "password": SecretStr("secret")}
            assert await oci.tags("private/secret", **given) == ["1.0"]
            with pytest.raises(LoginFailed):
                await oci.tags("private/secret")
            with pytest.raises(LoginFailed, match="refused the given credentials"):
                await oci.tags("private/secret", username="alice", password=SecretStr("wrong"))


async def test_the_operator_can_forbid_credentials_as_arguments() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry, options={"allow_inline_credentials": False}) as oci:
            with pytest.raises(LoginFailed, match=r"^DENIED: the operator does not allow credentials as arguments"):
                await oci.tags("private/secret", username="alice", password=SecretStr("secret"))
            assert await oci.tags("demo/app", username="", password=SecretStr(""))
        assert not any(entry.scheme == "basic" for entry in registry.log)


async def test_half_a_login_is_an_error() -> None:
    with InMemoryRegistry() as registry:
        async with asking(registry) as oci:
            with pytest.raises(LoginFailed, match="one of them is missing"):
                await oci.tags("demo/app", username="alice")


@pytest.mark.case(30)
async def test_a_token_turned_invalid_is_renewed_once() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            await oci.tags("demo/app")
            registry.doorman.forget_tokens()
            del registry.log[:]
            await oci.tags("demo/app")
        paths = [entry.path.partition("?")[0] for entry in registry.log]
        assert paths == ["/v2/demo/app/tags/list", "/token", "/v2/demo/app/tags/list"]


async def test_twenty_cold_calls_make_one_exchange() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    for _ in range(20):
                        group.start_soon(oci.tags, "demo/app")
        assert registry.doorman.exchanges == 1


@pytest.mark.case(31)
async def test_a_registry_that_always_refuses_is_asked_twice() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED"):
                await oci.details("denied")
        assert [entry.path for entry in registry.log if "/v2/" in entry.path] == ["/v2/denied/manifests/1.0"] * 2


@pytest.mark.case(32)
async def test_bearer_is_chosen_among_many_challenges_and_the_scope_is_ours() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, **ALICE) as oci:
            assert (await oci.details("many-challenges")).kind == "image"
        token_request = next(entry for entry in registry.log if entry.path.startswith("/token"))
        assert "scope=repository%3Amany-challenges%3Apull&" in token_request.path + "&"
        assert "push" not in token_request.path
        assert "service=a%2C+b" in token_request.path or "service=a%2C%20b" in token_request.path


@pytest.mark.case(33)
@pytest.mark.parametrize("login", [ALICE, {}])
async def test_a_realm_on_an_internal_host_is_not_asked(login: dict[str, Any]) -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, **login) as oci:
            with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
                await oci.details("realm-sink")
        assert sink.log == []


async def test_a_realm_that_the_operator_names_receives_the_credentials() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, **ALICE, realm_hosts=[sink.host]) as oci:
            assert (await oci.details("realm-sink")).kind == "image"
        assert [entry.scheme for entry in sink.log] == ["basic"]


@pytest.mark.parametrize("repository", ["realm-file", "realm-none"])
async def test_a_realm_that_is_no_url_is_a_bad_realm(repository: str) -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(Blocked, match=r"^BAD_REALM"):
                await oci.details(repository)


@pytest.mark.case(34)
async def test_no_password_follows_a_redirect_to_an_internal_service() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(Blocked, match=r"^BLOCKED_"):
                await oci.details("basic-redirect")
        assert sink.log == []


async def test_forbidden_is_denied() -> None:
    with Sink() as sink, HostileRegistry(sink) as registry:
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(LoginFailed, match=r"^DENIED: no right to pull"):
                await oci.details("forbidden")


async def test_a_login_without_the_right_is_denied_and_not_called_wrong() -> None:
    """The token is made, but the registry wants more than it grants, and says so."""

    class Strict(LoopbackServer):
        def respond(self, request: Request) -> Response:
            if request.path == "/token":
                return Response(200, body=b'{"token": "weak"}')
            challenge = f'Bearer realm="{self.url}/token",error="insufficient_scope"'
            return Response(401, [("WWW-Authenticate", challenge)])

    with Strict() as registry:
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(LoginFailed, match=r"^DENIED: .*no right to pull"):
                await oci.tags("demo/app")


def test_a_secret_shows_in_no_repr() -> None:
    login = Login("alice", SecretStr("hunter2"))
    assert "hunter2" not in repr(login)
    assert "hunter2" not in str(login)


async def test_no_secret_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with InMemoryRegistry(auth="basic", users={"alice": "hunter2-hunter2"}) as registry:
        registry.seed(seed_data())
        async with asking(registry, username="alice", password="hunter2-hunter2") as oci:
            await oci.tags("private/secret")
    header = Login("alice", SecretStr("hunter2-hunter2")).basic()
    assert "hunter2-hunter2" not in caplog.text
    assert header not in caplog.text


async def test_a_token_is_used_until_shortly_before_it_ends() -> None:
    """The clock is ours: 300 s of life are used for 290 s."""
    now = [1000.0]
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            oci.client.grants = Grants(clock=lambda: now[0])
            await oci.tags("demo/app")
            now[0] += 289
            await oci.tags("demo/app")
            assert registry.doorman.exchanges == 1
            now[0] += 2
            await oci.tags("demo/app")
            assert registry.doorman.exchanges == 2


def test_the_cache_of_grants_is_bounded() -> None:
    grants = Grants()
    first = grants.slot("r", "scope-0", "")
    for number in range(1, 1025):
        grants.slot("r", f"scope-{number}", "")
    assert grants.slot("r", "scope-1024", "") is not grants.slot("r", "scope-1023", "")
    assert grants.slot("r", "scope-0", "") is not first


class Realm(LoopbackServer):
    """A registry whose maker of tokens always gives the same answer, and which takes the token `good`."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self._answer = answer

    def respond(self, request: Request) -> Response:
        """The fixed answer at the realm, a demand for a token elsewhere."""
        if request.path == "/realm":
            return self._answer
        if request.headers.get("authorization") == "Bearer good":
            return Response(200, body=b'{"tags": ["1.0"]}')
        return Response(401, [("WWW-Authenticate", f'Bearer realm="{self.url}/realm?a=b"')])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Response(404), "TOKEN_FAILED"),
        (Response(500), "TOKEN_FAILED"),
        (Response(400), "UNAUTHORIZED"),
        (Response(403), "UNAUTHORIZED"),
        (Response(429, [("Retry-After", "7")]), "TOOMANYREQUESTS"),
        (Response(200, body=b"<html>"), "TOKEN_FAILED"),
        (Response(200, body=b"{}"), "TOKEN_FAILED"),
        (Response(200, body=b'{"token": 7}'), "TOKEN_FAILED"),
        (Response(200, body=b'{"token": "two words"}'), "TOKEN_FAILED"),
        (Response(200, body=b'{"token": "a\\r\\nX-Header: b"}'), "TOKEN_FAILED"),
        (Response(200, body=b'{"token": "' + b"x" * 2**16 + b'"}'), "TOO_LARGE"),
        (Response(307, [("Location", "http://169.254.169.254/")]), "BLOCKED_SCHEME"),
    ],
)
async def test_a_realm_that_makes_no_usable_token_is_an_error_with_a_code(answer: Response, code: str) -> None:
    with Realm(answer) as registry:
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(OciError, match=f"^{code}: "):
                await oci.tags("demo/app")


@pytest.mark.parametrize(
    "body", [b'{"token": "good"}', b'{"access_token": "good"}', b'{"token":"good","access_token":"x"}']
)
async def test_a_token_may_have_either_name_and_the_realm_keeps_its_query(body: bytes) -> None:
    with Realm(Response(200, body=body)) as registry:
        async with asking(registry) as oci:
            assert await oci.tags("demo/app") == ["1.0"]
        assert registry.log[1].path == "/realm?a=b&scope=repository%3Ademo%2Fapp%3Apull"


async def test_a_realm_that_redirects_sees_the_password_once() -> None:
    with Realm(Response(307, [("Location", "/realm")])) as registry:
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(OciError, match=r"^TOO_MANY_REDIRECTS"):
                await oci.tags("demo/app")
        assert [entry.scheme for entry in registry.log if entry.path.startswith("/realm")] == ["basic", *[""] * 5]


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [(300, 290), (60.0, 50), (10**9, 3590), (5, 1), (None, 50), (0, 50), (-1, 50), ("300", 50), (True, 50), ([], 50)],
)
def test_a_lifetime_is_believed_within_reason(expires_in: object, seconds: float) -> None:
    assert lifetime(expires_in) == seconds
