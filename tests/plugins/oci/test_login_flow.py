"""The authentication flow when calls meet: who waits for whom, what an error or a cancellation leaves behind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial

import anyio
import anyio.to_thread
import pytest
from pydantic import SecretStr

from fuseboard_oci.errors import LoginFailed, OciError, Unreachable
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, seed_data
from fuseboard_oci.testing.http import Raw, Request, Response
from tests.plugins.oci.helpers import ALICE, PATIENCE, asking, let_pass

pytestmark = pytest.mark.anyio

PAGE = Response(200, body=b'{"tags": ["1.0"]}')


class Script(LoopbackServer):
    """A registry that takes the bearer token `good`, and whose realm and refusal a test writes.

    Args:
        realm: answers at `/realm`, on the thread of the connection.
        challenge: what is asked for; `{url}` is the registry's.
    """

    def __init__(
        self, realm: Callable[[Request], Response | Raw], challenge: str = 'Bearer realm="{url}/realm"'
    ) -> None:
        super().__init__()
        self._realm = realm
        self._challenge = challenge
        self.good = "Bearer good"

    def respond(self, request: Request) -> Response | Raw:
        """The page to who has the token."""
        if request.path == "/realm":
            return self._realm(request)
        if request.headers.get("authorization", "") == self.good:
            return PAGE
        return Response(401, [("WWW-Authenticate", self._challenge.format(url=self.url))])

    @property
    def exchanges(self) -> int:
        """How often the realm was asked."""
        return sum(entry.path.startswith("/realm") for entry in self.log)


def token(request: Request) -> Response:
    """Makes the token that the registry takes."""
    return Response(200, body=b'{"token": "good"}')


async def test_more_cold_calls_than_connections_do_not_starve_the_exchange_that_all_wait_for() -> None:
    """A refusal must be read before waiting: unread it keeps its connection, and none is left to ask the realm."""
    with Script(token) as registry:
        async with asking(registry, limits={"parallel": 100, "read_timeout": 60}) as oci:
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    for _ in range(100):
                        group.start_soon(oci.tags, "demo/app")
        assert registry.exchanges == 1


async def test_twenty_calls_with_a_token_that_was_revoked_make_one_exchange() -> None:
    """Only the very token that was refused is dropped, not the newer one that another call has got."""
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            await oci.tags("demo/app")
            registry.doorman.forget_tokens()
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    for _ in range(20):
                        group.start_soon(oci.tags, "demo/app")
        assert registry.doorman.exchanges == 2


class Gate:
    """A realm that lets the first request wait until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, request: Request) -> Response:
        """The token, to the first who asks only after `open`."""
        if not self.reached.is_set():
            self.reached.set()
            self.open.wait(PATIENCE)
        return token(request)


async def test_a_call_that_is_cancelled_in_the_middle_of_an_exchange_lets_the_next_one_in() -> None:
    gate = Gate()
    with Script(gate) as registry:
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    group.start_soon(oci.tags, "demo/app")
                    assert await anyio.to_thread.run_sync(gate.reached.wait, PATIENCE)
                    group.cancel_scope.cancel()
                assert oci.client.known(oci.registry).limiter.borrowed_tokens == 0
                assert await oci.tags("demo/app") == ["1.0"]
            gate.open.set()
        assert registry.exchanges == 2


async def test_a_call_that_waits_for_the_exchange_of_another_takes_over_when_that_one_is_cancelled() -> None:
    gate = Gate()
    found: list[list[str]] = []

    async def second() -> None:
        found.append(await oci.tags("demo/app"))

    with Script(gate) as registry:
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as outer, anyio.create_task_group() as first:
                    first.start_soon(oci.tags, "demo/app")
                    assert await anyio.to_thread.run_sync(gate.reached.wait, PATIENCE)
                    outer.start_soon(second)
                    while oci.client.known(oci.registry).limiter.borrowed_tokens < 2:
                        await anyio.lowlevel.checkpoint()
                    first.cancel_scope.cancel()
            gate.open.set()
        assert found == [["1.0"]]


