"""Access tokens: which are accepted, and what happens when the issuer changes its keys or cannot be reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import anyio
import jwt
import pytest

from fuseboard.auth.access_tokens import AccessTokens
from fuseboard.auth.documents import NoDocument, jwks_of
from fuseboard.auth.key_set import KeySet
from fuseboard.auth.principal import KeysUnavailable, Unproven
from fuseboard.settings import AuthSettings
from tests.host.auth.issuer import RESOURCE, Issuer, ec_key, public_jwk, rsa_key

pytestmark = pytest.mark.anyio

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def shared() -> Iterator[Issuer]:
    """An issuer that no test changes."""
    with Issuer() as made:
        yield made


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as made:
        yield made


def judge(issuer: Issuer, now: Callable[[], float] = time.monotonic, **settings: Any) -> AccessTokens:
    """What a host with these settings makes of the issuer's tokens."""
    auth = AuthSettings(issuer=issuer.url, resource=RESOURCE, **settings)
    keys = KeySet(
        lambda: jwks_of(issuer.url, auth.jwks_uri),
        refresh=auth.keys_refresh,
        max_age=auth.keys_max_age,
        outage=auth.keys_outage,
        clock=now,
    )
    return AccessTokens(auth, keys)


async def test_a_good_token_names_its_bearer_with_scopes_and_roles(shared: Issuer) -> None:
    tokens = judge(shared, role_claims=["scope", "realm_access.roles", "https://x.example/roles"])
    claims = {"realm_access": {"roles": ["ops", 7]}, "https://x.example/roles": "night day", "client_id": "desk"}
    for kid in ("one", "two"):
        found = await tokens.principal(shared.token(kid, scope="read write", **claims))
        assert found.name == f"ada ({shared.url})"
        assert found.roles == {"read", "write", "ops", "night", "day"}
        assert (found.scopes, found.client, found.issuer) == (("read", "write"), "desk", shared.url)
    machine = await tokens.principal(shared.token(sub=None, azp="robot"))
    assert machine.name == f"robot ({shared.url})"


