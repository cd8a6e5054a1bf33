"""Whatever goes wrong at the service: every tool ends in time, with an error that says what, where and what to do."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Protocol

import anyio
import pytest

from fuseboard_cloudru import following
from fuseboard_cloudru.simulator import Fault, Simulator
from tests.plugins.cloudru.asking import hasty_about
from tests.plugins.cloudru.proof import Asked, asking, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LONG = 60

TOKENS = "/api/v1/auth/token"
READS: dict[str, dict[str, Any]] = {
    "list_registries": {},
    "get_registry": {"registry_id": "{read}"},
    "find_registry": {"name": "read"},
    "list_operations": {},
    "get_operation": {"operation_id": "{operation}"},
    "get_registry_operations": {"registry_id": "{read}"},
    "wait_for_operation": {"operation_id": "{operation}", "timeout": 30},
    "get_docker_login": {"registry_id": "{read}"},
}
WRITES: dict[str, dict[str, Any]] = {
    "create_registry": {"name": "made"},
    "update_registry": {"registry_id": "{changed}", "is_public": True},
    "update_quarantine_mode": {"registry_id": "{guarded}", "quarantine_mode": "HIGH"},
    "delete_registry": {"registry_id": "{deleted}", "confirm_name": "deleted"},
}
# What each write is at the API, so that a fault can meet it alone.
ROUTES = {
    "create_registry": "POST /v1/registries",
    "update_registry": "PATCH /v1/registries/{changed}",
    "update_quarantine_mode": "PATCH /v1/registries/{guarded}",
    "delete_registry": "DELETE /v1/registries/{deleted}",
}

# What a persistent fault of the API is called, and which status its text names.
API: dict[int | str, tuple[str, int | None]] = {
    401: ("KEY_REFUSED", 401),
    403: ("DENIED", 403),
    404: ("NOT_FOUND", 404),
    409: ("CONFLICT", 409),
    429: ("RATE_LIMITED", 429),
    500: ("UNREACHABLE", 500),
    502: ("UNREACHABLE", 502),
    503: ("UNREACHABLE", 503),
    504: ("UNREACHABLE", 504),
    "html": ("UNREACHABLE", 502),
    "timeout": ("UNREACHABLE", None),
    "reset": ("UNREACHABLE", None),
    "cut": ("UNREACHABLE", None),
    "slow": ("UNREACHABLE", None),
    "malformed": ("BAD_ANSWER", 200),
    "huge": ("BAD_ANSWER", 200),
}
# The same at the door where tokens are made. Nothing of a write was sent then.
DOOR = API | {
    403: ("KEY_REFUSED", 403),
    404: ("BAD_ANSWER", 404),
    405: ("BAD_ANSWER", 405),
    415: ("BAD_ANSWER", 415),
}
# What may have acted although it was not answered as it should be.
UNCLEAR = {"UNREACHABLE", "BAD_ANSWER"}


LIMITS = {"answer_bytes": 200_000}
# Only where a fault keeps everybody waiting: on a machine that is busy a right answer may be late.
HASTY = {"read_timeout": 1, "request_timeout": 1.5}


class Fills(Protocol):
    """Knows ids."""

    def filled(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments with ids in them."""
        ...


class World:
    """A simulated project with something for every tool.

    Args:
        simulator: where.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        store = simulator.store
        self.ids = {name: store.add(name).id for name in ("read", "changed", "guarded", "deleted")}
        self.ids["operation"] = store.run_retention(store.registry(self.ids["read"])).id
        self.ids["operation"] = store.update(store.registry(self.ids["read"]), {}).id
        self.tokens: set[str] = set()

    def filled(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments, with the ids that belong there."""
        return {name: self.text(value) if isinstance(value, str) else value for name, value in arguments.items()}

    def text(self, template: str) -> str:
        """A text with ids in it."""
        return template.format_map(self.ids)

    def writes(self) -> list[str]:
        """Every request that changes something and came in with a good token: method and path."""
        return [
            f"{entry.method} {entry.path}"
            for entry in self.simulator.log
            if entry.method != "GET" and entry.path != TOKENS and entry.authorised
        ]

    def assert_tells_nothing(self, text: str) -> None:
        """Fail when a secret, or a token that was ever given out, is in a text."""
        self.tokens |= set(self.simulator.store.tokens._ends)
        assert self.simulator.secret not in text
        assert [token for token in self.tokens if token in text or token.partition(".")[2] in text] == []


