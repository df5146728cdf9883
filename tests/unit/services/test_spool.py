import asyncio
import errno
import io
import os
import random
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.services.spool import Spool, SpooledBody, SpoolSettings
from gateway.telemetry.tasks import spawn
from tests.fakes.store_setup import files_of_at_most

KIB = 1024


async def filled(spool: Spool, content: bytes, step: int = 64 * KIB) -> SpooledBody:
    body = spool.new()
    for start in range(0, len(content), step):
        await body.write(content[start : start + step])
    await body.finish()
    return body


async def read(body: SpooledBody, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in body.chunks(start, stop)])


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", [0, 1, 1000, 1024 * KIB])
async def test_a_small_body_stays_in_memory(size: int, tmp_path: Path) -> None:
    spool = Spool(SpoolSettings(folder=tmp_path / "is not there"))
    async with await filled(spool, noise(size)) as body:
        assert body.in_memory
        assert body.length == size
        assert await read(body) == noise(size)


@pytest.mark.parametrize("size", [1024 * KIB + 1, 2048 * KIB, 3_000_001])
async def test_a_large_body_goes_to_a_file_that_has_no_name(size: int, tmp_path: Path) -> None:
    spool = Spool(SpoolSettings(folder=tmp_path))
    async with await filled(spool, noise(size)) as body:
        assert not body.in_memory
        assert os.listdir(tmp_path) == []
        assert await read(body) == noise(size)
        assert spool.memory_used == 0


async def test_a_body_is_read_more_than_once_and_in_pieces(tmp_path: Path) -> None:
    content = noise(2_000_000)
    for settings in (
        SpoolSettings(folder=tmp_path),
        SpoolSettings(folder=tmp_path, in_memory=len(content)),
    ):
        async with await filled(Spool(settings), content) as body:
            assert await read(body) == await read(body) == content
            assert await read(body, 10, 11) == content[10:11]
            assert await read(body, 300_000, 1_900_000) == content[300_000:1_900_000]
            assert await read(body, 1_999_999) == content[-1:]
            assert await read(body, 5, 5) == b""
            assert await read(body, 5, 9_000_000) == content[5:]


async def test_bodies_share_the_memory_of_the_process(tmp_path: Path) -> None:
    spool = Spool(SpoolSettings(folder=tmp_path, memory=250 * KIB))
    first = await filled(spool, noise(200 * KIB))
    second = await filled(spool, noise(200 * KIB))
    assert first.in_memory
    assert not second.in_memory
    assert await read(second) == noise(200 * KIB)
    assert spool.memory_used == 200 * KIB
    await first.close()
    async with await filled(spool, noise(200 * KIB)) as third:
        assert third.in_memory
    await second.close()
    assert spool.memory_used == 0


async def test_closing_twice_gives_memory_back_once() -> None:
    spool = Spool()
    body = await filled(spool, noise(KIB))
    await body.close()
    await body.close()
    assert spool.memory_used == 0


class OverItsQuota(io.FileIO):
    """A file on a network share, which tells only when it is closed."""

    def close(self) -> None:
        super().close()
        raise OSError(errno.EDQUOT, "Disk quota exceeded")


async def test_a_file_that_cannot_be_closed_is_told_to_the_log_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def over_its_quota(**options: object) -> io.FileIO:
        return OverItsQuota(os.open(tmp_path, os.O_TMPFILE | os.O_RDWR), "r+")

    monkeypatch.setattr(tempfile, "TemporaryFile", over_its_quota)
    spool = Spool(SpoolSettings(folder=tmp_path, in_memory=0))
    body = await filled(spool, noise(1000))
    await body.close()
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info
    assert isinstance(record.exc_info[1], OSError)
    assert str(tmp_path) not in record.getMessage()


async def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    spool = Spool(SpoolSettings(folder=tmp_path, in_memory=0))
    bodies = [await filled(spool, noise(1000)) for _ in range(20)]
    assert len(os.listdir("/proc/self/fd")) == before + 20
    for body in bodies:
        await body.close()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_write_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    spool = Spool(SpoolSettings(folder=tmp_path, in_memory=0))
    for delay in range(8):
        async with spool.new() as body:
            writing = spawn(body.write(noise(4_000_000)), "writing")
            for _ in range(delay):
                await asyncio.sleep(0)
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
    assert len(os.listdir("/proc/self/fd")) == before
    assert spool.memory_used == 0


async def test_a_file_that_may_not_grow_is_an_oserror(tmp_path: Path) -> None:
    spool = Spool(SpoolSettings(folder=tmp_path))
    with files_of_at_most(1_500_000):
        async with spool.new() as body:
            with pytest.raises(OSError) as problem:
                await body.write(noise(2_000_000))
    assert problem.value.errno == errno.EFBIG
