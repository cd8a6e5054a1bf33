"""Identity tokens, which are exchanged by POST, and registry tokens, which are sent as they are."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs

import anyio
import pytest
from pydantic import SecretStr, ValidationError

from fuseboard_oci.config import OciSettings, RegistrySettings
from fuseboard_oci.errors import Blocked, LoginFailed, OciError, Unreachable
from fuseboard_oci.login.credentials import Login, configured_login
from fuseboard_oci.login.docker_config import DockerCredentials
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, Sink, seed_data
from fuseboard_oci.testing.http import Raw, Request, Response
from tests.plugins.oci.helpers import PATIENCE, asking

pytestmark = pytest.mark.anyio

GOOD = Response(200, body=b'{"access_token": "good"}')


class Maker(LoopbackServer):
    """A registry that takes the token `good`, and whose realm gives these answers, the last one over and over."""

    def __init__(self, *answers: Response | Raw, challenge: str = 'Bearer realm="{url}/realm",service="s"') -> None:
        super().__init__()
        self._answers = list(answers)
        self._challenge = challenge
        self.asked: list[Request] = []

    def respond(self, request: Request) -> Response | Raw:
        """The next answer at the realm, a demand for a token elsewhere."""
        if request.path == "/realm":
            self.asked.append(request)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if request.headers.get("authorization") == "Bearer good":
            return Response(200, body=b'{"tags": ["1.0"]}')
        return Response(401, [("WWW-Authenticate", self._challenge.format(url=self.url))])


async def test_an_identity_token_is_exchanged_by_post_with_all_that_oauth2_wants() -> None:
    with Maker(GOOD) as registry:
        async with asking(registry, identity_token="refresh/me+&=") as oci:
            assert await oci.tags("demo/app") == ["1.0"]
        [request] = registry.asked
        assert request.method == "POST"
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert "authorization" not in request.headers
        assert request.query == {}
        assert parse_qs(request.body.decode(), strict_parsing=True) == {
            "grant_type": ["refresh_token"],
            "client_id": ["fuseboard-oci"],
            "refresh_token": ["refresh/me+&="],
            "service": ["s"],
            "scope": ["repository:demo/app:pull"],
        }


async def test_an_identity_token_opens_a_private_repository_once_for_all_calls() -> None:
    with InMemoryRegistry(auth="token", refresh_tokens={"refresh-me": "alice"}) as registry:
        registry.seed(seed_data())
        async with asking(registry, identity_token="refresh-me") as oci:
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    for _ in range(20):
                        group.start_soon(oci.tags, "private/secret")
        assert registry.doorman.exchanges == 1


async def test_a_wrong_identity_token_is_said_to_be_refused() -> None:
    with InMemoryRegistry(auth="token", refresh_tokens={"refresh-me": "alice"}) as registry:
        registry.seed(seed_data())
        async with asking(registry, identity_token="another-one") as oci:
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*refused the configured credentials") as caught:
                await oci.tags("private/secret")
            assert "another-one" not in str(caught.value)
        assert registry.doorman.exchanges == 1


async def test_the_user_named_token_has_an_identity_token_for_a_password() -> None:
    with InMemoryRegistry(auth="token", refresh_tokens={"refresh-me": "alice"}) as registry:
        registry.seed(seed_data())
        async with asking(registry, username="<token>", password="refresh-me") as oci:
            assert await oci.tags("private/secret") == ["1.0"]
        assert not any(entry.scheme == "basic" for entry in registry.log)


def test_a_registry_has_either_a_password_or_an_identity_token() -> None:
    with pytest.raises(ValidationError, match="give one of them"):
        RegistrySettings.model_validate({"username": "a", "password": "b", "identity_token": "c"})
    with pytest.raises(ValidationError, match="come together or not at all"):
        RegistrySettings.model_validate({"username": "a"})
    assert configured_login(RegistrySettings()) is None


@pytest.mark.parametrize("status", [404, 405])
async def test_a_realm_that_knows_no_post_is_asked_by_get_without_the_identity_token(status: int) -> None:
    with Maker(Response(status, body=b"404 page not found\n"), GOOD) as registry:
        async with asking(registry, identity_token="refresh-me") as oci:
            assert await oci.tags("demo/app") == ["1.0"]
        assert [request.method for request in registry.asked] == ["POST", "GET"]
        assert "authorization" not in registry.asked[1].headers
        assert "refresh-me" not in str(registry.asked[1])


@pytest.mark.parametrize(("status", "code"), [(400, "UNAUTHORIZED"), (401, "UNAUTHORIZED"), (500, "TOKEN_FAILED")])
async def test_any_other_refusal_of_a_post_counts_and_nothing_is_sent_again(status: int, code: str) -> None:
    with Maker(Response(status), GOOD) as registry:
        async with asking(registry, identity_token="refresh-me") as oci:
            with pytest.raises(OciError, match=f"^{code}: "):
                await oci.tags("demo/app")
        assert [request.method for request in registry.asked] == ["POST"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_an_identity_token_follows_no_redirect(status: int) -> None:
    with Sink() as sink, Maker(Response(status, [("Location", f"{sink.url}/token")])) as registry:
        async with asking(registry, identity_token="refresh-me", realm_hosts=[sink.host]) as oci:
            with pytest.raises(OciError, match=r"^TOKEN_FAILED"):
                await oci.tags("demo/app")
        assert sink.log == []
        assert len(registry.asked) == 1


async def test_an_identity_token_goes_to_no_realm_that_nobody_named() -> None:
    with Sink() as sink, Maker(GOOD, challenge=f'Bearer realm="{sink.url}/token"') as registry:
        async with asking(registry, identity_token="refresh-me") as oci:
            with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
                await oci.tags("demo/app")
        assert sink.log == []


async def test_an_identity_token_is_no_password_for_basic() -> None:
    with Maker(GOOD, challenge='Basic realm="x"') as registry:
        async with asking(registry, identity_token="refresh-me") as oci:
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*the configured credentials were not sent"):
                await oci.tags("demo/app")
        assert [entry.scheme for entry in registry.log] == [""]


async def test_a_post_is_not_repeated_after_a_lost_connection() -> None:
    """It may have arrived: some registries give out a new refresh token each time and forget the old one."""
    with Maker(Raw([]), GOOD) as registry:
        async with asking(registry, identity_token="refresh-me") as oci:
            with anyio.fail_after(PATIENCE), pytest.raises(Unreachable, match=r"^HTTP_ERROR"):
                await oci.tags("demo/app")
        assert [request.method for request in registry.asked] == ["POST"]


async def test_a_get_for_a_token_is_repeated_after_a_lost_connection() -> None:
    with Maker(Raw([]), GOOD) as registry:
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                assert await oci.tags("demo/app") == ["1.0"]
        assert [request.method for request in registry.asked] == ["GET", "GET"]


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_realm_that_fails_once_is_asked_again(status: int) -> None:
    with Maker(Response(status), GOOD) as registry:
        async with asking(registry, username="alice", password="secret") as oci:
            assert await oci.tags("demo/app") == ["1.0"]
        assert [request.headers["authorization"][:6] for request in registry.asked] == ["Basic ", "Basic "]


async def test_a_realm_that_fails_twice_is_left() -> None:
    with Maker(Response(503)) as registry:
        async with asking(registry) as oci:
            with pytest.raises(LoginFailed, match=r"^TOKEN_FAILED: 127\.0\.0\.1, which makes the tokens, answered 503"):
                await oci.tags("demo/app")
        assert len(registry.asked) == 2


@pytest.mark.parametrize(("token", "fine"), [("good", True), ("bad", False)])
async def test_a_registry_token_is_sent_at_once_and_as_it_is(token: str, fine: bool, tmp_path: Path) -> None:
    """Only docker's files hold such a token."""
    with Maker(GOOD) as registry:
        (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"registrytoken": token}}}))
        async with asking(registry) as oci:
            oci.client.docker = DockerCredentials(use_helpers=False, environ={"DOCKER_CONFIG": str(tmp_path)})
            if fine:
                assert await oci.tags("demo/app") == ["1.0"]
            else:
                with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*refused the configured credentials"):
                    await oci.tags("demo/app")
        assert [entry.scheme for entry in registry.log] == ["bearer"]
        assert registry.asked == []


async def test_a_login_by_token_is_never_taken_for_the_anonymous() -> None:
    assert Login(identity_token=SecretStr("x")).user != ""
    assert Login(registry_token=SecretStr("x")).user != ""
    assert Login("", SecretStr("x")).user != ""


def test_settings_take_an_identity_token_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBOARD_OCI_REGISTRIES", '{"ghcr.io": {"identity_token": "refresh-me"}}')
    known = OciSettings().registries["ghcr.io"]
    login = configured_login(known)
    assert login is not None
    assert login.identity_token is not None
    assert login.identity_token.get_secret_value() == "refresh-me"
    assert "refresh-me" not in repr(known) + repr(login) + known.model_dump_json()
