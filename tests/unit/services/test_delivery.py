"""How instances go on, and what the archive makes of them: see `gateway.services.delivery`."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gateway.backends.base import Instance
from gateway.dicom.multipart import read_parts
from gateway.dicom.store_report import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    FailedInstance,
    StoredInstance,
    StoreReport,
)
from gateway.errors import (
    BackendError,
    BackendRefused,
    GatewayError,
)
from gateway.services.events import InstanceStored, StudyChanged
from gateway.services.spool import Spool, SpooledBody, SpoolSettings
from tests.fakes.store_requests import (
    BOUNDARY,
    STUDY,
    dicom_file,
    in_chunks,
    instance_uid,
    multipart,
)
from tests.fakes.store_setup import (
    CT,
    Setup,
    all_stored,
    away,
    end_of_deliveries,
    failed,
    many_turns,
    resource_of,
    stored,
)


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def test_whole_instances_reach_the_archive_byte_for_byte(setup: Setup) -> None:
    files = [dicom_file(number) for number in range(1, 4)]
    report = await setup.send(multipart(files))
    assert report == StoreReport((stored(1), stored(2), stored(3)))
    assert report.status == 200
    assert setup.archive.batches == [files]
    assert setup.archive.studies == [None]


async def test_instances_go_on_in_batches(setup: Setup) -> None:
    setup.batch = 2
    files = [dicom_file(number) for number in range(1, 6)]
    report = await setup.send(multipart(files))
    assert [len(batch) for batch in setup.archive.batches] == [2, 2, 1]
    assert report.stored == tuple(stored(number) for number in range(1, 6))


async def test_large_instances_go_on_before_the_batch_is_full(setup: Setup, tmp_path: Path) -> None:
    setup.spool = Spool(SpoolSettings(folder=tmp_path))
    setup.max_instance = 50_000_000
    files = [dicom_file(number, pixels=36_000_000) for number in (1, 2, 3)]
    report = await setup.send(multipart(files))
    assert [len(batch) for batch in setup.archive.batches] == [2, 1]
    assert setup.archive.batches[1] == [files[2]]
    assert len(report.stored) == 3


OTHER_STUDY = "1.2.826.0.1.3680043.8.498.9"


async def test_an_instance_that_is_sent_again_goes_on_in_the_next_batch(setup: Setup) -> None:
    """What an archive says names the SOP Instance UID alone."""
    files = [dicom_file(1), dicom_file(2), dicom_file(1, study=OTHER_STUDY), dicom_file(3)]
    setup.archive.react = lambda instances: StoreReport(
        tuple(
            StoredInstance(each.resource, each.sop_class)
            for each in instances
            if each.resource.study == STUDY
        ),
        tuple(failed(1, 0x0111) for each in instances if each.resource.study == OTHER_STUDY),
    )
    report = await setup.send(multipart(files))
    assert setup.archive.batches == [files[:2], files[2:]]
    assert report == StoreReport((stored(1), stored(2), stored(3)), (failed(1, 0x0111),))


async def test_an_instance_that_fills_the_batch_that_it_begins_goes_on_with_it(
    setup: Setup, tmp_path: Path
) -> None:
    setup.spool = Spool(SpoolSettings(folder=tmp_path))
    setup.max_instance = 100_000_000
    files = [dicom_file(1), dicom_file(1, pixels=70_000_000), dicom_file(2)]
    report = await setup.send(multipart(files))
    assert [len(batch) for batch in setup.archive.batches] == [1, 1, 1]
    assert report == StoreReport((stored(1), stored(1), stored(2)))


async def test_an_instance_that_is_sent_again_is_stored_when_the_client_goes_away(
    setup: Setup,
) -> None:
    setup.archive.gate = asyncio.Event()
    files = [dicom_file(number) for number in (1, 1, 2, 2, 3)]
    async with asyncio.TaskGroup() as group:
        storing = group.create_task(setup.send(multipart(files)))
        await setup.archive.begun.wait()
        await many_turns()
        storing.cancel()
    setup.archive.gate.set()
    await end_of_deliveries()
    assert setup.spool.memory_used == 0
    assert setup.archive.batches == [files[:1], files[1:3], files[3:4]]


class BadSpool(Spool):
    """One whose bodies cannot be freed without an error."""

    def new(self) -> SpooledBody:
        return _BadBody(self)


class _BadBody(SpooledBody):
    async def close(self) -> None:
        await super().close()
        raise RuntimeError("Doe^Jane")


@pytest.mark.parametrize("count", [1, 5])
async def test_what_cannot_be_freed_hurts_neither_its_store_nor_the_next(
    setup: Setup, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    setup.batch, setup.spool = 2, BadSpool()
    files = [dicom_file(number) for number in range(1, count + 1)]
    async with asyncio.timeout(5):
        report = await setup.send(multipart(files))
    assert report == StoreReport(tuple(stored(number) for number in range(1, count + 1)))
    assert [file for batch in setup.archive.batches for file in batch] == files
    assert [record.getMessage() for record in caplog.records] == [
        "What was received could not be freed"
    ] * count


async def test_a_delivery_that_is_cancelled_does_not_hang_the_store(setup: Setup) -> None:
    """As by a shared task that an archive's answer waits for, and somebody else ended."""

    def cancelled(instances: Sequence[Instance]) -> StoreReport:
        raise asyncio.CancelledError

    setup.batch, setup.archive.react = 1, cancelled
    body = multipart([dicom_file(number) for number in range(1, 6)])
    async with asyncio.timeout(5):
        with pytest.raises(GatewayError) as problem:
            await setup.send(body)
    assert problem.value.status == 500


