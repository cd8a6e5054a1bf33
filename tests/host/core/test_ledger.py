"""The ledger knows every plugin's state, how it may change, and tells those who watch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fuseboard.ledger import MAY_BECOME, NOISE_LINES_KEPT, UP, Ledger, Row, State


def row(name: str, state: State = State.STARTING) -> Row:
    return Row(name, f"fuseboard-{name}", "1.0", f"All about {name}", state)


@pytest.fixture
def ledger() -> Ledger:
    """One plugin that starts."""
    ledger = Ledger()
    ledger.open(row("oci"))
    return ledger


@pytest.mark.parametrize(("before", "after"), [(one, other) for one in State for other in State if one is not other])
def test_a_state_changes_only_into_those_that_can_follow_it(before: State, after: State) -> None:
    ledger = Ledger()
    ledger.open(row("oci", before))
    if after in MAY_BECOME[before]:
        ledger.move("oci", after)
        assert ledger["oci"].state is after
    else:
        with pytest.raises(ValueError, match=f"oci is {before} and cannot become {after}"):
            ledger.move("oci", after)
        assert ledger["oci"].state is before


def test_a_plugin_that_starts_ends_active_degraded_or_failed() -> None:
    assert MAY_BECOME[State.STARTING] == {State.ACTIVE, State.DEGRADED, State.FAILED}


def test_a_plugin_that_was_never_imported_stays_what_it_is() -> None:
    for state in (State.BLOCKED, State.INCOMPATIBLE, State.CONFLICTED):
        assert MAY_BECOME[state] == frozenset()


def test_only_plugins_that_are_active_or_degraded_are_served() -> None:
    assert {State.ACTIVE, State.DEGRADED} == UP


def test_a_change_keeps_the_stage_the_reason_and_the_time(ledger: Ledger) -> None:
    ledger["oci"].since = datetime.now(UTC) - timedelta(hours=1)
    ledger.move("oci", State.FAILED, stage="import", reason="no module named x")
    failed = ledger["oci"]
    assert (failed.state, failed.stage, failed.reason) == (State.FAILED, "import", "no module named x")
    assert datetime.now(UTC) - failed.since < timedelta(minutes=1)


def test_a_plugin_that_is_well_again_has_no_reason(ledger: Ledger) -> None:
    ledger.move("oci", State.DEGRADED, stage="health", reason="slow")
    ledger.move("oci", State.ACTIVE)
    assert (ledger["oci"].stage, ledger["oci"].reason) == ("", "")


def test_a_new_reason_for_the_same_state_keeps_the_time_and_is_not_told(ledger: Ledger) -> None:
    told: list[str] = []
    ledger.watch(lambda row: told.append(row.reason))
    ledger.move("oci", State.DEGRADED, reason="slow")
    since = ledger["oci"].since
    ledger.move("oci", State.DEGRADED, reason="slower")
    assert (ledger["oci"].reason, ledger["oci"].since, told) == ("slower", since, ["slow"])


def test_every_watcher_is_told_of_every_change(ledger: Ledger) -> None:
    first: list[State] = []
    second: list[State] = []
    ledger.watch(lambda row: first.append(row.state))
    ledger.watch(lambda row: second.append(row.state))
    ledger.move("oci", State.ACTIVE)
    ledger.move("oci", State.FAILED)
    assert first == second == [State.ACTIVE, State.FAILED]


def test_a_name_that_two_distributions_claim_has_a_row_for_each() -> None:
    ledger = Ledger()
    for distribution in ("one", "other"):
        ledger.open(Row("oci", distribution, "1.0", "", State.CONFLICTED))
    assert [row.distribution for row in ledger.rows()] == ["one", "other"]


def test_the_rows_are_sorted_by_name(ledger: Ledger) -> None:
    ledger.open(row("zoo"))
    ledger.open(row("ark"))
    assert [row.name for row in ledger.rows()] == ["ark", "oci", "zoo"]
    assert [row.name for row in ledger.in_state({State.STARTING})] == ["ark", "oci", "zoo"]
    assert ledger.in_state({State.ACTIVE}) == []


def test_what_a_plugin_prints_is_counted_and_the_last_lines_are_kept(ledger: Ledger) -> None:
    for number in range(NOISE_LINES_KEPT + 5):
        ledger.heard("oci", f"line {number}")
    ledger.heard("nobody", "is not known")
    assert ledger["oci"].noisy == NOISE_LINES_KEPT + 5
    assert next(iter(ledger["oci"].noise)) == "line 5"
    assert "nobody" not in ledger


def test_a_row_for_machines_holds_plain_values_only(ledger: Ledger) -> None:
    ledger["oci"].import_ms = 12.345
    ledger["oci"].since = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    ledger.heard("oci", "hello")
    assert ledger["oci"].as_json() == {
        "name": "oci",
        "distribution": "fuseboard-oci",
        "version": "1.0",
        "summary": "All about oci",
        "state": "starting",
        "stage": "",
        "reason": "",
        "since": "2026-11-21T09:30:00+00:00",
        "required": False,
        "import_ms": 12.3,
        "contributes": {},
        "tokens": 0,
        "noise": {"lines": 1, "last": ["hello"]},
        "blocking": "",
        "not_served": [],
    }
