"""The opt-in live test, run as a user runs it, with the simulator in place of the service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuseboard_cloudru.simulator import Fault, Simulator, Switches

# Each is a run of pytest in a process of its own.
pytestmark = pytest.mark.slow

LIVE = Path(__file__).with_name("test_live.py")
ROOT = LIVE.parents[3]
# The registry's host is a public name, which a test must not ask; the OCI plugin says so instead.
NOBODY = {"FUSEBOARD_OCI_HOST_POLICY": "allowlist"}


EMITS = '"isPublic": "bool"'


def travel(simulator: Simulator, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        **simulator.environment(),
        **NOBODY,
        "FUSEBOARD_CLOUDRU_LIVE": "1",
        "FUSEBOARD_CLOUDRU_LIVE_PAUSE": "0.05",
        **more,
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(LIVE)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert simulator.secret not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize(
    ("switches", "learned"),
    [
        (Switches(), "update_quarantine_mode registry_id=... quarantine_mode=HIGH wait=True"),
        (
            Switches(quarantine_route="own", omit_defaults=False, opaque_ids=True),
            "[PATCH /v1/registries/{registry_id} 405, PATCH /v1/registries/{registry_id}/quarantine 200",
        ),
        (
            Switches(quarantine_route="put_own", update_answers="registry", missing_window=0.3, int_enums=True),
            "PUT /v1/registries/{registry_id}/quarantine 200]",
        ),
    ],
    ids=["omitting", "emitting", "numbers"],
)
def test_the_trip_passes_tells_which_routes_answered_and_leaves_nothing(switches: Switches, learned: str) -> None:
    with Simulator(switches) as simulator:
        done = travel(simulator)
        assert done.returncode == 0, done.stdout + done.stderr
        assert simulator.store.registries() == []
        made = [entry for entry in simulator.log if (entry.method, entry.path) == ("POST", "/v1/registries")]
        assert len(made) == 1
    assert learned in done.stdout
    assert (EMITS in done.stdout) is not switches.omit_defaults, "the raw list tells whether defaults come"
    assert "FAILED" not in done.stdout
    for words in ("token door iam: 200", "token door oauth: 200", "a list: 200", "filter: works", "it is gone"):
        assert words in done.stdout


def test_a_registry_that_was_there_before_stays_as_it_was() -> None:
    with Simulator() as simulator:
        before = simulator.store.add("production")
        assert travel(simulator).returncode == 0
        assert simulator.store.registries() == [before]
        assert [entry for entry in simulator.log if entry.method != "GET" and before.id in entry.path] == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PATCH /v1/registries/*", 403, times=None),
        Fault("GET /v1/operations", 404, times=None),
        Fault("DELETE /v1/registries/*", 409, times=1),
        # The creation is under way, and nobody can look at what becomes of it.
        Fault("GET /v1/registries/*", 403, times=None),
    ],
    ids=["update", "operations", "delete", "looking"],
)
def test_a_trip_that_fails_on_the_way_says_where_and_cleans_up(fault: Fault) -> None:
    with Simulator(Switches(faults=(fault,))) as simulator:
        done = travel(simulator)
        assert done.returncode == 1, done.stdout + done.stderr
        assert any(entry.method == "POST" and entry.path == "/v1/registries" for entry in simulator.log)
        assert simulator.store.registries() == []
    assert "FAILED" in done.stdout
    assert "it is gone" in done.stdout


def test_a_wrong_key_ends_the_trip_before_anything_is_made() -> None:
    with Simulator() as simulator:
        done = travel(simulator, CLOUD_RU_SECRET="wrong-" * 4)
        assert done.returncode == 1
        assert {entry.method for entry in simulator.log if "/v1/registries" in entry.path} <= {"GET"}
    assert "no token for this key" in done.stdout
    assert "wrong-wrong" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"FUSEBOARD_CLOUDRU_LIVE": ""}, "set FUSEBOARD_CLOUDRU_LIVE=1 and the three keys"),
        ({"CLOUD_RU_SECRET": ""}, "FUSEBOARD_CLOUDRU_LIVE is set, but not CLOUD_RU_SECRET"),
    ],
)
def test_without_the_word_or_a_key_it_is_skipped_and_says_why(given: dict[str, str], reason: str) -> None:
    with Simulator() as simulator:
        done = travel(simulator, **given)
        assert simulator.log == []
    assert "1 skipped" in done.stdout
    assert reason in done.stdout