async def test_one_batch_is_received_while_another_is_sent_and_no_more(setup: Setup) -> None:
    setup.batch, setup.archive.gate = 1, asyncio.Event()
    body = multipart([dicom_file(number) for number in range(1, 5)])
    read = 0

    async def watched() -> AsyncIterator[bytes]:
        nonlocal read
        async for chunk in in_chunks(body, 100):
            read += len(chunk)
            yield chunk

    async with asyncio.TaskGroup() as group:
        storing = group.create_task(setup.store(read_parts(watched(), BOUNDARY)))
        await setup.archive.begun.wait()
        await many_turns()
        assert setup.archive.started == 1
        assert read < len(body) * 0.6
        setup.archive.gate.set()
    assert len(storing.result().stored) == 4


async def test_progress_at_the_archive_is_told(setup: Setup) -> None:
    await setup.send(multipart([dicom_file(), dicom_file(2)]))
    assert setup.moved == 2


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_an_archive_that_is_away_is_told_as_such(setup: Setup, status: int) -> None:
    setup.archive.react = away(status)
    with pytest.raises(BackendError) as problem:
        await setup.send(multipart([dicom_file(1), dicom_file(2)]))
    assert problem.value.status == status


async def test_an_archive_that_goes_away_in_the_middle_leaves_a_report(setup: Setup) -> None:
    setup.batch = 1
    reactions = iter([all_stored, away(504), all_stored])
    setup.archive.react = lambda instances: next(reactions)(instances)
    report = await setup.send(multipart([dicom_file(number) for number in (1, 2, 3)]))
    assert report == StoreReport((stored(1), stored(3)), (failed(2, PROCESSING_FAILURE),))
    assert report.status == 202


@pytest.mark.parametrize(
    ("status", "upstream", "reason"),
    [(503, None, 0xA700), (502, 507, 0xA700), (502, 403, 0x0124), (502, 500, 0x0110)],
)
async def test_a_lost_batch_has_the_archives_reason(
    setup: Setup, status: int, upstream: int | None, reason: int
) -> None:
    setup.batch = 1
    reactions = iter([all_stored, away(status, upstream)])
    setup.archive.react = lambda instances: next(reactions)(instances)
    report = await setup.send(multipart([dicom_file(1), dicom_file(2)]))
    assert report.failed == (failed(2, reason),)


