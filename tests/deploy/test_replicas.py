"""Two real replicas behind the shipped nginx site, TLS included, and the SDK's clients of both eras."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from anyio.abc import TaskGroup
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult

from fuseboard.settings.token_line import TokenLine, digest_of, new_token
from tests.deploy.edge import Nginx
from tests.deploy.toy import TOY
from tests.host.transports.http_process import HttpProcess
from tests.host.transports.toys import Toybox

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.slow]

TOKEN = new_token()
CALLS = 2000
CLIENTS = 8  # half of them in each era
KEPT = CALLS // CLIENTS // 4
OLD_KEY, NEW_KEY = "an-older-key-of-at-least-thirty-two-bytes", "the-new-key-of-at-least-thirty-two-bytes"
NO_SESSION = "Session not found"
# Seconds until nginx has noticed that a replica is dead, also one that is not run for a moment.
NOTICED = 5
LONGEST = 600  # seconds that anything here may take; whoever waits for what never ends gives up later than the test


@dataclass
class House:
    """Two replicas behind one nginx."""

    nginx: Nginx
    replicas: list[HttpProcess]
    toys: Toybox

    def journal(self, what: str) -> list[tuple[int, str]]:
        """Who noted what: the process id of the replica, and the rest of the line."""
        lines = (line.split(" ", 2) for line in self.toys.journal())
        return [(int(line[0]), line[2]) for line in lines if line[1] == what]

    @asynccontextmanager
    async def client(self, mode: str, number: int = 0, **options: Any) -> AsyncIterator[Client]:
        """A client with an address of its own: nginx sends those of the older revisions to a replica by address."""
        transport = httpx2.AsyncHTTPTransport(verify=self.nginx.trust, local_address=f"127.0.0.{10 + number}")
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(transport=transport, headers=headers, timeout=LONGEST) as http:
            target = streamable_http_client(f"{self.nginx.origin}/mcp", http_client=http)
            async with Client(target, mode=mode, read_timeout_seconds=LONGEST, **options) as client:
                yield client


@contextmanager
def house(folder: Path, right_keys: str = "", **settings: str) -> Iterator[House]:
    toys = Toybox(folder)
    toys.add("toy", TOY)
    toys.settings = {f"FUSEBOARD_{name}": value for name, value in settings.items()}
    toys.settings["FUSEBOARD_FUSES__TOY__CALL_TIMEOUT"] = str(LONGEST)
    toys.settings["FUSEBOARD_HTTP__ALLOWED_HOSTS"] = "localhost:*"
    toys.settings["FUSEBOARD_AUTH__TOKENS_FILE"] = str(folder / "tokens")
    (folder / "tokens").write_text(f"{TokenLine('alice', digest_of(TOKEN))}\n")
    with HttpProcess(toys) as left, ExitStack() as rest:
        if right_keys:
            toys.settings["FUSEBOARD_REQUEST_STATE_KEYS"] = right_keys
        right = rest.enter_context(HttpProcess(toys))
        for replica in (left, right):
            replica.client.headers["authorization"] = f"Bearer {TOKEN}"
            replica.ready()
        with Nginx(folder / "nginx", [left.port, right.port]) as nginx:
            yield House(nginx, [left, right], toys)


async def until(condition: Callable[[], bool], seconds: float = LONGEST) -> None:
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.005)


@dataclass
class Run:
    """What became of the calls."""

    sent: dict[int, float] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)
    # Calls that ended with an error, and when they were sent.
    broken: dict[int, float] = field(default_factory=dict)
    # Calls that no replica took because their session had gone: these are made again.
    refused: Counter[int] = field(default_factory=Counter)
    errors: set[str] = field(default_factory=set)
    # Set when the replica is dead. Until then everybody keeps a part of the calls: somebody must be left to notice.
    killed: anyio.Event = field(default_factory=anyio.Event)

    def is_broken(self, number: int) -> None:
        self.broken[number] = self.sent[number]


async def caller(house: House, mode: str, number: int, run: Run) -> None:
    """Make every eighth call, one after the other; after a session has gone, in a new one, as clients have to."""
    todo = list(range(CALLS)[number::CLIENTS])[::-1]
    while todo:
        try:
            await one_session(house, mode, number, todo, run)
        except* (httpx2.RemoteProtocolError, httpx2.ReadError):
            # The replica had told how long its answer is, and died before it sent it: the SDK's client ends with that.
            run.is_broken(todo.pop())


async def one_session(house: House, mode: str, number: int, todo: list[int], run: Run) -> None:
    """Make calls until all are made, or until the session has gone."""
    async with house.client(mode, number) as client:
        while todo:
            if len(todo) <= KEPT:
                await run.killed.wait()
            run.sent[todo[-1]] = time.monotonic()
            try:
                result = await client.call_tool("toy_count", {"number": todo[-1]})
            except MCPError as error:
                run.errors.add(error.error.message)
                if error.error.message == NO_SESSION:
                    run.refused[todo[-1]] += 1
                    return
                run.is_broken(todo.pop())
            else:
                assert not result.is_error, result
                assert result.structured_content == {"result": todo[-1] + 1}
                run.answered.add(todo.pop())


async def hostage(house: House, name: str, number: int, outcomes: dict[str, str]) -> None:
    """A call that ends only when its replica does."""
    async with house.client("auto", 100 + number) as client:
        if number % 2:
            await client.list_tools()  # one request more than the other kind, as the replicas take turns
        try:
            await client.call_tool("toy_hold", {"name": name})
        except MCPError as error:
            outcomes[name] = error.error.message


async def hold_both(house: House, tasks: TaskGroup, outcomes: dict[str, str]) -> None:
    """Leave at least one such call in each replica."""
    for number in range(20):
        tasks.start_soon(hostage, house, f"hostage{number}", number, outcomes)
        await until(lambda count=number + 1: len(house.journal("hold")) == count)  # type: ignore[misc]
        if len({process for process, _ in house.journal("hold")}) == 2:
            return
    pytest.fail("one replica got all calls")


@pytest.mark.parametrize("sessions", ["true", "false"])
async def test_of_two_thousand_calls_only_those_in_flight_in_a_killed_replica_end_with_an_error(
    tmp_path: Path, sessions: str
) -> None:
    run, held = Run(), dict[str, str]()
    with house(tmp_path, HTTP__SESSIONS=sessions) as served, anyio.fail_after(LONGEST):
        async with anyio.create_task_group() as tasks:
            await hold_both(served, tasks, held)
            async with anyio.create_task_group() as callers:
                for number in range(CLIENTS):
                    mode = "auto" if number % 2 else "legacy"
                    callers.start_soon(caller, served, mode, number, run)
                await until(lambda: len(run.answered) >= CALLS // 2 and 0 in run.answered)
                # The one that has the session of the first client.
                (first,) = (process for process, number in served.journal("count") if number == "0")
                (killed,) = (replica for replica in served.replicas if replica.process.pid == first)
                killed.process.kill()
                killed.process.wait()
                dead = time.monotonic()
                run.killed.set()
            # Those in the replica that was killed have been told; those in the other one go on.
            lost = {name for process, name in served.journal("hold") if process == first}
            await until(lambda: set(held) == lost)
            ran = served.journal("count")
            tasks.cancel_scope.cancel()
    assert run.answered | set(run.broken) == set(range(CALLS))
    # No call ran twice, every answer was earned, and whoever was told of no session was not served.
    times = Counter(int(number) for _, number in ran)
    assert set(times.values()) == {1}
    assert run.answered <= set(times)
    # Of each client one call at most was under way, sent before the death.
    assert max(Counter(number % CLIENTS for number in run.broken).values(), default=0) <= 1
    assert all(sent < dead + NOTICED for sent in run.broken.values())
    # Both have served their part until then, and the survivor the rest.
    shares = Counter(process for process, _ in ran)
    assert len(shares) == 2
    assert min(shares.values()) > CALLS / 50
    if sessions == "false":
        assert not run.refused
    else:
        # Clients of the older revisions whose session died with the replica, told once each.
        assert 0 < len(run.refused) < CLIENTS // 2 + 1
        assert set(run.refused.values()) == {1}
    told = {"No replica answered; the call may or may not have run", "SSE stream ended without a response"}
    assert run.errors <= told | {NO_SESSION}
    assert set(held.values()) <= told


async def answer_yes(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"sure": True})


async def ask_ten_times(served: House) -> list[str]:
    """What came of ten questions whose answers go to whichever replica is next."""
    outcomes = []
    async with served.client("auto", elicitation_callback=answer_yes) as client:
        for number in range(10):
            try:
                result = await client.call_tool("toy_ask", {"name": f"q{number}"})
            except MCPError as error:
                outcomes.append(str(error.error.code))
            else:
                outcomes.append(result.content[0].text)  # type: ignore[union-attr]
    return outcomes


async def test_an_answer_that_reaches_the_other_replica_is_understood_when_they_share_their_keys(
    tmp_path: Path,
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("the-first-key-of-at-least-thirty-two-bytes\nan-older-key-of-at-least-thirty-two-bytes\n")
    with house(tmp_path, REQUEST_STATE_KEYS_FILE=str(keys)) as served, anyio.fail_after(LONGEST):
        outcomes = await ask_ten_times(served)
        asked = served.journal("ask")
    assert outcomes == [f"q{number}: accept" for number in range(10)]
    replicas_of = {name: {process for process, other in asked if other == name} for _, name in asked}
    assert 2 in {len(replicas) for replicas in replicas_of.values()}


@pytest.mark.parametrize(
    ("not_yet", "restarted"),
    [([OLD_KEY], [OLD_KEY, NEW_KEY]), ([OLD_KEY, NEW_KEY], [NEW_KEY, OLD_KEY]), ([NEW_KEY, OLD_KEY], [NEW_KEY])],
    ids=["added below", "put on top", "removed"],
)
async def test_a_key_is_exchanged_in_three_steps_while_replicas_of_both_sides_of_each_serve(
    tmp_path: Path, not_yet: list[str], restarted: list[str]
) -> None:
    with (
        house(tmp_path, ",".join(restarted), REQUEST_STATE_KEYS=",".join(not_yet)) as served,
        anyio.fail_after(LONGEST),
    ):
        outcomes = await ask_ten_times(served)
    assert outcomes == [f"q{number}: accept" for number in range(10)]


async def test_a_key_that_seals_before_all_replicas_have_it_is_refused_by_the_others(tmp_path: Path) -> None:
    both = f"{NEW_KEY},{OLD_KEY}"
    with house(tmp_path, both, REQUEST_STATE_KEYS=OLD_KEY) as served, anyio.fail_after(LONGEST):
        assert "-32602" in await ask_ten_times(served)


async def test_without_shared_keys_such_an_answer_is_refused(tmp_path: Path) -> None:
    with house(tmp_path) as served, anyio.fail_after(LONGEST):
        assert "-32602" in await ask_ten_times(served)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_progress_reaches_the_client_before_the_result(tmp_path: Path, mode: str) -> None:
    there = tmp_path / "there"

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        # The tool waits for this file: were the answer kept back, it would never end.
        there.touch()

    async with AsyncExitStack() as stack:
        served = stack.enter_context(house(tmp_path))
        stack.enter_context(anyio.fail_after(LONGEST))
        client = await stack.enter_async_context(served.client(mode))
        result = await client.call_tool("toy_tell", {"path": str(there)}, progress_callback=on_progress)
    assert result.content[0].text == "done"  # type: ignore[union-attr]
