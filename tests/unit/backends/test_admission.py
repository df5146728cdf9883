"""Limits: who waits, for how long, and that nothing of a place is ever lost."""

import asyncio
from datetime import timedelta

import pytest

from gateway.backends.admission import Admission, TokenBucket
from gateway.errors import BackendError
from tests.fakes.clock import Clock

LONG, SHORT = timedelta(seconds=30), timedelta(milliseconds=50)


class Crowd:
    """Tasks that enter a slot and stay until they are let out."""

    def __init__(self, admission: Admission, group: asyncio.TaskGroup) -> None:
        self._admission = admission
        self._group = group
        self.inside = 0
        self.most = 0

    def comes(self) -> tuple[asyncio.Task[None], asyncio.Event]:
        leave = asyncio.Event()
        return self._group.create_task(self._stay(leave)), leave

    async def _stay(self, leave: asyncio.Event) -> None:
        async with self._admission:
            self.inside += 1
            self.most = max(self.inside, self.most)
            try:
                await leave.wait()
            finally:
                self.inside -= 1


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_are_inside_than_there_are_connections() -> None:
    async with asyncio.TaskGroup() as group:
        crowd = Crowd(Admission("pacs", 2, 10, None, LONG), group)
        everybody = [crowd.comes() for _ in range(6)]
        await settle()
        assert crowd.inside == 2
        for _, leave in everybody:
            leave.set()

    assert crowd.most == 2


@pytest.mark.parametrize(("connections", "in_flight"), [(1, 5), (5, 1)])
async def test_whoever_waits_too_long_is_told_to_come_back(
    connections: int, in_flight: int
) -> None:
    admission = Admission("pacs", connections, in_flight, None, SHORT)
    async with admission:
        with pytest.raises(BackendError) as caught:
            async with admission:
                pass

    assert (caught.value.status, caught.value.category) == (503, "backend_limit")
    assert caught.value.retry_after == timedelta(seconds=1)


async def test_a_place_is_free_again_after_a_wait_that_ended_in_any_way() -> None:
    admission = Admission("pacs", 1, 3, None, SHORT)
    async with asyncio.TaskGroup() as group:
        crowd = Crowd(admission, group)
        first, leave = crowd.comes()
        await settle()
        for _ in range(3):
            waiting, _ = crowd.comes()
            await settle()
            waiting.cancel()
            await settle()
        for _ in range(3):
            with pytest.raises(BackendError):
                await enter(admission)
        leave.set()
        await first
        await enter(admission)


async def test_cancelling_at_the_moment_a_place_gets_free_loses_none() -> None:
    admission = Admission("pacs", 1, 10, None, LONG)
    for _ in range(20):
        async with asyncio.TaskGroup() as group:
            crowd = Crowd(admission, group)
            _, leave = crowd.comes()
            waiting, _ = crowd.comes()
            await settle()
            leave.set()
            await asyncio.sleep(0)
            waiting.cancel()
        await asyncio.wait_for(enter(admission), 1)


async def enter(admission: Admission) -> None:
    async with admission:
        pass


def test_a_bucket_lets_its_rate_pass_at_once_and_spreads_the_rest() -> None:
    bucket = TokenBucket(4.0, Clock(0.0))

    assert [bucket.take(10) for _ in range(7)] == [0, 0, 0, 0, 0.25, 0.5, 0.75]


def test_a_bucket_fills_again_but_not_over_its_rate() -> None:
    clock = Clock(0.0)
    bucket = TokenBucket(4.0, clock)
    for _ in range(4):
        bucket.take(10)
    clock.now = 0.25
    assert [bucket.take(10) for _ in range(2)] == [0, 0.25]

    clock.now = 1000
    assert [bucket.take(10) for _ in range(5)] == [0, 0, 0, 0, 0.25]


def test_a_bucket_below_one_a_second_spreads_all() -> None:
    bucket = TokenBucket(0.5, Clock(0.0))

    assert [bucket.take(10) for _ in range(3)] == [0, 2, 4]


def test_a_turn_that_is_too_far_off_is_not_taken() -> None:
    clock = Clock(0.0)
    bucket = TokenBucket(1.0, clock)
    assert [bucket.take(1.5) for _ in range(4)] == [0, 1, None, None]

    clock.now = 1.0
    assert bucket.take(1.5) == 1


async def test_over_the_rate_a_request_is_told_to_come_back_and_holds_no_place() -> None:
    clock = Clock(0.0)
    admission = Admission("pacs", 1, 1, TokenBucket(1.0, clock), timedelta(milliseconds=500))
    await enter(admission)
    for _ in range(2):
        with pytest.raises(BackendError) as caught:
            await enter(admission)
        assert caught.value.status == 503

    clock.now = 1.0
    await enter(admission)


async def test_whoever_gives_up_before_its_turn_holds_no_place() -> None:
    clock = Clock(0.0)
    admission = Admission("pacs", 1, 1, TokenBucket(1.0, clock), LONG)
    await enter(admission)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(enter(admission))
        await settle()
        waiting.cancel()

    clock.now = 5.0
    await enter(admission)
