"""What signals ask of a process."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable

import pytest

from gateway.serving.stop import StopSignals, happens_within


def test_sigterm_asks_for_a_gentle_end() -> None:
    stop = StopSignals()
    stop.terminate()

    assert (stop.asked.is_set(), stop.gentle, stop.at_once.is_set()) == (True, True, False)


def test_an_interrupt_asks_for_an_end_without_delay() -> None:
    stop = StopSignals()
    stop.interrupt()

    assert (stop.asked.is_set(), stop.gentle, stop.at_once.is_set()) == (True, False, False)


@pytest.mark.parametrize("second", [StopSignals.terminate, StopSignals.interrupt])
def test_a_second_signal_of_any_kind_ends_at_once(second: Callable[[StopSignals], None]) -> None:
    stop = StopSignals()
    stop.terminate()
    second(stop)

    assert stop.at_once.is_set()


async def test_signals_are_heard_by_their_kind_and_only_inside_the_context() -> None:
    stop = StopSignals()
    with stop.heard((signal.SIGTERM, signal.SIGINT)):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.asked.wait(), 5)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(stop.at_once.wait(), 5)

    assert stop.gentle
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_a_signal_that_came_while_blocked_is_heard() -> None:
    """A worker is born with them blocked, so that it loses none while it starts."""
    stop = StopSignals()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    with stop.heard((signal.SIGTERM,)):
        await asyncio.wait_for(stop.asked.wait(), 5)

    assert stop.gentle


async def test_waiting_for_an_event_has_an_end() -> None:
    event = asyncio.Event()

    assert not await happens_within(event, 0.0)
    event.set()
    assert await happens_within(event, 0.0)