async def test_a_call_that_is_cancelled_while_it_waits_does_no_harm_to_the_exchange() -> None:
    gate = Gate()
    found: list[list[str]] = []

    async def first() -> None:
        found.append(await oci.tags("demo/app"))

    with Script(gate) as registry:
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    group.start_soon(first)
                    assert await anyio.to_thread.run_sync(gate.reached.wait, PATIENCE)
                    with anyio.move_on_after(0.2) as scope:
                        await oci.tags("demo/app")
                    assert scope.cancelled_caught
                    gate.open.set()
        assert found == [["1.0"]]
        assert registry.exchanges == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Response(500),
        Response(403),
        Response(429),
        Response(200, body=b"rubbish"),
        Response(200, body=b'{"token": "' + b"x" * 2**17 + b'"}'),
        Response(200, body=b'{"token": "good", "expires_in": ' + b"9" * 400 + b"}"),
        Response(307, [("Location", "file:///etc/passwd")]),
        Response(307, [("Location", "/realm")]),
        Raw([]),
        Raw([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"]),
    ],
)
async def test_whatever_goes_wrong_in_an_exchange_is_an_error_of_ours_and_the_next_call_gets_in(
    trouble: Response | Raw,
) -> None:
    well = threading.Event()
    with Script(lambda request: token(request) if well.is_set() else trouble) as registry:
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                with contextlib.suppress(OciError):
                    await oci.tags("demo/app")
                well.set()
                assert await oci.tags("demo/app") == ["1.0"]


async def test_a_realm_that_redirects_for_ever_ends_where_the_operator_says() -> None:
    """Also beyond the twenty at which the HTTP library itself would end it."""
    again = Response(307, [("Location", "/realm")])
    with Script(lambda request: again) as registry:
        async with asking(registry, limits={"redirects": 30}) as oci:
            with pytest.raises(OciError, match=r"^TOO_MANY_REDIRECTS: .*more than 30 times"):
                await oci.tags("demo/app")
        assert registry.exchanges == 31


async def test_a_password_that_was_refused_is_sent_once_per_request_and_not_kept() -> None:
    with InMemoryRegistry(auth="basic") as registry:
        registry.seed(seed_data())
        async with asking(registry, username="alice", password="wrong") as oci:
            for _ in range(2):
                with pytest.raises(LoginFailed, match="refused the configured credentials"):
                    await oci.tags("demo/app")
        assert [entry.scheme for entry in registry.log] == ["", "basic"] * 2


async def test_a_password_that_was_accepted_is_sent_at_once_the_next_time() -> None:
    with InMemoryRegistry(auth="basic") as registry:
        registry.seed(seed_data())
        async with asking(registry, **ALICE) as oci:
            for _ in range(2):
                await oci.tags("demo/app")
        assert [entry.scheme for entry in registry.log] == ["", "basic", "basic"]


async def test_a_password_that_is_refused_later_is_not_sent_twice_in_that_call() -> None:
    with Script(token, 'Basic realm="x"') as registry:
        registry.good = "Basic YWxpY2U6c2VjcmV0"
        async with asking(registry, **ALICE) as oci:
            await oci.tags("demo/app")
            registry.good = "Basic changed"
            del registry.log[:]
            with pytest.raises(LoginFailed, match="refused the configured credentials"):
                await oci.tags("demo/app")
            assert [entry.scheme for entry in registry.log] == ["basic"]
            del registry.log[:]
            with pytest.raises(LoginFailed):
                await oci.tags("demo/app")
            assert [entry.scheme for entry in registry.log] == ["", "basic"]


async def test_a_token_that_is_refused_though_new_ends_the_call() -> None:
    with Script(token) as registry:
        registry.good = "Bearer another"
        async with asking(registry) as oci:
            for _ in range(2):
                with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED"):
                    await oci.tags("demo/app")
        assert [entry.scheme for entry in registry.log] == ["", "", "bearer"] * 2


async def test_a_refusal_of_the_configured_login_is_remembered_until_it_works_again() -> None:
    with InMemoryRegistry(auth="token", users={"alice": "new"}) as registry:
        registry.seed(seed_data())
        async with asking(registry, username="alice", password="old") as oci:
            asks = oci.client.registry(oci.registry)
            assert asks.refusal is None
            with pytest.raises(LoginFailed):
                await oci.tags("demo/app")
            assert asks.refusal is not None
            assert "refused the configured credentials" in asks.refusal
            assert "old" not in asks.refusal
            registry.doorman._users = {"alice": "old"}
            await oci.tags("demo/app")
            assert asks.refusal is None


