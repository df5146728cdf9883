"""Health: told by every answer, and by a question now and then."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.backends.base import Health
from gateway.backends.health import HealthCheck
from tests.fakes.pacs import Cut, Pacs, Raw, Reply, stay
from tests.fakes.transports import ANYBODY, SHORT, Bounds, Wired, wired

PATH = "/dicom-web/studies"
OFTEN = timedelta(milliseconds=20)


@pytest.fixture
async def pacs() -> AsyncIterator[Pacs]:
    async with Pacs() as pacs:
        yield pacs


def check_of(w: Wired, *, every: timedelta = OFTEN, anonymous: bool = False) -> HealthCheck:
    path = "/studies?limit=1"
    return HealthCheck(w.transport, w.vitals, path, every, lambda: 0.5, anonymous=anonymous)


async def health_after_one_check(pacs: Pacs, bounds: Bounds, *, anonymous: bool = False) -> Health:
    async with wired(pacs, bounds) as w:
        await check_of(w, anonymous=anonymous).check()
        return w.vitals.health


async def test_before_the_first_answer_nothing_is_known(pacs: Pacs) -> None:
    async with wired(pacs) as w:
        assert w.vitals.health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        *((Reply(json=[]), Health.UP), (Reply(204), Health.UP), (Reply(404), Health.UP)),
        *((Reply(400), Health.UP), (Reply(401), Health.DOWN), (Reply(403), Health.DOWN)),
        *((Reply(500), Health.DOWN), (Reply(503), Health.DOWN), (Raw([Cut.CLOSE]), Health.DOWN)),
        (Raw([stay()]), Health.DOWN),
    ],
)
async def test_a_check_tells_what_an_archive_is_good_for(
    pacs: Pacs, reply: Reply | Raw, expected: Health
) -> None:
    pacs.on("GET", PATH, reply)

    assert await health_after_one_check(pacs, Bounds(search=SHORT)) is expected
    assert pacs.requests[0].query == "limit=1"


@pytest.mark.parametrize("status", [401, 403])
async def test_an_archive_that_wants_the_callers_token_is_up(pacs: Pacs, status: int) -> None:
    pacs.on("GET", PATH, Reply(status))

    assert await health_after_one_check(pacs, Bounds(), anonymous=True) is Health.UP


async def test_checks_go_on_and_end_with_their_context(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(json=[]))
    async with wired(pacs) as w:
        async with check_of(w).repeated():
            await pacs.wait_for(lambda pacs: len(pacs.requests) >= 3)
        asked = len(pacs.requests)
        await asyncio.sleep(3 * OFTEN.total_seconds())

        assert len(pacs.requests) == asked


async def test_a_check_under_way_does_not_outlive_its_context(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([stay()]))
    async with wired(pacs) as w:
        async with check_of(w).repeated():
            await pacs.wait_for(lambda pacs: pacs.active == 1)
        await pacs.wait_for(lambda pacs: pacs.open_connections == 0)


async def test_an_archive_that_comes_back_is_noticed(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([Cut.CLOSE]), Raw([Cut.CLOSE]), Reply(json=[]))
    async with wired(pacs, Bounds(failures=1, open_for=SHORT)) as w, check_of(w).repeated():
        await pacs.wait_for(lambda _: w.vitals.health is Health.DOWN)
        await pacs.wait_for(lambda _: w.vitals.health is Health.UP)


async def test_an_ordinary_answer_tells_that_an_archive_is_up(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(json=[]))
    async with wired(pacs) as w:
        w.vitals.failed()
        async with w.transport.request("GET", "studies", context=ANYBODY):
            pass

        assert w.vitals.health is Health.UP


async def test_the_gateways_own_bounds_say_nothing_of_the_archive(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([stay()]))
    bounds = Bounds(in_flight=1, patience=SHORT)
    async with wired(pacs, bounds) as w, asyncio.TaskGroup() as group:
        w.vitals.answered()
        busy = group.create_task(check_of(w).check())
        await pacs.wait_for(lambda pacs: pacs.active == 1)
        await check_of(w).check()
        busy.cancel()

        assert w.vitals.health is Health.UP


async def test_each_change_is_counted(pacs: Pacs) -> None:
    async with wired(pacs) as w:
        w.vitals.answered()
        assert 'gateway_backend_up{backend="pacs"} 1.0' in w.metrics.render().decode()
        w.vitals.failed()
        assert 'gateway_backend_up{backend="pacs"} 0.0' in w.metrics.render().decode()