BAD: Mapping[str, Callable[[Issuer], str]] = {
    "wrong audience": lambda one: one.token(aud="https://other.example/mcp"),
    "no audience": lambda one: one.token(aud=None),
    "audience that only begins alike": lambda one: one.token(aud=f"{RESOURCE}/more"),
    "wrong issuer": lambda one: one.token(iss="https://evil.example"),
    "no issuer": lambda one: one.token(iss=None),
    "expired": lambda one: one.token(exp=int(time.time()) - 60),
    "no expiry": lambda one: one.token(exp=None),
    "not valid yet": lambda one: one.token(nbf=int(time.time()) + 600),
    "issued in the future": lambda one: one.token(iat=int(time.time()) + 600),
    "for nobody": lambda one: one.token(sub=None),
    "for a name that breaks lines": lambda one: one.token(sub="a\nb"),
    "another key": lambda one: one.token("one", key=rsa_key()),
    "another kind of key": lambda one: one.token("one", key=ec_key()),
    "an algorithm that is not allowed": lambda one: one.token("one", algorithm="RS512"),
    "PSS although its key says nothing of it": lambda one: one.token("one", algorithm="PS256"),
    "none": lambda one: jwt.encode({"iss": one.url, "aud": RESOURCE, "sub": "ada", "exp": 9e9}, None, "none"),
    "none, with the id of a key": lambda one: jwt.encode(
        {"iss": one.url, "aud": RESOURCE, "sub": "ada", "exp": 9e9}, None, "none", headers={"kid": "one"}
    ),
    "HS256 with the public key as its secret": lambda one: jwt.encode(
        {"iss": one.url, "aud": RESOURCE, "sub": "ada", "exp": 9e9},
        str(one.published[0]["n"]),
        "HS256",
        headers={"kid": "one"},
    ),
    "HS256 with the development secret of others": lambda one: jwt.encode(
        {"iss": one.url, "aud": RESOURCE, "sub": "ada", "exp": 9e9}, SECRET, "HS256"
    ),
    "an unknown key id": lambda one: one.token("nine", key=one.keys["one"]),
    "a key id that is no text": lambda one: jwt.encode(
        {"iss": one.url, "aud": RESOURCE, "sub": "ada", "exp": 9e9}, one.keys["one"], "RS256", headers={"jku": "x"}
    ).replace(".", ".e30", 1),
    "an ID token": lambda one: jwt.encode(
        {"iss": one.url, "aud": RESOURCE, "sub": "ada", "exp": 9e9},
        one.keys["one"],
        "RS256",
        headers={"kid": "one", "typ": "logout+jwt"},
    ),
    "nothing of a JWT": lambda one: "fb_whatever",
    "three dots": lambda one: "a.b.c",
    "too long": lambda one: one.token(more="x" * 20_000),
    "changed": lambda one: one.token()[:-4] + "AAAA",
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_token_is_refused(shared: Issuer, kind: str) -> None:
    with pytest.raises(Unproven) as refused:
        await judge(shared).principal(BAD[kind](shared))
    assert str(refused.value).count("\n") == 0
    assert "eyJ" not in str(refused.value), "nothing of the token is in the log"


async def test_a_clock_that_is_a_little_wrong_does_not_matter(shared: Issuer) -> None:
    now = int(time.time())
    for claims in ({"exp": now - 150}, {"nbf": now + 150}, {"iat": now + 150}):
        assert await judge(shared, leeway=300).principal(shared.token(**claims))
        with pytest.raises(Unproven):
            await judge(shared, leeway=0).principal(shared.token(**claims))


async def test_an_expiry_beyond_all_clocks_is_one(shared: Issuer) -> None:
    found = await judge(shared).principal(shared.token(exp=10**400))
    assert found.expires_at is not None
    assert found.expires_at < 2**41


async def test_audiences_stand_for_the_resource_and_other_algorithms_can_be_allowed(shared: Issuer) -> None:
    tokens = judge(shared, audiences=["api://board"], algorithms=["PS256"])
    assert await tokens.principal(shared.token(aud=["api://board", "other"], algorithm="PS256"))
    for bad in (shared.token(algorithm="PS256"), shared.token(aud="api://board")):
        with pytest.raises(Unproven):
            await tokens.principal(bad)


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS1"])
def test_a_symmetric_algorithm_cannot_be_allowed(algorithm: str) -> None:
    with pytest.raises(ValueError, match="may hold RS256"):
        AuthSettings(algorithms=[algorithm])


@pytest.mark.parametrize("url", ["http://id.example", "id.example", "ftp://id.example", "https://"])
def test_an_issuer_that_could_be_tampered_with_is_refused(url: str) -> None:
    for name in ("issuer", "resource", "jwks_uri"):
        with pytest.raises(ValueError, match="must begin with https"):
            AuthSettings(**{"issuer": "https://id.example", "resource": RESOURCE, name: url})


def test_issuer_and_resource_belong_together() -> None:
    for settings in ({"issuer": "https://id.example"}, {"resource": RESOURCE}, {"development_secret": SECRET}):
        with pytest.raises(ValueError, match=r"set both or neither|needs issuer and resource"):
            AuthSettings(**settings)


async def test_in_development_a_secret_signs_and_everything_else_still_holds(shared: Issuer) -> None:
    tokens = judge(shared, development_secret=SECRET)
    good = {"iss": shared.url, "aud": RESOURCE, "sub": "ada", "exp": int(time.time()) + 600}
    assert (await tokens.principal(jwt.encode(good, SECRET, "HS256"))).name.startswith("ada")
    for claims, secret in ((good | {"aud": "x"}, SECRET), (good | {"exp": 1}, SECRET), (good, SECRET[::-1])):
        with pytest.raises(Unproven):
            await tokens.principal(jwt.encode(claims, secret, "HS256"))


async def test_keys_that_should_not_verify_do_not(issuer: Issuer) -> None:
    weak = public_jwk(issuer.keys["one"], kid="encrypts") | {"use": "enc"}
    shared_secret = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0" * 8, "alg": "RS256"}
    bound = public_jwk(issuer.keys["one"], kid="bound", alg="RS512")
    broken = {"kty": "RSA", "kid": "broken", "n": "!"}
    issuer.published = [weak, shared_secret, bound, broken, "nonsense", *issuer.published]  # type: ignore[list-item]
    tokens = judge(issuer)
    assert await tokens.principal(issuer.token("one"))
    for kid in ("encrypts", "oct", "bound", "broken"):
        with pytest.raises(Unproven):
            await tokens.principal(issuer.token(kid, key=issuer.keys["one"]))


async def test_a_token_without_key_id_is_good_where_only_one_key_fits(issuer: Issuer) -> None:
    assert await judge(issuer).principal(issuer.token(None))
    issuer.published.append(public_jwk(rsa_key(), kid="three"))
    with pytest.raises(Unproven, match="names no key"):
        await judge(issuer).principal(issuer.token(None))


async def test_a_new_key_is_looked_for_and_at_most_every_so_often(issuer: Issuer) -> None:
    now = [0.0]
    tokens = judge(issuer, lambda: now[0], keys_refresh=30)
    assert await tokens.principal(issuer.token("one"))
    issuer.keys["new"] = rsa_key()
    issuer.published = [public_jwk(issuer.keys["new"], kid="new")]
    asked = len(issuer.asked)
    for _ in range(20):
        with pytest.raises(Unproven):
            await tokens.principal(issuer.token("new"))
    assert len(issuer.asked) == asked, "tokens of strangers do not make the host ask without end"
    now[0] = 31
    assert await tokens.principal(issuer.token("new"))
    with pytest.raises(Unproven):
        await tokens.principal(issuer.token("one"))


async def test_one_look_serves_all_who_wait_for_it(issuer: Issuer) -> None:
    tokens = judge(issuer)
    await asyncio.gather(*(tokens.principal(issuer.token("one")) for _ in range(50)))
    assert issuer.asked.count("/realm/keys") == 1


async def test_old_keys_serve_while_new_ones_cannot_be_fetched_but_not_for_ever(issuer: Issuer) -> None:
    now = [0.0]
    tokens = judge(issuer, lambda: now[0], keys_refresh=30, keys_max_age=100, keys_outage=1000)
    assert await tokens.principal(issuer.token("one"))
    issuer.status = 500
    now[0] = 200
    assert await tokens.principal(issuer.token("one"))
    now[0] = 240
    with pytest.raises(KeysUnavailable):
        await tokens.principal(issuer.token("unknown", key=rsa_key()))
    now[0] = 1000
    assert await tokens.principal(issuer.token("one"))
    now[0] = 1200
    with pytest.raises(KeysUnavailable):
        await tokens.principal(issuer.token("one"))
    issuer.status = 200
    now[0] = 1203
    assert await tokens.principal(issuer.token("one"))


async def test_nobody_waits_for_an_issuer_that_is_slow_to_give_its_keys_again(issuer: Issuer) -> None:
    now, slow = [0.0], anyio.Event()

    async def fetch() -> Mapping[str, Any]:
        if now[0]:
            await slow.wait()
        return {"keys": issuer.published}

    keys = KeySet(fetch, refresh=30, max_age=1000, outage=0, clock=lambda: now[0])
    await keys.key("one", "RS256")
    now[0] = 950
    with anyio.fail_after(60):
        assert (await keys.key("one", "RS256")).key_id == "one"
    issuer.published = issuer.published[1:]
    slow.set()
    await anyio.wait_all_tasks_blocked()
    with pytest.raises(Unproven):
        await keys.key("one", "RS256")


async def test_keys_that_were_withdrawn_while_nobody_came_are_not_trusted(issuer: Issuer) -> None:
    now = [0.0]
    tokens = judge(issuer, lambda: now[0], keys_max_age=100)
    assert await tokens.principal(issuer.token("one"))
    issuer.published = issuer.published[1:]
    now[0] = 101
    with pytest.raises(Unproven):
        await tokens.principal(issuer.token("one"))


async def test_without_any_key_nobody_is_let_in_and_nobody_is_called_wrong(issuer: Issuer) -> None:
    issuer.status = 503
    now = [0.0]
    tokens = judge(issuer, lambda: now[0])
    with pytest.raises(KeysUnavailable):
        await tokens.principal(issuer.token("one"))
    issuer.status, now[0] = 200, 3.0
    assert await tokens.principal(issuer.token("one"))


async def test_documents_that_are_wrong_give_no_keys(issuer: Issuer) -> None:
    with pytest.raises(NoDocument, match="another issuer"):
        await jwks_of(f"{issuer.url}/", None)
    with pytest.raises(NoDocument, match="status 404"):
        await jwks_of(issuer.url, f"{issuer.url}/nothing")
    with pytest.raises(NoDocument, match="cannot be reached"):
        await jwks_of(issuer.url, "http://127.0.0.1:1/keys")
    issuer.published = [{"kid": "x" * 300_000}]
    with pytest.raises(NoDocument, match="larger than"):
        await jwks_of(issuer.url, f"{issuer.url}/keys")


async def test_a_caller_that_leaves_does_not_end_the_look_that_others_wait_for(issuer: Issuer) -> None:
    tokens = judge(issuer)
    first = asyncio.ensure_future(tokens.principal(issuer.token("one")))
    await asyncio.sleep(0)
    first.cancel()
    with anyio.fail_after(60):
        assert await tokens.principal(issuer.token("one"))