async def all_at_once(asked: Asked, world: Fills, calls: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Call several tools at the same time; each result by the tool's name."""
    found: dict[str, Any] = {}

    async def call(tool: str) -> None:
        found[tool] = await asked.call(tool, world.filled(calls[tool]))

    async with anyio.create_task_group() as group:
        for tool in calls:
            group.start_soon(call, tool)
    return found


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(following, "GRACE", 0.2)


@pytest.mark.parametrize("kind", API)
async def test_every_tool_names_a_fault_of_the_api(
    kind: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    code, status = API[kind]
    with anyio.fail_after(LONG), Simulator() as simulator:
        world = World(simulator)
        async with asking(simulator, limits=LIMITS) as asked:
            assert set(asked.tools) == {*READS, *WRITES}
            await asked.result("list_registries")
            # An answer that comes slowly must be one that is long.
            fault = Fault("/v1/*", kind, times=None, acts=None if kind == "slow" else False, pause=LONG)
            simulator.fail(hasty_about(monkeypatch, fault))
            results = await all_at_once(asked, world, READS | WRITES)
        world.assert_tells_nothing(caplog.text + "".join(str(record.__dict__) for record in caplog.records))
        assert {"httpcore2", "httpx2"} <= {record.name.partition(".")[0] for record in caplog.records}
        for tool, result in results.items():
            # A deletion is refused before it is sent: the registry cannot even be looked at.
            unclear = tool in WRITES and tool != "delete_registry" and code in UNCLEAR
            check_error(world, result, "OUTCOME_UNKNOWN" if unclear else code, status, "/v1/")
        sent = world.writes()
        assert len(sent) == len(set(sent)), "something was sent twice"


@pytest.mark.parametrize("kind", DOOR)
@pytest.mark.parametrize("door", ["iam", "oauth"])
async def test_every_tool_names_a_fault_of_the_token_door(
    kind: Any, door: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code, status = DOOR[kind]
    path = TOKENS if door == "iam" else "/auth/system/openid/token"
    with anyio.fail_after(LONG), Simulator() as simulator:
        world = World(simulator)
        simulator.fail(Fault(path, kind, times=None))
        limits = LIMITS | {"token_bytes": 100_000} | (HASTY if kind in ("timeout", "slow") else {})
        async with asking(simulator, limits=limits, token_door=door) as asked:
            results = await all_at_once(asked, world, READS | WRITES)
        world.assert_tells_nothing(caplog.text + "".join(str(record.__dict__) for record in caplog.records))
        for result in results.values():
            # Who does not get a turn at the door within its time says which request that was for.
            check_error(world, result, code, status, path if kind not in ("timeout", "slow") else "/")
        assert [entry for entry in simulator.log if entry.path.startswith("/v1/")] == []


def check_error(world: World, result: Any, code: str, status: int | None, route: str) -> None:
    """Hold an error against what every error promises."""
    text = text_of(result)
    assert result.is_error, text
    assert text.startswith(f"{code}: "), text
    assert re.search(rf"(GET|POST|PATCH|PUT|DELETE) {route}", text), f"no route in {text}"
    assert status is None or str(status) in text, f"no {status} in {text}"
    assert "; " in text, f"no advice in {text}"
    assert text.isprintable(), text
    assert len(text) < 1000, text
    world.assert_tells_nothing(text)


@pytest.mark.parametrize("kind", [502, 503, 504, "html", "reset", "cut"])
async def test_every_tool_that_reads_survives_a_gateway_that_fails_twice(kind: Any) -> None:
    with anyio.fail_after(LONG), Simulator() as simulator:
        world = World(simulator)
        async with asking(simulator) as asked:
            for tool, arguments in READS.items():
                begin = len(simulator.log)
                simulator.fail(Fault("GET /v1/*", kind, times=2))
                await asked.result(tool, **world.filled(arguments))
                assert len([entry for entry in simulator.log[begin:] if entry.fault]) == 2, tool
                simulator.heal()


# Faults that meet one write once: what comes of the write, when it did not reach the service, and when it did.
ONCE: dict[int | str, tuple[str, str]] = {
    401: ("done", ""),
    403: ("DENIED", ""),
    409: ("CONFLICT", ""),
    429: ("RATE_LIMITED", ""),
    500: ("OUTCOME_UNKNOWN", "done"),
    502: ("OUTCOME_UNKNOWN", "done"),
    503: ("OUTCOME_UNKNOWN", "done"),
    504: ("OUTCOME_UNKNOWN", "done"),
    "html": ("OUTCOME_UNKNOWN", "done"),
    "timeout": ("OUTCOME_UNKNOWN", "done"),
    "reset": ("OUTCOME_UNKNOWN", "done"),
    "cut": ("OUTCOME_UNKNOWN", "done"),
    "malformed": ("OUTCOME_UNKNOWN", "done"),
    "huge": ("OUTCOME_UNKNOWN", "done"),
    "slow": ("OUTCOME_UNKNOWN", "done"),
}
CASES = [(kind, acts) for kind, ends in ONCE.items() for acts in (False, True) if ends[acts]]


@pytest.mark.parametrize(("kind", "acts"), CASES)
async def test_no_write_is_repeated_blindly(kind: Any, acts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    end = ONCE[kind][acts]
    with anyio.fail_after(LONG), Simulator() as simulator:
        world = World(simulator)
        async with asking(simulator, limits=LIMITS) as asked:
            await asked.result("list_registries")
            for route in ROUTES.values():
                simulator.fail(hasty_about(monkeypatch, Fault(world.text(route), kind, acts=acts, pause=LONG)))
            results = await all_at_once(asked, world, WRITES)
        for tool, result in results.items():
            text = text_of(result)
            # A create that is surely not there is sent once more.
            if end == "done" or (tool == "create_registry" and end == "OUTCOME_UNKNOWN"):
                assert not result.is_error, text
                assert result.structured_content.get("registry") or result.structured_content.get("operation")
            else:
                assert text.startswith(f"{end}: "), f"{tool}: {text}"
        assert_sent_once(world, again=not acts and end == "OUTCOME_UNKNOWN", refused=kind == 401)
        names = sorted(registry.name for registry in simulator.store.registries())
        happened = end == "done"
        made = ["made"] if happened or end == "OUTCOME_UNKNOWN" else []
        assert names == sorted(["read", "changed", "guarded", *made, *([] if happened else ["deleted"])])
        assert simulator.store.registry(world.ids["changed"]).is_public is happened


def assert_sent_once(world: World, *, again: bool, refused: bool) -> None:
    """Count the requests of each write.

    Args:
        world: where.
        again: whether the create is sent twice, with a look at the names in between.
        refused: whether each is met by a 401, after which the very same request comes with a new token.
    """
    log = world.simulator.log
    for tool, template in ROUTES.items():
        method, path = world.text(template).split(" ")
        at = [index for index, entry in enumerate(log) if (entry.method, entry.path) == (method, path)]
        if refused:
            assert [log[index].status for index in at] == [401, 200], tool
            assert len({log[index].request_id for index in at}) == 1
        elif again and tool == "create_registry":
            first, second = at
            assert log[first].request_id != log[second].request_id
            between = log[first + 1 : second]
            assert any((entry.method, entry.path, entry.status) == ("GET", path, 200) for entry in between)
        else:
            assert len(at) == 1, tool
    assert all(entry.request_id for entry in log)
