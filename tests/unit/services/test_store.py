import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from gateway.backends.base import CallContext, Instance
from gateway.dicom.multipart import read_parts
from gateway.dicom.store_report import (
    CANNOT_UNDERSTAND,
    StoreReport,
)
from gateway.errors import (
    GatewayError,
    bad_request,
    too_large,
)
from gateway.services.spool import Spool, SpoolSettings
from tests.fakes.store_requests import (
    BOUNDARY,
    STUDY,
    dicom_file,
    in_chunks,
    multipart,
)
from tests.fakes.store_setup import (
    Archive,
    Setup,
    all_stored,
    failed,
    stored,
)


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def test_the_study_of_the_path_is_handed_on(setup: Setup) -> None:
    await setup.send(multipart([dicom_file()]), STUDY)
    assert setup.archive.studies == [STUDY]


async def test_an_instance_sent_twice_is_stored_and_reported_twice(setup: Setup) -> None:
    report = await setup.send(multipart([dicom_file(1), dicom_file(1)]))
    assert report == StoreReport((stored(1), stored(1)))
    assert setup.archive.batches == [[dicom_file(1)], [dicom_file(1)]]


async def test_a_body_without_parts_is_400(setup: Setup) -> None:
    with pytest.raises(GatewayError) as problem:
        await setup.send(multipart([]))
    assert problem.value.status == 400


@pytest.mark.parametrize(
    "body", [b"", b"no multipart at all", b"--another\r\n\r\nx\r\n--another--"]
)
async def test_a_body_that_is_not_multipart_is_400(setup: Setup, body: bytes) -> None:
    with pytest.raises(GatewayError) as problem:
        await setup.send(body)
    assert problem.value.status == 400


async def test_wherever_a_body_is_cut_only_whole_instances_are_stored(setup: Setup) -> None:
    files = [dicom_file(1), dicom_file(2), dicom_file(3)]
    body = multipart(files)
    ends = [body.index(file) + len(file) + len(f"\r\n--{BOUNDARY}\r\n") for file in files]
    for cut in range(0, len(body) - len(b"--\r\n"), 97):
        whole = sum(end <= cut for end in ends)
        setup.archive.batches.clear()
        if whole:
            report = await setup.send(body[:cut])
            assert report.stored == tuple(stored(number + 1) for number in range(whole))
            assert [failure.reason for failure in report.failed] == [CANNOT_UNDERSTAND]
            assert report.status == 202
        else:
            with pytest.raises(GatewayError) as problem:
                await setup.send(body[:cut])
            assert problem.value.status == 400
        assert [file for batch in setup.archive.batches for file in batch] == files[:whole]


async def test_an_instance_that_is_cut_in_its_pixels_is_named(setup: Setup) -> None:
    body = multipart([dicom_file(1), dicom_file(2)])
    report = await setup.send(body[:-500])
    assert report == StoreReport((stored(1),), (failed(2, CANNOT_UNDERSTAND),))


@pytest.mark.parametrize(
    ("error", "reason"), [(too_large("x"), 0xA700), (bad_request("x"), 0x0110)]
)
async def test_what_was_stored_before_a_body_was_stopped_is_named(
    setup: Setup, error: GatewayError, reason: int
) -> None:
    body = multipart([dicom_file(1), dicom_file(2)])

    async def stopped() -> AsyncIterator[bytes]:
        async for chunk in in_chunks(body[:-300]):
            yield chunk
        raise error

    async with aclosing(read_parts(stopped(), BOUNDARY)) as parts:
        report = await setup.store(parts)
    assert report == StoreReport((stored(1),), (failed(2, reason),))
    assert report.status == 202


async def test_a_body_that_is_stopped_before_anything_was_stored_has_its_own_status(
    setup: Setup,
) -> None:
    async def stopped() -> AsyncIterator[bytes]:
        yield multipart([dicom_file(1)])[:900]
        raise too_large("too much")

    async with aclosing(read_parts(stopped(), BOUNDARY)) as parts:
        with pytest.raises(GatewayError) as problem:
            await setup.store(parts)
    assert problem.value.status == 413


async def test_a_lost_connection_is_not_an_answer(setup: Setup) -> None:
    async def lost() -> AsyncIterator[bytes]:
        yield multipart([dicom_file(1)], closed=False) + b"--"
        raise ConnectionResetError

    async with aclosing(read_parts(lost(), BOUNDARY)) as parts:
        with pytest.raises(ConnectionResetError):
            await setup.store(parts)


async def test_a_large_instance_is_never_held_in_memory(tmp_path: Path) -> None:
    size, limit = 256 * 1024 * 1024, 16 * 1024 * 1024
    setup = Setup(Archive(), spool=Spool(SpoolSettings(folder=tmp_path)), max_instance=2 * size)
    taken = 0

    async def drain(
        instances: Sequence[Instance], study: str | None, context: CallContext
    ) -> StoreReport:
        nonlocal taken
        for each in instances:
            async for chunk in each.chunks():
                taken += len(chunk)
        return all_stored(instances)

    setup.archive.store = drain  # type: ignore[method-assign]
    beginning = dicom_file(1, pixels=0)
    beginning = beginning[:-4] + size.to_bytes(4, "little")

    async def generated() -> AsyncIterator[bytes]:
        yield multipart([], closed=False) + multipart([beginning], closed=False)[:-2]
        block = bytes(128 * 1024)
        for _ in range(size // len(block)):
            yield block
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    tracemalloc.start()
    try:
        async with aclosing(read_parts(generated(), BOUNDARY)) as parts:
            report = await setup.store(parts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report == StoreReport((stored(1),))
    assert taken == size + len(beginning)
    assert peak < limit


async def test_a_body_of_a_hundred_thousand_empty_parts_is_no_store(setup: Setup) -> None:
    """It used to cost the square of its parts, and the event loop for all of that time."""
    report = await setup.send(multipart([dicom_file(1)] + [b""] * 100_000))
    assert report.stored == (stored(1),)
    assert len(report.failed) == 1001
