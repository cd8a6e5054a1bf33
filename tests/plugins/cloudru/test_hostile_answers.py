"""Whatever JSON the service answers: every tool that reads gives a result of its schema, or an error with a name."""

from __future__ import annotations

import json
import re
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuseboard_cloudru import following
from tests.plugins.cloudru.proof import UNKNOWN_ID, Answers, Asked, Got, Reply, asking, text_of

pytestmark = pytest.mark.slow

LONG = 300
CODES = re.compile(
    r"(KEY_REFUSED|DENIED|NOT_FOUND|CONFLICT|RATE_LIMITED|REJECTED|BAD_ANSWER|OPERATION_FAILED|UNREACHABLE): "
    # A registry that docker cannot use, and an id out of an answer that cannot be asked for.
    r"|INVALID_INPUT: (registry .* holds|registry_id is) "
)
CALLS: dict[str, dict[str, Any]] = {
    "list_registries": {},
    "get_registry": {"registry_id": UNKNOWN_ID},
    "find_registry": {"name": "alpha"},
    "list_operations": {},
    "get_operation": {"operation_id": UNKNOWN_ID},
    "get_registry_operations": {"registry_id": UNKNOWN_ID},
    "wait_for_operation": {"operation_id": UNKNOWN_ID, "timeout": 0.05},
    "get_docker_login": {"registry_id": UNKNOWN_ID},
}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(10**400)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
)
FIELDS = [
    *("id", "name", "registryType", "registry_type", "registryMode", "status", "isPublic", "quarantineMode", "tariff"),
    *("retentionPolicyIsEnabled", "retentionPolicy", "onlyUntagged", "action", "constraint", "value", "unit", "on"),
    *("upstream", "url", "loginId", "metadataTtl", "mirror", "createdAt", "updatedAt", "resourceId", "resourceName"),
    *("description", "done", "error", "code", "message", "details", "fieldViolations", "field"),
    *("registries", "operations", "nextPageToken"),
]
# Values that nearly fit, in places where they nearly belong.
likely = st.sampled_from(
    [
        "alpha",
        UNKNOWN_ID,
        "DOCKER",
        "ACTIVE",
        "HIGH",
        "",
        "true",
        "NaN",
        0,
        1,
        7,
        -1,
        2**63,
        1.5,
        True,
        False,
        None,
        [],
        {},
    ]
)
message = st.recursive(
    likely | scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=20,
)
registry = st.fixed_dictionaries(
    {"id": st.just(UNKNOWN_ID), "name": st.just("alpha")},
    optional={name: message for name in FIELDS if name not in ("id", "name", "registries", "operations")},
)
operation = st.fixed_dictionaries(
    {"id": st.just(UNKNOWN_ID)}, optional=dict.fromkeys(("done", "error", "resourceId", "description"), message)
)
pages = st.fixed_dictionaries(
    {},
    optional={"registries": st.lists(registry, max_size=3), "operations": st.lists(operation), "nextPageToken": likely},
)
bodies = anything | message | registry | operation | pages | registry.map(lambda one: one | {"done": True})


async def _check(asked: Asked, tool: str, shown: str) -> None:
    """One tool: `Asked.call` has held a result against its schema already."""
    result = await asked.call(tool, CALLS[tool])
    text = text_of(result)
    if result.is_error:
        assert CODES.match(text), f"{tool} on {shown}: {text}"
        assert text.isprintable()
        assert len(text) < 1200, f"{tool} on {shown}: {text}"
    else:
        json.loads(text, parse_constant=_no_json)


def _no_json(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def _run(*replies: Reply) -> None:
    """Give every tool these answers, each on a plugin of its own that is asked once by every tool."""

    async def run() -> None:
        current = replies[0]

        def answer(got: Got) -> Reply:
            # The health check hears that all is well: else the host would stop asking at all.
            return Reply() if got.path.endswith("pageSize=1") else current

        with anyio.fail_after(LONG), Answers(answer) as service:
            async with asking(service, limits={"answer_bytes": 50_000, "pages": 3}) as asked:
                assert set(CALLS) == {name for name, tool in asked.tools.items() if tool.annotations.read_only_hint}
                for current in replies:
                    for tool in CALLS:
                        await _check(asked, tool, repr(current))

    anyio.run(run)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(following, "GRACE", 0.05)
    monkeypatch.setattr(following, "SHORT_GRACE", 0.05)


replies = st.builds(
    Reply, st.sampled_from([200, 200, 200, 201, 400, 404, 500]), bodies.map(lambda body: json.dumps(body).encode())
)
ODD = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"0",
    b"\xff\xfe",
    b"{" * 20_000,
    b"[" * 20_000,
    b'{"id": "x", "name": "y", "id": "z"}',
    b'{"a": ' + b"1" * 5_000 + b"}",
    b'{"id": NaN, "done": Infinity}',
    b'{"registries": [{}], "operations": [{}]}',
    b'{"registries": {"0": {}}, "nextPageToken": 7}',
    b'{"registries": [' + b'{"id": "1", "name": "a"},' * 1_500 + b'{"id": "2", "name": "b"}]}',
    b'{"registries": [], "nextPageToken": "same"}',
    b'{"id": "\\ud800", "name": "\\u202e\\u0000", "description": "\\ud800\\u0007"}',
    json.dumps({"id": UNKNOWN_ID, "name": "x" * 20_000, "description": "y" * 20_000}).encode(),
    json.dumps(
        {"id": UNKNOWN_ID, "done": True, "error": {"code": 2**40, "message": "m\u2028\x1b[31m" * 3_000}}
    ).encode(),
    json.dumps(
        {"code": 3, "message": "m\u202e" * 3_000, "details": [{"fieldViolations": [{"field": "f" * 9_000}] * 50}]}
    ).encode(),
    # A character that Unicode has not assigned (its two halves are one in JSON).
    b'{"id": "x", "name": "\\ud82f\\udc7d", "error": "\\ud82f\\udc7d"}',
    json.dumps({"error": {"code": 16, "message": ["no text"], "details": "none"}}).encode(),
    json.dumps({"error": None, "message": None, "code": True}).encode(),
]


def test_every_reading_tool_survives_odd_bodies_with_every_kind_of_status() -> None:
    _run(*[Reply(status, body) for body in ODD for status in (200, 400, 404, 500)])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([Reply(200, b'{"done": true, "resourceId": "..", "id": "."}')])
@given(st.lists(replies, min_size=8, max_size=8))
def test_every_reading_tool_survives_any_json(some: list[Reply]) -> None:
    """Eight answers at a time, since a host takes longer to start than to answer."""
    _run(*some)
