"""Health: what is missing, what is refused and what is lost, each with its reason, and no key tried too often."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

import fuseboard_cloudru
from fuseboard import Caller, Context, HealthReport
from fuseboard.testing import PluginHost
from fuseboard_cloudru import health
from fuseboard_cloudru.account import REFUSED_FOR, Account
from fuseboard_cloudru.api import ArtifactRegistry
from fuseboard_cloudru.config import CloudruSettings
from fuseboard_cloudru.simulator import Fault, Simulator, Switches
from tests.plugins.cloudru.served import LONG, PATIENT, asked, row_of, section
from tests.ports import deserted_port

pytestmark = pytest.mark.anyio


@pytest.fixture
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that must come to their end have the time for it."""
    monkeypatch.setattr(health, "PATIENCE", LONG / 3)
    monkeypatch.setattr(health, "TIMEOUT", LONG / 2)


async def _check(section_: dict[str, Any]) -> tuple[str, HealthReport]:
    """The plugin's state, and what its check says."""
    with anyio.fail_after(LONG):
        async with PluginHost(fuseboard_cloudru, name="cloudru", settings=section_, fuse=PATIENT) as host:
            [check] = (await host.host.health())["cloudru"]
            return str((await row_of(host)).state), HealthReport(check.ok, check.message, check.details)


@pytest.mark.usefixtures("_busy_machine")
async def test_with_keys_that_work_it_is_well_and_a_short_list_was_asked_for() -> None:
    with Simulator() as simulator:
        state, report = await _check(section(simulator))
        assert set(asked(simulator)) == {"GET /v1/registries"}
        assert "pageSize=1" in simulator.log[-1].query
    assert (state, report.ok, report.message) == ("active", True, "")
    assert report.details == {"api_url": simulator.url, "project_id": simulator.project_id, "read_only": False}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "CLOUD_RU_KEY_ID and CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set"),
        ({"key_id": "k", "secret": "s"}, "CLOUD_RU_PROJECT_ID is not set"),
        ({"key_id": "k"}, "CLOUD_RU_SECRET and CLOUD_RU_PROJECT_ID are not set"),
    ],
)
async def test_without_keys_it_is_degraded_and_says_what_is_missing(given: dict[str, str], missing: str) -> None:
    state, report = await _check(given)
    assert state == "degraded"
    assert not report.ok
    assert report.message.startswith(f"NOT_CONFIGURED: {missing}")


@pytest.mark.usefixtures("_busy_machine")
async def test_wrong_keys_are_told_without_their_words() -> None:
    with Simulator() as simulator:
        state, report = await _check(section(simulator) | {"secret": "not the secret"})
    assert state == "degraded"
    assert report.message.startswith("KEY_REFUSED: POST /api/v1/auth/token answered 401")
    assert "not the secret" not in repr(report)


@pytest.mark.usefixtures("_busy_machine")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("GET /v1/*", 403, times=None), "DENIED: GET /v1/registries answered 403"),
        (Fault("GET /v1/*", 503, times=None), "UNREACHABLE: GET /v1/registries answered 503"),
        (Fault("GET /v1/*", "malformed", times=None), "BAD_ANSWER: GET /v1/registries answered 200"),
    ],
)
async def test_a_service_that_cannot_be_used_is_ill_for_its_reason(fault: Fault, reason: str) -> None:
    with Simulator(Switches(faults=(fault,))) as simulator:
        state, report = await _check(section(simulator))
    assert state == "degraded"
    assert report.message.startswith(reason)


@pytest.mark.usefixtures("_busy_machine")
async def test_a_service_that_is_gone_is_ill() -> None:
    with deserted_port() as port:
        gone = section(Simulator()) | dict.fromkeys(("iam_url", "api_url"), f"http://127.0.0.1:{port}")
        state, report = await _check(gone)
    assert state == "degraded"
    assert report.message.startswith("UNREACHABLE: ")


async def test_a_service_that_is_silent_is_ill_before_the_host_loses_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    assert health.PATIENCE < health.TIMEOUT
    monkeypatch.setattr(health, "PATIENCE", 0.1)
    with Simulator(Switches(faults=(Fault("GET /v1/*", "timeout", times=None),))) as simulator:
        _, report = await _check(section(simulator))
        assert report.message == f"{simulator.url} gave no answer within 0.1 s"


@pytest.mark.usefixtures("_busy_machine")
async def test_a_key_that_was_refused_is_not_tried_again_for_a_minute() -> None:
    now = 0.0
    with anyio.fail_after(LONG), Simulator() as simulator:
        settings = CloudruSettings.model_validate(section(simulator) | {"secret": "not the secret"})
        async with ArtifactRegistry(settings) as api:
            ctx = Context(state=Account(settings, api, clock=lambda: now), plugin="cloudru", caller=Caller("test"))
            first = await health.service(ctx)
            now = REFUSED_FOR - 0.1
            again = await health.service(ctx)
            tries = len(simulator.log)
            now = REFUSED_FOR + 0.1
            later = await health.service(ctx)
        assert first.message == again.message
        assert tries == 1
        assert len(simulator.log) == 2
    assert [first.ok, again.ok, later.ok] == [False, False, False]


@pytest.mark.usefixtures("_busy_machine")
async def test_a_service_that_is_lost_is_asked_again_at_once() -> None:
    with anyio.fail_after(LONG), Simulator(Switches(faults=(Fault("GET /v1/*", 500),))) as simulator:
        settings = CloudruSettings.model_validate(section(simulator))
        async with ArtifactRegistry(settings) as api:
            ctx = Context(state=Account(settings, api), plugin="cloudru", caller=Caller("test"))
            assert not (await health.service(ctx)).ok
            assert (await health.service(ctx)).ok


async def test_what_came_of_sharing_the_key_is_a_detail() -> None:
    settings = CloudruSettings.model_validate({})
    ctx = Context(state=Account(settings, sharing="shared"), plugin="cloudru", caller=Caller("test"))
    assert (await health.service(ctx)).details["share_with_oci"] == "shared"
