"""The breaker's states, with a clock that the test moves."""

from datetime import timedelta

import pytest

from gateway.backends.breaker import Breaker
from gateway.errors import BackendError
from gateway.telemetry.metrics import BreakerState
from tests.fakes.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def states() -> list[BreakerState]:
    return []


@pytest.fixture
def breaker(clock: Clock, states: list[BreakerState]) -> Breaker:
    return Breaker("pacs", 3, timedelta(seconds=30), clock, states.append)


def fail(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        breaker.enter().failed()


def state(breaker: Breaker) -> BreakerState:
    return breaker.state


def refused(breaker: Breaker) -> BackendError:
    with pytest.raises(BackendError) as caught:
        breaker.enter()
    return caught.value


def test_failures_in_a_row_open_it(breaker: Breaker, states: list[BreakerState]) -> None:
    fail(breaker, 2)
    assert state(breaker) is BreakerState.CLOSED

    fail(breaker, 1)
    assert state(breaker) is BreakerState.OPEN
    assert states == [BreakerState.OPEN]


def test_a_success_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    for _ in range(5):
        fail(breaker, 2)
        breaker.enter().succeeded()

    assert state(breaker) is BreakerState.CLOSED


def test_while_open_a_request_is_told_when_to_come_back(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 10

    error = refused(breaker)

    assert (error.status, error.category) == (503, "breaker_open")
    assert error.retry_after == timedelta(seconds=20)
    with pytest.raises(BackendError):
        breaker.check()


def test_after_its_time_one_request_probes_and_the_others_wait(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker)
    clock.now += 30
    breaker.check()
    probe = breaker.enter()

    assert state(breaker) is BreakerState.HALF_OPEN
    assert refused(breaker).retry_after == timedelta(seconds=1)

    probe.succeeded()
    breaker.enter().succeeded()
    assert state(breaker) is BreakerState.CLOSED


def test_a_probe_that_fails_opens_it_again_for_as_long(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 30
    breaker.enter().failed()

    assert refused(breaker).retry_after == timedelta(seconds=30)


def test_a_probe_that_is_given_up_leaves_the_next_request_to_probe(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker)
    clock.now += 30
    breaker.enter().abandoned()
    breaker.enter().succeeded()

    assert state(breaker) is BreakerState.CLOSED


def test_what_began_before_it_opened_changes_nothing_when_it_ends(
    breaker: Breaker, clock: Clock
) -> None:
    late = [breaker.enter() for _ in range(3)]
    fail(breaker)
    clock.now += 10
    late[0].failed()
    late[1].succeeded()
    late[2].abandoned()

    assert refused(breaker).retry_after == timedelta(seconds=20)


def test_a_count_starts_anew_once_it_closed(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 30
    breaker.enter().succeeded()
    fail(breaker, 2)

    assert state(breaker) is BreakerState.CLOSED


def test_only_the_first_word_on_a_requests_end_counts(breaker: Breaker) -> None:
    for _ in range(3):
        passage = breaker.enter()
        passage.failed()
        passage.abandoned()
        passage.succeeded()

    assert state(breaker) is BreakerState.OPEN


def test_requests_that_are_given_up_prove_nothing(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.enter().abandoned()
    fail(breaker, 1)

    assert state(breaker) is BreakerState.OPEN


def test_every_change_is_told(breaker: Breaker, clock: Clock, states: list[BreakerState]) -> None:
    fail(breaker)
    clock.now += 30
    breaker.enter().failed()
    clock.now += 30
    breaker.enter().succeeded()

    assert states == [
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.CLOSED,
    ]