@pytest.mark.parametrize("upstream", [400, 413, 415, 422])
async def test_what_the_archive_refused_is_reported(setup: Setup, upstream: int) -> None:
    def react(instances: Sequence[Instance]) -> StoreReport:
        raise BackendRefused(
            upstream, "No.", "backend_refused", backend="memory", upstream_status=upstream
        )

    setup.archive.react = react
    report = await setup.send(multipart([dicom_file(1)]))
    assert report.status == 409
    assert [failure.instance for failure in report.failed] == [instance_uid(1)]


async def test_different_causes_are_a_report(setup: Setup) -> None:
    setup.archive.react = away()
    report = await setup.send(multipart([dicom_file(1), b"junk"]))
    assert report.status == 409
    assert set(report.failed) == {failed(1, PROCESSING_FAILURE), FailedInstance(CANNOT_UNDERSTAND)}


async def test_two_kinds_of_error_are_a_report(setup: Setup) -> None:
    setup.max_instance = 1000
    too_large = multipart([dicom_file(1)], closed=False)
    report = await setup.send(too_large + multipart([b"x"], part_type="text/plain"))
    assert report.status == 409
    assert report.failed == (failed(1, OUT_OF_RESOURCES), FailedInstance(CANNOT_UNDERSTAND))


async def test_a_fault_of_ours_does_not_lose_what_was_stored(setup: Setup) -> None:
    def broken(instances: Sequence[Instance]) -> StoreReport:
        raise ZeroDivisionError

    setup.batch = 1
    reactions = iter([all_stored, broken])
    setup.archive.react = lambda instances: next(reactions)(instances)
    report = await setup.send(multipart([dicom_file(1), dicom_file(2)]))
    assert report == StoreReport((stored(1),), (failed(2, PROCESSING_FAILURE),))


async def test_events_tell_what_was_stored(setup: Setup) -> None:
    heard: list[object] = []
    setup.events.subscribe(InstanceStored, heard.append)
    setup.events.subscribe(StudyChanged, heard.append)
    setup.archive.react = lambda instances: StoreReport((stored(1), stored(2)), (failed(3, 1),))
    await setup.send(multipart([dicom_file(number) for number in (1, 2, 3)]))
    assert heard == [
        InstanceStored("memory", resource_of(1), CT),
        InstanceStored("memory", resource_of(2), CT),
        StudyChanged(STUDY),
    ]


async def test_the_last_batch_is_stored_when_the_client_does_not_wait_for_it(setup: Setup) -> None:
    setup.archive.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        storing = group.create_task(setup.send(multipart([dicom_file(1)])))
        await setup.archive.begun.wait()
        await many_turns()
        storing.cancel()
    setup.archive.gate.set()
    await end_of_deliveries()
    assert setup.archive.batches == [[dicom_file(1)]]


async def test_what_was_whole_is_stored_when_the_client_goes_away(setup: Setup) -> None:
    body = multipart([dicom_file(1), dicom_file(2)])
    stop = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield body[:-500]
        await stop.wait()

    setup.archive.gate = asyncio.Event()
    descriptors = len(os.listdir("/proc/self/fd"))
    async with asyncio.TaskGroup() as group:
        storing = group.create_task(setup.store(read_parts(endless(), BOUNDARY)))
        await many_turns()
        storing.cancel()
    assert storing.cancelled()
    setup.archive.gate.set()
    await end_of_deliveries()
    assert setup.spool.memory_used == 0
    assert setup.archive.batches == [[dicom_file(1)]]
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_a_batch_that_waits_for_its_turn_is_stored_when_the_client_goes_away(
    setup: Setup,
) -> None:
    setup.batch, setup.archive.gate = 1, asyncio.Event()
    body = multipart([dicom_file(number) for number in (1, 2, 3)])
    async with asyncio.TaskGroup() as group:
        storing = group.create_task(setup.send(body))
        await setup.archive.begun.wait()
        await many_turns()
        storing.cancel()
    setup.archive.gate.set()
    await end_of_deliveries()
    assert setup.spool.memory_used == 0
    assert setup.archive.batches == [[dicom_file(1)], [dicom_file(2)]]
