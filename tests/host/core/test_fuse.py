"""A fuse blows after faults in a row, refuses calls for a while, and lets one through to try."""

from __future__ import annotations

import pytest

from fuseboard.errors import Unavailable
from fuseboard.fuse import LONGEST_COOL_DOWN, Fuse, FuseState


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fuse(clock: Clock) -> Fuse:
    """One that blows after two faults in a row, for five seconds."""
    return Fuse("oci", threshold=2, cool_down=5.0, clock=clock)


def blown(fuse: Fuse) -> Fuse:
    fuse.failed("the registry is gone")
    fuse.failed("the registry is gone")
    return fuse


def test_a_new_fuse_lets_calls_through(fuse: Fuse) -> None:
    fuse.admit()
    assert fuse.state is FuseState.CLOSED


def test_faults_in_a_row_blow_it(fuse: Fuse) -> None:
    fuse.failed("one")
    assert fuse.state is FuseState.CLOSED
    fuse.failed("two")
    assert fuse.state is FuseState.BLOWN
    assert fuse.reason == "two"


def test_a_success_between_two_faults_forgets_the_first(fuse: Fuse) -> None:
    fuse.failed("one")
    fuse.succeeded()
    fuse.failed("two")
    assert fuse.state is FuseState.CLOSED


def test_a_call_that_says_nothing_of_the_plugin_neither_counts_nor_forgets(fuse: Fuse) -> None:
    fuse.failed("one")
    fuse.neither()
    assert fuse.state is FuseState.CLOSED
    fuse.failed("two")
    assert fuse.state is FuseState.BLOWN


def test_a_blown_fuse_says_whose_it_is_why_and_when_it_is_tried_again(fuse: Fuse, clock: Clock) -> None:
    blown(fuse)
    clock.now += 1.5
    with pytest.raises(Unavailable) as refused:
        fuse.admit()
    assert str(refused.value) == "oci does not work at the moment: the registry is gone (tried again in 3.5 s)"


def test_after_the_cool_down_exactly_one_call_tries_it(fuse: Fuse, clock: Clock) -> None:
    blown(fuse)
    clock.now += 5.0
    fuse.admit()
    assert fuse.state is FuseState.HALF_OPEN
    with pytest.raises(Unavailable, match="a call is trying it now"):
        fuse.admit()


def test_a_try_that_works_closes_it(fuse: Fuse, clock: Clock) -> None:
    blown(fuse)
    clock.now += 5.0
    fuse.admit()
    fuse.succeeded()
    assert (fuse.state, fuse.reason) == (FuseState.CLOSED, "")
    fuse.failed("one")
    assert fuse.state is FuseState.CLOSED, "the faults from before count no more"


def test_each_try_that_fails_doubles_the_cool_down_up_to_a_minute(fuse: Fuse, clock: Clock) -> None:
    blown(fuse)
    for seconds in (5.0, 10.0, 20.0, 40.0, LONGEST_COOL_DOWN, LONGEST_COOL_DOWN):
        clock.now += seconds - 0.01
        with pytest.raises(Unavailable):
            fuse.admit()
        clock.now += 0.01
        fuse.admit()
        fuse.failed("still gone")
        assert fuse.state is FuseState.BLOWN


def test_one_fault_is_enough_to_blow_it_while_it_is_tried_and_a_success_resets_the_cool_down(
    fuse: Fuse, clock: Clock
) -> None:
    blown(fuse)
    clock.now += 5.0
    fuse.admit()
    fuse.failed("still gone")
    clock.now += 10.0
    fuse.admit()
    fuse.succeeded()
    blown(fuse)
    clock.now += 5.0
    fuse.admit()
    assert fuse.state is FuseState.HALF_OPEN


def test_a_try_that_says_nothing_leaves_the_next_call_to_try(fuse: Fuse, clock: Clock) -> None:
    """The client cancelled the call that tried, for example."""
    blown(fuse)
    clock.now += 5.0
    fuse.admit()
    fuse.neither()
    assert fuse.state is FuseState.BLOWN
    fuse.admit()
    assert fuse.state is FuseState.HALF_OPEN


def test_it_can_be_blown_at_once_for_a_reason_that_is_known(fuse: Fuse, clock: Clock) -> None:
    fuse.blow("connection: refused")
    with pytest.raises(Unavailable, match="connection: refused"):
        fuse.admit()
    clock.now += 5.0
    fuse.admit()


def test_late_faults_of_calls_that_began_before_it_blew_do_not_put_the_try_off(fuse: Fuse, clock: Clock) -> None:
    """Many calls were under way when it blew, and each misses its deadline at another moment."""
    blown(fuse)
    clock.now += 4.0
    fuse.failed("late")
    clock.now += 1.0
    fuse.admit()
    assert fuse.state is FuseState.HALF_OPEN


@pytest.mark.parametrize("outcome", ["failed", "neither", "succeeded"])
def test_the_outcome_of_an_old_call_is_not_taken_for_that_of_the_try(fuse: Fuse, clock: Clock, outcome: str) -> None:
    """A call that began before the fuse blew may end while another one tries it."""
    old = fuse.admit()
    blown(fuse)
    clock.now += 5.0
    ticket = fuse.admit()
    if outcome == "failed":
        fuse.failed("late", old)
    else:
        getattr(fuse, outcome)(old)
    assert fuse.state is FuseState.HALF_OPEN, "the try is still under way"
    with pytest.raises(Unavailable, match="a call is trying it now"):
        fuse.admit()
    fuse.succeeded(ticket)
    assert fuse.state is FuseState.CLOSED


def test_an_old_success_does_not_close_a_fuse_that_has_just_blown(fuse: Fuse) -> None:
    old = fuse.admit()
    blown(fuse)
    fuse.succeeded(old)
    assert fuse.state is FuseState.BLOWN


def test_every_change_is_told(clock: Clock) -> None:
    told: list[FuseState] = []
    fuse = Fuse("oci", threshold=1, cool_down=5.0, clock=clock, changed=lambda: told.append(fuse.state))
    fuse.admit()
    fuse.succeeded()
    assert told == []
    fuse.failed("gone")
    clock.now += 5.0
    fuse.admit()
    fuse.succeeded()
    assert told == [FuseState.BLOWN, FuseState.HALF_OPEN, FuseState.CLOSED]
