"""The authentication flow step by step, as the HTTP client drives it: what no server of a test could time."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
import httpx2
import pytest
from pydantic import SecretStr

from fuseboard_oci.config import Limits, OciSettings
from fuseboard_oci.errors import Blocked, LoginFailed
from fuseboard_oci.login.auth import Grants, RegistryAuth
from fuseboard_oci.login.credentials import Login
from fuseboard_oci.transport.policy import HostPolicy
from tests.plugins.oci.helpers import PATIENCE

pytestmark = pytest.mark.anyio

ALICE = Login("alice", SecretStr("secret"))
BOB = Login("bob", SecretStr("secret"))
URL = "https://ghcr.io/v2/o/i/tags/list"

Flow = AsyncGenerator[httpx2.Request, httpx2.Response]


def start(grants: Grants, login: Login | None = None, scope: str = "repository:o/i:pull") -> Flow:
    """The flow of one request to ghcr.io, for which every name has a public address."""

    async def resolve(host: str, port: int) -> list[str]:
        return ["8.8.8.8"]

    auth = RegistryAuth("ghcr.io", scope, login, HostPolicy(OciSettings(), resolve), grants, Limits(retry_delay=0))
    return auth.async_auth_flow(httpx2.Request("GET", URL))


def refusal(realm: str = "https://ghcr.io/token") -> httpx2.Response:
    """A 401 that asks for a token."""
    return httpx2.Response(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'})


def made(token: str) -> httpx2.Response:
    """The answer of the realm."""
    return httpx2.Response(200, json={"token": token}, request=httpx2.Request("GET", "https://ghcr.io/token"))


async def sign_in(flow: Flow, token: str) -> httpx2.Request:
    """Lead a flow through an exchange and return its last, signed request."""
    await anext(flow)
    assert (await flow.asend(refusal())).url.path == "/token"
    return await flow.asend(made(token))


async def finish(flow: Flow, answer: httpx2.Response) -> None:
    """Give the flow its last answer."""
    with pytest.raises(StopAsyncIteration):
        await flow.asend(answer)


async def test_a_late_refusal_of_an_old_token_does_not_drop_the_new_one() -> None:
    grants = Grants()
    slow = start(grants)
    assert (await sign_in(slow, "old")).headers["Authorization"] == "Bearer old"
    quick = start(grants)
    assert (await anext(quick)).headers["Authorization"] == "Bearer old"
    await quick.asend(refusal())
    assert (await quick.asend(made("new"))).headers["Authorization"] == "Bearer new"
    await finish(quick, httpx2.Response(200))
    await finish(slow, refusal())
    assert (await anext(start(grants))).headers["Authorization"] == "Bearer new"


async def test_a_token_that_was_refused_is_not_tried_again_even_when_no_new_one_can_be_made() -> None:
    grants = Grants()
    await sign_in(start(grants), "old")
    flow = start(grants)
    assert (await anext(flow)).headers["Authorization"] == "Bearer old"
    await flow.asend(refusal())
    with pytest.raises(LoginFailed):
        await flow.asend(httpx2.Response(403, request=httpx2.Request("GET", "https://ghcr.io/token")))
    assert "Authorization" not in (await anext(start(grants))).headers


async def test_a_token_of_one_user_signs_no_request_of_another() -> None:
    grants = Grants()
    await sign_in(start(grants, ALICE), "made-for-alice")
    for login in (None, BOB, Login(identity_token=SecretStr("x")), Login("", SecretStr("secret"))):
        assert "Authorization" not in (await anext(start(grants, login))).headers
    assert (await anext(start(grants, ALICE))).headers["Authorization"] == "Bearer made-for-alice"


async def test_a_token_for_one_repository_signs_no_request_to_another() -> None:
    grants = Grants()
    await sign_in(start(grants), "made")
    assert "Authorization" not in (await anext(start(grants, scope="repository:o/other:pull"))).headers


@pytest.mark.parametrize("login", [ALICE, Login(identity_token=SecretStr("x"))])
async def test_no_login_goes_to_a_public_realm_that_nobody_named(login: Login) -> None:
    flow = start(Grants(), login)
    await anext(flow)
    with pytest.raises(Blocked, match=r"^BLOCKED_REALM: .*realm_hosts"):
        await flow.asend(refusal("https://evil.example/token"))


async def test_an_anonymous_question_may_go_to_a_public_realm_and_its_redirects_go_to_public_hosts() -> None:
    flow = start(Grants())
    await anext(flow)
    asked = await flow.asend(refusal("https://auth.example/token"))
    assert (asked.url.host, "authorization" in asked.headers) == ("auth.example", False)
    asked = await flow.asend(httpx2.Response(307, headers={"Location": "https://other.example/t"}, request=asked))
    assert str(asked.url) == "https://other.example/t"
    assert (await flow.asend(made("x"))).headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
async def test_a_flow_that_is_left_at_any_step_frees_its_lock(steps: int) -> None:
    """The client closes the flow when a request fails, or when it is cancelled."""
    grants = Grants()
    flow = start(grants)
    answers = [None, refusal(), httpx2.Response(503, request=httpx2.Request("GET", URL)), made("x")]
    for answer in answers[:steps]:
        await (anext(flow) if answer is None else flow.asend(answer))
    await flow.aclose()
    with anyio.fail_after(PATIENCE):
        again = start(grants)
        await anext(again)
        await again.asend(refusal())
        await again.aclose()


async def test_a_flow_that_fails_in_the_hands_of_the_client_frees_its_lock() -> None:
    grants = Grants()
    flow = start(grants)
    await anext(flow)
    await flow.asend(refusal())
    with pytest.raises(httpx2.ReadError):
        await flow.athrow(httpx2.ReadError("gone"))
    with anyio.fail_after(PATIENCE):
        assert (await sign_in(start(grants), "x")).headers["Authorization"] == "Bearer x"


async def test_a_refusal_is_read_before_anybody_waits() -> None:
    """The client itself closes it only when the flow asks for the next request, and a connection is held until then."""
    grants = Grants()
    holder, waiting = start(grants), start(grants)
    await anext(holder)
    await holder.asend(refusal())
    await anext(waiting)
    answer = httpx2.Response(401, headers=refusal().headers, stream=_Body())
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(waiting.asend, answer)
            await anyio.wait_all_tasks_blocked()
            assert answer.is_closed
            group.cancel_scope.cancel()
    await holder.aclose()


class _Body(httpx2.AsyncByteStream):
    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        yield b"refused"
