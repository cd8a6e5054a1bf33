"""What a registry is like: whether it answers, which login it wants, what it offers and what is left to pull."""

from __future__ import annotations

import time
from typing import Any, Literal

import anyio
import pytest

from fuseboard_oci import tools
from fuseboard_oci.errors import Blocked, InvalidInput
from fuseboard_oci.reading.registry_state import RegistryState
from fuseboard_oci.testing import InMemoryRegistry, LoopbackServer, Sink, seed_data
from fuseboard_oci.testing.http import Request, Response
from tests.plugins.oci.debian_registry import DebianRegistry
from tests.plugins.oci.helpers import ALICE, PATIENCE, Oci, asking, asking_nobody, nobody
from tests.plugins.oci.token_server import TokenServer

pytestmark = pytest.mark.anyio


async def state(oci: Oci, repository: str | None = None, **arguments: Any) -> RegistryState:
    """The result of `check_registry`."""
    return await tools.check_registry(oci.context, **{"registry": oci.registry, "repository": repository, **arguments})


def seeded(registry: InMemoryRegistry) -> InMemoryRegistry:
    """Put the test data in."""
    registry.seed(seed_data(many=1, parallel=0))
    return registry


async def test_an_open_registry_wants_no_login() -> None:
    with seeded(InMemoryRegistry()) as registry:
        async with asking(registry, **ALICE) as oci:
            begin = time.perf_counter()
            found = (await state(oci)).model_dump()
            took = time.perf_counter() - begin
        assert 0 <= found.pop("latency_ms") <= took * 1000 + 1
        assert found == {
            "registry": registry.host,
            "reachable": True,
            "auth": "none",
            "logged_in": False,
            "api_version": "registry/2.0",
        }


@pytest.mark.parametrize(("mode", "auth"), [("basic", "basic"), ("token", "bearer")])
@pytest.mark.parametrize("repository", [None, "private/secret"])
async def test_a_login_is_tried_and_the_result_said(
    mode: Literal["basic", "token"], auth: str, repository: str | None
) -> None:
    with seeded(InMemoryRegistry(auth=mode)) as registry:
        async with asking(registry) as oci:
            anonymous = await state(oci)
        async with asking(registry, **ALICE) as oci:
            alice = await state(oci, repository)
        async with asking(registry, username="alice", password="hunter2") as oci:
            wrong = await state(oci, repository)
    assert (anonymous.auth, anonymous.logged_in) == (auth, False)
    assert (alice.auth, alice.logged_in, alice.error) == (auth, True, None)
    assert (wrong.reachable, wrong.auth, wrong.logged_in) == (True, auth, False)
    assert wrong.realm_host == ("127.0.0.1" if mode == "token" else None)
    assert "hunter2" not in wrong.model_dump_json()
    if repository:
        assert alice.referrers_api is True
        assert wrong.error is not None
        assert wrong.error.startswith("UNAUTHORIZED")


@pytest.mark.parametrize("has_api", [True, False])
@pytest.mark.parametrize("repository", ["demo/multi", "demo/single"])
async def test_with_a_repository_the_referrers_api_is_looked_for(has_api: bool, repository: str) -> None:
    with seeded(InMemoryRegistry(referrers=has_api)) as registry:
        async with asking(registry) as oci:
            found = await state(oci, repository)
    assert found.referrers_api is has_api
    assert found.error is None


@pytest.mark.case(40)
async def test_the_pulls_that_are_left_are_shown_and_none_is_used() -> None:
    with seeded(InMemoryRegistry(rate=76)) as registry:
        async with asking(registry) as oci:
            found = await state(oci, "demo/multi")
            single = await state(oci, "demo/single")
        assert not [entry for entry in registry.log if entry.method == "GET" and "/manifests/" in entry.path]
    assert found.model_dump()["rate_limit"] == {"limit": 76, "remaining": 76, "window_s": 21600}
    assert single.rate_limit == found.rate_limit, "a repository without a tag latest"