async def test_a_refusal_by_basic_is_remembered_as_well() -> None:
    with InMemoryRegistry(auth="basic") as registry:
        registry.seed(seed_data())
        async with asking(registry, username="alice", password="wrong") as oci:
            with pytest.raises(LoginFailed):
                await oci.tags("demo/app")
            assert oci.client.registry(oci.registry).refusal == "it refused the configured credentials"


async def test_a_refusal_of_a_given_login_or_of_the_anonymous_says_nothing_about_the_configured_one() -> None:
    with InMemoryRegistry(auth="token") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            with pytest.raises(LoginFailed):
                await oci.tags("private/secret")
            with pytest.raises(LoginFailed):
                await oci.tags("private/secret", username="alice", password=SecretStr("wrong"))
            assert oci.client.registry(oci.registry).refusal is None


async def test_a_login_without_the_right_to_one_repository_is_not_remembered_as_refused() -> None:
    """Docker Hub answers so for a repository that does not exist: the login itself is fine."""
    challenge = 'Bearer realm="{url}/realm",error="insufficient_scope"'
    with Script(token, challenge) as registry:
        registry.good = "Bearer another"
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(LoginFailed, match=r"^DENIED"):
                await oci.tags("demo/app")
            assert oci.client.registry(oci.registry).refusal is None


@pytest.mark.parametrize("challenge", ["Negotiate", "NTLM TlRM==", 'Digest realm="x"', "rubbish", '"', ""])
async def test_a_demand_for_another_kind_of_login_is_not_called_a_refusal_of_ours(challenge: str) -> None:
    with Script(token, challenge) as registry:
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*not supported.* were not sent"):
                await oci.tags("demo/app")
            assert oci.client.registry(oci.registry).refusal is None
        assert [entry.scheme for entry in registry.log] == [""]


async def test_an_answer_to_an_unsigned_question_does_not_end_a_refusal() -> None:
    """Some registries let everybody read a part of what they have."""
    with Script(token, 'Basic realm="x"') as registry:
        registry.good = "Basic another"
        async with asking(registry, **ALICE) as oci:
            with pytest.raises(LoginFailed):
                await oci.tags("demo/app")
            registry.good = ""
            assert await oci.tags("demo/open") == ["1.0"]
            assert oci.client.registry(oci.registry).refusal == "it refused the configured credentials"


async def test_a_username_that_no_request_could_carry_is_an_error_of_ours() -> None:
    with InMemoryRegistry(auth="basic") as registry:
        registry.seed(seed_data())
        async with asking(registry) as oci:
            for username, password in (("\ud800", "x"), ("x", "\udfff")):
                with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*cannot be sent"):
                    await oci.tags("demo/app", username=username, password=SecretStr(password))
        assert registry.log == []


async def test_a_slow_realm_ends_with_the_time_of_the_request_that_it_holds_up() -> None:
    gate = Gate()
    with Script(gate) as registry:
        async with asking(registry, limits={"request_timeout": 300, "read_timeout": 900, "call_timeout": 900}) as oci:

            async def held_up() -> None:
                with pytest.raises(Unreachable, match=r"^TIMEOUT: .* did not answer in time"):
                    await oci.tags("demo/app")

            with anyio.fail_after(300 + PATIENCE):
                async with anyio.create_task_group() as group:
                    group.start_soon(held_up)
                    assert await anyio.to_thread.run_sync(gate.reached.wait, PATIENCE)
                    let_pass(300)
            with anyio.fail_after(PATIENCE):
                assert await oci.tags("demo/app") == ["1.0"]
            gate.open.set()


async def test_two_repositories_do_not_wait_for_each_others_tokens() -> None:
    gate = Gate()
    with Script(gate) as registry:
        async with asking(registry) as oci:
            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as group:
                    group.start_soon(partial(oci.tags, "demo/one"))
                    assert await anyio.to_thread.run_sync(gate.reached.wait, PATIENCE)
                    assert await oci.tags("demo/two") == ["1.0"]
                    gate.open.set()
