"""Logins that another plugin provides: who gets them, what wins over them, and that nothing shows them."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.to_thread
import pytest
from pydantic import SecretStr

import fuseboard_oci
from fuseboard import Board, hookimpl
from fuseboard.testing import PluginHost
from fuseboard_oci import credentials
from fuseboard_oci.client import RegistryClient
from fuseboard_oci.config import OciSettings
from fuseboard_oci.credentials import Source, provide, shared_login
from fuseboard_oci.errors import Blocked, LoginFailed, Unreachable
from fuseboard_oci.testing import HostileRegistry, InMemoryRegistry, LoopbackServer, Sink, seed_data
from fuseboard_oci.testing.http import Request, Response
from fuseboard_oci.transport.policy import HostPolicy
from tests.plugins.oci.helpers import ALICE, PATIENCE, Oci, asking, asking_nobody
from tests.plugins.oci.logins import docker_file

pytestmark = pytest.mark.anyio

SECRET = "hunter2-hunter2"


def pair(username: str = "alice", password: str = "secret") -> Source:
    return lambda: (username, SecretStr(password))


@contextmanager
def provided(pattern: str, source: Source, **options: Any) -> Iterator[None]:
    withdraw = provide(pattern, source, **options)
    try:
        yield
    finally:
        withdraw()


@contextmanager
def private_registry(auth: str = "token", **options: Any) -> Iterator[InMemoryRegistry]:
    with InMemoryRegistry(auth=auth, **options) as registry:  # type: ignore[arg-type]
        registry.seed(seed_data(many=0, parallel=0))
        yield registry


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> Iterator[None]:
    assert credentials._providers == {}
    yield
    assert credentials._providers == {}


@pytest.mark.parametrize("auth", ["token", "basic"])
async def test_a_provided_login_opens_a_private_repository_until_it_is_withdrawn(auth: str) -> None:
    with private_registry(auth) as registry:
        async with asking(registry) as oci:
            with provided(registry.host, pair()):
                assert await oci.tags("private/secret") == ["1.0"]
            with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .*asks for a login"):
                await oci.tags("private/secret")


async def test_a_login_that_changes_is_used_as_it_is_at_the_moment_of_the_call() -> None:
    now: list[tuple[str, SecretStr] | None] = [None]
    with private_registry("basic", users={"alice": "old", "bob": "b"}) as registry:
        async with asking(registry) as oci:
            with provided(registry.host, lambda: now[0]):
                with pytest.raises(LoginFailed, match="asks for a login"):
                    await oci.tags("private/secret")
                for username, password in (("alice", "old"), ("bob", "b")):
                    now[0] = (username, SecretStr(password))
                    assert await oci.tags("private/secret") == ["1.0"]
                now[0] = ("bob", SecretStr("wrong"))
                oci.client.grants = type(oci.client.grants)()
                with pytest.raises(LoginFailed, match=r"^UNAUTHORIZED: .* refused the shared credentials"):
                    await oci.tags("private/secret")


async def test_the_settings_win_over_what_is_provided_and_the_call_over_both() -> None:
    users = {"alice": "secret", "bob": "b", "carol": "c"}
    with private_registry("basic", users=users) as registry, provided(registry.host, pair("bob", "wrong")):
        async with asking(registry, **ALICE) as oci:
            assert await oci.tags("private/secret") == ["1.0"]
            assert await oci.tags("private/secret", username="carol", password=SecretStr("c")) == ["1.0"]
        async with asking(registry) as oci:
            with pytest.raises(LoginFailed, match="refused the shared credentials"):
                await oci.tags("private/secret")
            assert await oci.tags("private/secret", username="carol", password=SecretStr("c")) == ["1.0"]


async def test_what_is_provided_wins_over_dockers_files(tmp_path: Any) -> None:
    with private_registry("basic") as registry:
        docker_file(tmp_path, auths={registry.host: {"username": "alice", "password": "secret"}})
        settings = OciSettings.model_validate(
            {"registries": {registry.host: {"insecure": True}}, "docker_config": True, "limits": {"tags_age": 0}}
        )
        async with RegistryClient(settings, environ={"HOME": str(tmp_path)}) as client:
            oci = Oci(client, registry.host)
            refused = pytest.raises(LoginFailed, match="refused the shared credentials")
            with provided(registry.host, pair("bob", "wrong")), refused:
                await oci.tags("private/secret")
            with provided(registry.host, lambda: None):
                assert await oci.tags("private/secret") == ["1.0"]


@pytest.mark.parametrize(
    ("registry", "user"),
    [
        ("team.example.com", "wide"),
        ("named.example.com", "narrow"),
        ("example.com", None),
        ("a.team.example.com", None),
        ("team.example.com:5000", None),
        ("ghcr.io", None),
    ],
)
def test_a_pattern_fits_one_label_without_a_port_and_a_name_of_its_own_wins(registry: str, user: str | None) -> None:
    with provided("*.Example.com", pair("wide")), provided("https://named.example.com:443", pair("narrow")):
        login = shared_login(registry)
    assert (login.username if login else None) == user


def test_a_name_that_has_no_login_now_leaves_the_word_to_the_pattern() -> None:
    with provided("*.example.com", pair("wide")), provided("named.example.com", lambda: None):
        login = shared_login("named.example.com")
    assert login is not None
    assert login.username == "wide"


@pytest.mark.parametrize("pattern", ["*", "*.com", "*.example.com:5000", "a.*.com", "ghcr.io/x", "u:p@ghcr.io", ""])
def test_a_pattern_that_is_too_wide_or_no_name_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"is too wide|is no registry"):
        provide(pattern, pair())


@pytest.mark.parametrize("host", ["*.example.org", "https://auth.example.org/token", ""])
def test_a_realm_host_is_named_in_full(host: str) -> None:
    with pytest.raises(ValueError, match="is no registry"):
        provide("*.example.com", pair(), realm_hosts=[host])


def test_a_second_login_for_a_pattern_is_refused_and_the_first_one_stays() -> None:
    with provided("*.example.com", pair("first")):
        with pytest.raises(ValueError, match=r"a login for \*\.example\.com is provided already"):
            provide("*.EXAMPLE.com", pair("second"))
        login = shared_login("team.example.com")
    assert login is not None
    assert login.username == "first"


def test_withdrawing_twice_does_not_take_away_what_somebody_else_provides_by_then() -> None:
    withdraw = provide("ghcr.io", pair("first"))
    withdraw()
    with provided("ghcr.io", pair("second")):
        withdraw()
        login = shared_login("ghcr.io")
    assert login is not None
    assert login.username == "second"


def _breaks() -> tuple[str, SecretStr]:
    raise RuntimeError(f"no login {SECRET}")


@pytest.mark.parametrize(
    "source",
    [
        _breaks,
        lambda: ("a:b", SecretStr(SECRET)),
        lambda: ("a\udce9", SecretStr(SECRET)),
        lambda: ("", SecretStr(SECRET)),
        lambda: ("alice", SecretStr("")),
        lambda: ("alice", SECRET),
        lambda: "alice",
        lambda: SECRET,
    ],
)
def test_a_source_that_fails_or_gives_nonsense_is_no_login_and_says_so_without_the_secret(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    with provided("ghcr.io", source):
        assert shared_login("ghcr.io") is None
    assert "the login that is provided for ghcr.io" in caplog.text
    assert SECRET not in caplog.text


async def test_what_is_provided_opens_no_private_address_and_no_port_and_no_list() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    with provided("*.example.com", pair()), provided("127.0.0.1:5000", pair()):
        async with asking_nobody(resolve=resolve) as oci:
            for registry in ("team.example.com", "127.0.0.1:5000", "127.0.0.1", "team.example.com:80"):
                with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS"):
                    await oci.tags("demo/app", registry=registry)
        async with asking_nobody(host_policy="allowlist") as oci:
            with pytest.raises(Blocked, match=r"^BLOCKED_ADDRESS: .*not on the operator's list"):
                await oci.tags("demo/app", registry="team.example.com")


@pytest.mark.parametrize("vouched", [False, True])
async def test_a_provided_login_never_goes_to_a_realm_inside(vouched: bool) -> None:
    """Also when the provider names that host: only the operator may allow a private one."""
    with Sink() as sink, HostileRegistry(sink) as registry:
        with provided(registry.host, pair(), realm_hosts=[sink.host] if vouched else []):
            async with asking(registry) as oci:
                with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
                    await oci.details("realm-sink")
        assert sink.log == []


async def test_a_realm_host_of_the_provider_must_be_public_and_https() -> None:
    addresses = ["8.8.8.8"]

    async def resolve(host: str, port: int) -> list[str]:
        return addresses

    settings = OciSettings.model_validate({"registries": {"auth.corp": {}, "corp:5000": {"insecure": True}}})
    rules = HostPolicy(settings, resolve)
    vouched = frozenset({"auth.example.org", "auth.corp"})
    realm = "https://auth.example.org/token"
    found = await rules.check_realm("team.example.com", realm, with_credentials=True, vouched=vouched)
    assert str(found) == realm
    for registry, url in (
        ("team.example.com", "https://evil.example.com/token"),
        ("team.example.com", "http://auth.example.org/token"),
        ("corp:5000", "http://auth.example.org/token"),
        ("team.example.com", "https://auth.example.org:444/token"),
    ):
        with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
            await rules.check_realm(registry, url, with_credentials=True, vouched=vouched)
    addresses[:] = ["10.0.0.1"]
    for url in (realm, "https://auth.corp/token"):
        with pytest.raises(Blocked, match=r"^BLOCKED_REALM"):
            await rules.check_realm("team.example.com", url, with_credentials=True, vouched=vouched)


@pytest.mark.parametrize("realm_hosts", [[], ["auth.example.org"]])
async def test_the_realm_hosts_of_the_provider_count_for_its_login(realm_hosts: list[str]) -> None:
    """The realm is not there: who is allowed to go to it finds no address, who is not is told so."""

    class Elsewhere(LoopbackServer):
        def respond(self, request: Request) -> Response:
            return Response(401, [("WWW-Authenticate", 'Bearer realm="https://auth.example.org/token"')])

    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["8.8.8.8"] if len(asked) == 1 else []

    with Elsewhere() as registry, provided(registry.host, pair(), realm_hosts=realm_hosts):
        settings = OciSettings.model_validate(
            {"registries": {registry.host: {"insecure": True}}, "limits": {"retry_delay": 0}}
        )
        async with RegistryClient(settings, resolve=resolve) as client:
            with pytest.raises((Blocked, Unreachable)) as caught, anyio.fail_after(PATIENCE):
                await Oci(client, registry.host).tags("demo/app")
    wanted = "BLOCKED_ADDRESS: auth.example.org has an address" if realm_hosts else "BLOCKED_REALM: .*realm_hosts"
    assert caught.match(wanted)
    assert asked == ["auth.example.org"] * (2 if realm_hosts else 0)


async def test_no_repr_no_log_and_no_error_shows_a_provided_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    class Holder:
        def __repr__(self) -> str:
            return SECRET

        def __call__(self) -> tuple[str, SecretStr]:
            return "alice", SecretStr(SECRET)

    with private_registry("basic", users={"alice": "another"}) as registry, provided(registry.host, Holder()):
        async with asking(registry) as oci:
            with pytest.raises(LoginFailed) as caught:
                await oci.tags("private/secret")
            state = await fuseboard_oci.tools.check_registry(oci.context, registry.host)
        shown = [repr(credentials._providers), repr(shared_login(registry.host)), repr(caught.value), repr(state)]
    assert [text for text in [*shown, caplog.text] if SECRET in text] == []


async def test_many_threads_provide_ask_and_withdraw_at_once() -> None:
    """A lookup finds the login that belongs to the pattern or none, never one of another; nothing is left over."""
    wrong: list[object] = []
    together = threading.Barrier(8)

    def give_and_take(number: int) -> None:
        together.wait(timeout=PATIENCE)
        for turn in range(200):
            host = f"host{(number + turn) % 4}.example.com"
            try:
                withdraw = provide(host, pair(host))
            except ValueError:
                withdraw = None
            login = shared_login(host)
            if login is not None and login.username != host:
                wrong.append(login)
            if withdraw is not None:
                if login is None:
                    wrong.append(host)
                withdraw()

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(anyio.to_thread.run_sync, give_and_take, number)
    assert wrong == []


def test_a_source_may_withdraw_itself_while_it_is_asked() -> None:
    """Nothing is locked while foreign code runs."""

    def once() -> tuple[str, SecretStr]:
        withdraw()
        return "alice", SecretStr("secret")

    withdraw = provide("ghcr.io", once)
    assert shared_login("ghcr.io") is not None
    assert shared_login("ghcr.io") is None


async def test_a_plugin_beside_it_on_a_thread_of_its_own_gives_its_login_while_it_runs() -> None:
    threads: set[str] = set()

    def source() -> tuple[str, SecretStr]:
        threads.add(threading.current_thread().name)
        return "alice", SecretStr("secret")

    with private_registry() as registry:

        @asynccontextmanager
        async def lifespan(board: Board) -> Any:
            threads.add(threading.current_thread().name)
            with provided(registry.host, source):
                yield None

        giver = SimpleNamespace(lifespan=hookimpl(lifespan))
        settings = {"registries": {registry.host: {"insecure": True}}}
        question = {"registry": registry.host, "repository": "private/secret"}
        with anyio.fail_after(PATIENCE):
            async with PluginHost({"oci": fuseboard_oci, "giver": giver}, name="oci", settings=settings) as host:
                found = await host.call_tool("oci_list_tags", question)
        assert not found.is_error, found.content
        assert len(threads) == 2, "one provides, the other one asks"
        with anyio.fail_after(PATIENCE):
            async with PluginHost(fuseboard_oci, name="oci", settings=settings) as host:
                assert (await host.call_tool("oci_list_tags", question)).is_error


def test_the_example_of_the_readme_provides_a_login_and_withdraws_it() -> None:
    readme = (Path(__file__).parents[3] / "plugins" / "oci" / "README.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^```python\n(from pydantic.*?)^```", readme, re.MULTILINE | re.DOTALL)
    before, withdraw = example.split("withdraw()")
    scope: dict[str, Any] = {}
    exec(before, scope)
    login = shared_login("team.cr.example.com")
    exec(f"withdraw(){withdraw}", scope)
    assert login is not None
    assert login.username == "key-id"