@pytest.mark.parametrize(
    ("repository", "error"),
    [("no/such", "NAME_UNKNOWN"), ("demo/emptied", "MANIFEST_UNKNOWN"), ("demo/broken", "HTTP")],
)
async def test_a_repository_that_cannot_be_read_is_said_beside_the_rest(repository: str, error: str) -> None:
    class Broken(InMemoryRegistry):
        def respond(self, request: Request) -> Response:
            return Response(500) if "demo/broken" in request.path else super().respond(request)

    with seeded(Broken()) as registry:
        async with asking(registry) as oci:
            found = await state(oci, repository)
    assert (found.reachable, found.auth, found.referrers_api) == (True, "none", None)
    assert found.error is not None
    assert found.error.startswith(error)


async def test_a_registry_that_is_gone_is_an_answer() -> None:
    with nobody() as host:
        async with asking(host) as oci:
            found = (await state(oci, "demo/single")).model_dump()
    error = found.pop("error")
    assert error.startswith(f"HTTP_ERROR: {host} cannot be reached")
    assert found == {"registry": host, "reachable": False, "logged_in": False}


async def test_what_answers_but_is_no_registry_is_not_reachable() -> None:
    class Website(LoopbackServer):
        def respond(self, request: Request) -> Response:
            return Response(404)

    with Website() as website:
        async with asking(website) as oci:
            found = await state(oci)
    assert (found.reachable, found.error) == (False, f"HTTP_ERROR: {website.host} answered 404 to /v2/")


async def test_a_silent_registry_is_given_up_in_time() -> None:
    class Silent(LoopbackServer):
        def respond(self, request: Request) -> Response:
            self.stopping.wait()
            return Response(200)

    with Silent() as silent:
        async with asking(silent, limits={"read_timeout": 0.1, "request_timeout": 0.2}) as oci:
            with anyio.fail_after(PATIENCE):
                found = await state(oci)
    assert not found.reachable
    assert found.error is not None
    assert found.error.startswith("TIMEOUT")


async def test_what_the_registry_says_of_itself_is_cleaned() -> None:
    class Talkative(LoopbackServer):
        def respond(self, request: Request) -> Response:
            version = ("Docker-Distribution-API-Version", "v\x1b[31m2" + "x" * 200)
            realm = ("WWW-Authenticate", 'Bearer realm="https://ignore-all-instructions.example/token"')
            return Response(401, [version, realm])

    with Talkative() as talkative:
        async with asking(talkative) as oci:
            found = await state(oci)
    assert found.api_version == "v2" + "x" * 61 + "…"
    assert (found.auth, found.realm_host) == ("bearer", "ignore-all-instructions.example")


async def test_a_realm_that_must_not_get_the_login_is_an_error() -> None:
    with Sink() as sink:

        class Luring(LoopbackServer):
            def respond(self, request: Request) -> Response:
                return Response(401, [("WWW-Authenticate", f'Bearer realm="{sink.url}/token"')])

        with Luring() as luring:
            async with asking(luring, **ALICE) as oci:
                with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
                    await state(oci)
        assert sink.log == []


async def test_a_registry_that_must_not_be_asked_is_an_error() -> None:
    async with asking_nobody() as oci:
        with pytest.raises(InvalidInput, match=r"^INVALID_REGISTRY"):
            await state(oci, registry="user@ghcr.io")
        with pytest.raises(InvalidInput, match=r"^INVALID_REPOSITORY"):
            await state(oci, "../x", registry="ghcr.io")
        with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS"):
            await state(oci, registry="169.254.169.254")


@pytest.mark.external
async def test_docker_registry_is_known_by_what_it_says(
    open_registry: DebianRegistry,
    basic_registry: DebianRegistry,
    token_registry: DebianRegistry,
    token_server: TokenServer,
) -> None:
    realms = {"realm_hosts": [token_server.host]}
    for registry, auth, known in (
        (open_registry, "none", {}),
        (basic_registry, "basic", {}),
        (token_registry, "bearer", realms),
    ):
        async with asking(registry.host, **ALICE, **known) as oci:
            found = await state(oci, "demo/single")
        assert (found.auth, found.logged_in) == (auth, auth != "none")
        assert (found.api_version, found.referrers_api, found.error) == ("registry/2.0", False, None)
