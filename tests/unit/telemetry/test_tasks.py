"""Tasks that run beside their caller."""

import asyncio
from contextlib import suppress

import pytest

from gateway.telemetry.tasks import beside, spawn


async def test_a_task_runs_beside_its_caller_under_its_name() -> None:
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    task = spawn(work(), "some work")

    await done.wait()
    assert task.get_name() == "some work"


async def test_a_failure_is_logged_when_it_happens(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError

    task = spawn(fail(), "bad work")
    with suppress(ValueError):
        await task

    (record,) = caplog.records
    assert record.getMessage() == "The task bad work failed"
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


async def test_an_end_by_cancellation_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    task = spawn(asyncio.Event().wait(), "waiting")  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert caplog.records == []


async def test_what_runs_beside_a_context_has_ended_with_it() -> None:
    course: list[str] = []

    async def work() -> None:
        course.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            course.append("ended")

    async with beside(work, "work"):
        await asyncio.sleep(0)
        course.append("inside")

    assert course == ["begun", "inside", "ended"]


async def test_a_failure_beside_a_context_is_logged_and_leaves_it_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise ValueError

    async with beside(fail, "bad work"):
        await asyncio.sleep(0)

    assert [record.getMessage() for record in caplog.records] == ["The task bad work failed"]
