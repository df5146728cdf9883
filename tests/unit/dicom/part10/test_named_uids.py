"""What a header names before it breaks, ends or gets too long, and what it names twice."""

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from gateway.dicom.part10.byte_streams import Lookahead
from gateway.dicom.part10.data_elements import Part10Error
from gateway.dicom.part10.header import named_uids, read_header
from gateway.dicom.resources import Level
from tests.fakes.file_headers import IDENTIFIED, LIMIT, NAMES, UIDS, header_of, refused, uids
from tests.fakes.part10_files import (
    SEQUENCE_END,
    UNDEFINED,
    Chunks,
    explicit,
    file_of,
    implicit,
    item,
)

NAMED: dict[Level, tuple[str, ...]] = {
    Level.STUDY: ("1.2.3.1",),
    Level.SERIES: ("1.2.3.1.1",),
    Level.INSTANCE: ("1.2.3",),
}


MANY = b"".join(explicit(0x00291001 + number, b"UN", bytes(500)) for number in range(1000))


async def test_nothing_is_read_ahead_once_the_uids_are_known() -> None:
    source = Chunks(file_of(ExplicitVRLittleEndian, UIDS + MANY), 100)
    assert await named_uids(Lookahead(source), limit=LIMIT) == NAMED
    assert source.read < 500


@pytest.mark.parametrize("size", [1, 1 << 16])
@pytest.mark.parametrize("tag", [0x00080018, 0x0020000D, 0x0020000E])
@pytest.mark.parametrize("other", [b"1.2.9.8\0", b"1.2.9.9\0", b""])
async def test_a_uid_that_is_there_twice_is_refused(tag: int, other: bytes, size: int) -> None:
    for data in (UIDS + explicit(tag, b"UI", other), explicit(tag, b"UI", other) + UIDS):
        await refused(Chunks(file_of(ExplicitVRLittleEndian, data), size), match="twice")


SECOND = explicit(0x0020000D, b"UI", b"1.2.9.9\0")
PRIVATE = explicit(0x00290010, b"LO", b"ACME")


@pytest.mark.parametrize("size", [1, 1 << 16])
@pytest.mark.parametrize(
    "between", [PRIVATE, explicit(0x00291001, b"UN", bytes(8_000)), PRIVATE * 500]
)
async def test_a_second_uid_in_the_first_8_kib_is_refused(between: bytes, size: int) -> None:
    """Readers that keep the last of two would file it elsewhere than the gateway was asked to."""
    pixels = explicit(0x7FE00010, b"OW", bytes(4))
    data = file_of(ExplicitVRLittleEndian, UIDS + between + SECOND + pixels)
    await refused(Chunks(data, size), match="twice")


@pytest.mark.parametrize(
    "between",
    [
        explicit(0x7FE00010, b"OW", bytes(4)),
        explicit(0x00291001, b"UN", bytes(9_000)),
        explicit(0x00291001, b"SQ", item(PRIVATE) * 1000, length=UNDEFINED)
        + implicit(SEQUENCE_END, b""),
        MANY,
    ],
    ids=["pixels", "a large value", "a long sequence", "many values"],
)
async def test_what_is_behind_the_uids_costs_no_more_than_8_kib(between: bytes) -> None:
    data = file_of(ExplicitVRLittleEndian, UIDS + between + SECOND + bytes(1 << 20))
    source = Chunks(data, 100)
    assert uids(await read_header(Lookahead(source), limit=LIMIT)) == IDENTIFIED
    assert source.read < 9_000


@pytest.mark.parametrize(
    "broken",
    [
        implicit(0xFFFEE00D, b""),
        explicit(0x00290010, b"LO", b"", length=100),
        explicit(0x00291001, b"SQ", item(PRIVATE), length=UNDEFINED),
    ],
)
async def test_what_is_broken_behind_the_uids_is_for_others_to_judge(broken: bytes) -> None:
    data = file_of(ExplicitVRLittleEndian, UIDS + PRIVATE + broken)
    assert uids(await header_of(data, 50)) == IDENTIFIED


@pytest.mark.parametrize("times", [1, 2])
async def test_a_uid_that_is_there_again_with_the_same_value_is_that_uid(times: int) -> None:
    stored = UIDS + explicit(0x0020000D, b"UI", b"1.2.3.1\0") * times
    assert uids(await header_of(file_of(ExplicitVRLittleEndian, stored))) == IDENTIFIED
    await refused(Chunks(file_of(ExplicitVRLittleEndian, stored + SECOND)), match="twice")
    await refused(Chunks(file_of(ExplicitVRLittleEndian, SECOND + stored)), match="twice")


async def named_in(dataset: bytes, size: int = 1 << 16) -> dict[Level, tuple[str, ...]]:
    """What is named; and what can be read behind it is the whole file."""
    data = file_of(ExplicitVRLittleEndian, dataset)
    ahead = Lookahead(Chunks(data, size))
    named = dict(await named_uids(ahead, limit=LIMIT))
    assert b"".join([chunk async for chunk in ahead.rest()]) == data
    return named


@pytest.mark.parametrize("size", [1, 1 << 16])
@pytest.mark.parametrize(
    "end",
    [
        b"",
        implicit(0xFFFEE00D, b""),
        explicit(0x00091001, b"OB", b"", length=1 << 31),
        explicit(0x7FE00010, b"OW", bytes(4)),
    ],
    ids=["nothing", "a stray delimiter", "too much", "pixels"],
)
async def test_the_uids_before_the_end_of_a_header_are_known(end: bytes, size: int) -> None:
    instance, study = NAMES[:14], NAMES[14:30]
    nothing: dict[Level, tuple[str, ...]] = dict.fromkeys(Level, ())
    assert await named_in(end + bytes(8), size) == nothing
    found = nothing | {Level.INSTANCE: NAMED[Level.INSTANCE]}
    assert await named_in(instance + end, size) == found
    assert await named_in(instance + study + end, size) == {**NAMED, Level.SERIES: ()}
    assert await named_in(NAMES + end, size) == NAMED


@pytest.mark.parametrize("size", [1, 1 << 16])
async def test_two_uids_of_one_level_are_both_told(size: int) -> None:
    both = NAMED | {Level.STUDY: ("1.2.3.1", "1.2.9.9")}
    assert await named_in(NAMES + SECOND, size) == both
    assert await named_in(NAMES + SECOND * 3 + NAMES, size) == both
    assert await named_in(NAMES + NAMES, size) == NAMED


async def test_what_is_no_file_names_nothing() -> None:
    with pytest.raises(Part10Error):
        await named_uids(Lookahead(Chunks(b"<html>")), limit=LIMIT)
