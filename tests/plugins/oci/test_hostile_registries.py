"""All tools against all hostile registries, with the limits that users have: what a model's client must survive."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from fuseboard_oci import tools
from fuseboard_oci.errors import Code
from fuseboard_oci.testing import BEHAVIOURS, HostileRegistry, Sink, seed_data
from fuseboard_oci.testing.hostile.bodies import BODIES
from fuseboard_oci.testing.hostile.lists import LISTS
from fuseboard_oci.testing.hostile.logins import LOGINS
from fuseboard_oci.testing.hostile.manifests import MANIFESTS
from tests.plugins.oci.hostile_run import Case, Pace

pytestmark = pytest.mark.slow

_REPOSITORY = Path(__file__).parents[3]
_PASSWORD = {"username": "alice", "password": "hunter2-password"}
_IDENTITY = {"identity_token": "hunter2-identity"}
_SECRETS = ("hunter2", base64.b64encode(b"alice:hunter2-password").decode())

_SEEDS = ("demo/app", "demo/multi", "demo/noplat", "demo/nested")

# Deeper in, after a good beginning: where, and which tools go there.
_PLACES = {
    "/blobs/": ("get_config", "get_details", "compare_images"),
    "/manifests/sha256:": ("get_config", "get_details", "get_manifest"),
    "/referrers/": ("list_referrers", "check_registry"),
}
_DEEPER = (
    *BODIES,
    *MANIFESTS,
    "redirect-sink",
    "basic-redirect",
    "realm-sink",
    "token-slow",
    "link-endless",
    "link-sink",
)
# What may cost memory is asked alone. The others cost time: who failed is asked again after a pause.
_FAILURES = {"cut", "hang-up", "no-http", "huge-header", "endless-headers", "endless-500"}
_LARGE = {*BODIES, *MANIFESTS, *LISTS} - _FAILURES


@dataclass(frozen=True, slots=True)
class Run:
    """What came of all cases: seconds and codes by case and tool, memory in bytes, and all text of the process."""

    outcomes: list[dict[str, Any]]
    growth: int
    text: str
    sink: Sink


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """One process asks everything, about 31 seconds long: that is how long a registry may drip.

    A busy machine takes minutes for the rest of it, which is work.
    """
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        cases = _cases(stack, sink)
        done = subprocess.run(
            [sys.executable, "-m", "tests.plugins.oci.hostile_run"],
            input=json.dumps([asdict(case) for case in cases]),
            cwd=_REPOSITORY,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        report = json.loads(done.stdout)
        yield Run(report["cases"], report["growth"], done.stdout + done.stderr, sink)


def _cases(stack: ExitStack, sink: Sink) -> list[Case]:
    """Start the registries: every behaviour for every tool, and some of them deeper in or with another login."""
    seeds = [repository for repository in seed_data(many=1, parallel=0) if repository.name in _SEEDS]
    cases: list[Case] = []

    def add(name: str, behaviour: str, tools: Iterable[str], *, only: str = "", login: dict[str, str]) -> None:
        pace: Pace = "slow" if "slow" in behaviour else "alone" if behaviour in _LARGE else "many"
        # A registry is asked 16 things at once at most, so that waiting for one answer is not waiting in a queue.
        for some in [(tool,) for tool in tools] if pace == "slow" else [tuple(tools)]:
            registry = stack.enter_context(HostileRegistry(sink, always=behaviour, only=only))
            registry.seed(seeds)
            cases.append(Case(name, registry.host, login, some, pace))

    for behaviour in BEHAVIOURS:
        add(behaviour, behaviour, tools.__all__, login=_PASSWORD)
    for behaviour in _DEEPER:
        for place, some in _PLACES.items():
            add(f"{behaviour} at {place}", behaviour, some, only=place, login=_PASSWORD)
    for behaviour in LOGINS:
        add(f"{behaviour} by identity token", behaviour, ("get_details",), login=_IDENTITY)
        add(f"{behaviour} by nobody", behaviour, ("get_details",), login={})
    return cases


def _shown(outcomes: list[dict[str, Any]]) -> list[str]:
    return [f"{one['case']}: {one['tool']}: {one['code']} after {one['seconds']:.1f} s" for one in outcomes]


def test_every_tool_was_asked_about_every_behaviour(run: Run) -> None:
    asked = {(outcome["case"], outcome["tool"]) for outcome in run.outcomes}
    assert {(name, tool) for name in BEHAVIOURS for tool in tools.__all__} <= asked


def test_every_hostile_case_ends_in_a_result_or_in_an_error_with_a_code(run: Run) -> None:
    known = {"result", *get_args(Code)}
    assert _shown([outcome for outcome in run.outcomes if outcome["code"] not in known]) == []


@pytest.mark.case(27)
def test_no_hostile_case_takes_much_longer_than_30_seconds(run: Run) -> None:
    """What is allowed beyond is for a busy machine; another wait for an answer would be 15 seconds or more."""
    assert _shown([outcome for outcome in run.outcomes if outcome["seconds"] > 44]) == []
    assert max(outcome["seconds"] for outcome in run.outcomes) > 29, "the slow ones were not slow"


def test_no_result_of_a_hostile_registry_is_longer_than_a_model_could_read(run: Run) -> None:
    assert _shown([outcome for outcome in run.outcomes if outcome["size"] > 2**18]) == []


@pytest.mark.case(27)
def test_hostile_registries_cost_less_than_64_mebibytes(run: Run) -> None:
    assert run.growth < 64 * 2**20


def test_nothing_internal_was_reached(run: Run) -> None:
    assert (run.sink.connections, run.sink.log) == (0, [])


def test_no_configured_secret_is_in_any_result_error_traceback_or_log(run: Run) -> None:
    assert "DEBUG" in run.text
    assert "Traceback" in run.text
    assert [secret for secret in _SECRETS if secret in run.text] == []
