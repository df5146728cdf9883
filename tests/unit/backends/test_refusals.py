"""The memory of what a backend refused."""

from datetime import timedelta

from gateway.backends.refusals import Refusals
from tests.fakes.clock import Clock


def test_what_was_refused_is_remembered_for_an_hour() -> None:
    clock = Clock()
    refusals = Refusals(clock=clock)
    refusals.remember("fuzzymatching")

    clock.now += timedelta(minutes=59).total_seconds()
    assert refusals.holds("fuzzymatching")
    assert not refusals.holds("includefield=all")
    clock.now += timedelta(minutes=2).total_seconds()
    assert not refusals.holds("fuzzymatching")


def test_what_the_operator_left_out_is_never_asked_for() -> None:
    clock = Clock()
    refusals = Refusals(frozenset({"fuzzymatching"}), clock)
    clock.now += timedelta(days=365).total_seconds()

    assert refusals.holds("fuzzymatching")


def test_the_oldest_is_forgotten_before_the_memory_grows() -> None:
    refusals = Refusals(clock=Clock())
    for number in range(300):
        refusals.remember(("limit", number))

    assert not refusals.holds(("limit", 0))
    assert sum(refusals.holds(("limit", number)) for number in range(300)) == 256


def test_what_is_refused_again_counts_as_young() -> None:
    refusals = Refusals(clock=Clock())
    for number in range(256):
        refusals.remember(number)
    refusals.remember(0)
    refusals.remember("one more")

    assert refusals.holds(0)
    assert not refusals.holds(1)
