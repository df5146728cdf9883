"""Headers of DICOM files that are still arriving."""

import gc
import tracemalloc
import weakref
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from gateway.dicom.part10.byte_streams import Lookahead
from gateway.dicom.part10.data_elements import Encoding, Part10Error
from gateway.dicom.part10.dataset_scanner import MAX_DEPTH
from gateway.dicom.part10.file_meta import missing_preamble, stored_transfer_syntax
from gateway.dicom.part10.header import read_header
from gateway.dicom.part10.header_scan import HeaderScan
from tests.fakes.file_headers import IDENTIFIED, LIMIT, NAMES, UIDS, header_of, refused, uids
from tests.fakes.part10_files import (
    SEQUENCE_END,
    UNDEFINED,
    Chunks,
    datasets,
    explicit,
    file_of,
    identified,
    implicit,
    item,
    read,
    turns_during,
    written,
)

# pydicom warns of what is odd in real files; that is not what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

NATIVE = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


@pytest.mark.parametrize("size", [1, 13, 1 << 16])
@pytest.mark.parametrize("syntax", NATIVE)
async def test_the_uids_are_found_in_every_native_syntax(syntax: str, size: int) -> None:
    dataset = identified()
    dataset.SourceImageSequence = [Dataset(), identified()]
    dataset.PixelData = bytes(1000)
    dataset["PixelData"].VR = "OW"
    header = await header_of(written(dataset, syntax), size)
    assert header.transfer_syntax == syntax
    assert uids(header) == IDENTIFIED


@given(dataset=datasets(), syntax=st.sampled_from(NATIVE), size=st.integers(1, 500))
async def test_the_uids_are_found_among_anything(dataset: Dataset, syntax: str, size: int) -> None:
    header = await header_of(written(dataset, syntax), size)
    assert uids(header) == IDENTIFIED


async def test_the_uids_of_real_files_are_what_pydicom_reads(
    data_files: tuple[Path, ...],
) -> None:
    headers = 0
    for path in data_files:
        try:
            header = await header_of(path.read_bytes())
        except Part10Error:
            assert path.name in {"meta_missing_tsyntax.dcm", "no_meta.dcm"}
            continue
        whole = dcmread(path, force=True, stop_before_pixels=True)
        assert uids(header) == tuple(str(whole.get(keyword, "")) for keyword in KEYWORDS), path.name
        headers += 1
    assert headers >= 25


@pytest.mark.parametrize(
    "pixels",
    [
        explicit(0x7FE00010, b"OW", b"", length=1 << 31),
        explicit(0x7FE00010, b"OB", b"", length=UNDEFINED) + item(b"") + item(b"\xff\xd8"),
        explicit(0x7FE00008, b"OF", b"", length=1 << 31),
        explicit(0x7FE00009, b"OD", b"", length=1 << 31),
    ],
)
async def test_reading_stops_before_the_pixels(pixels: bytes) -> None:
    for known in (UIDS, NAMES):
        data = file_of(JPEG2000Lossless, known + pixels + bytes(1 << 20))
        source = Chunks(data, 100)
        header = await read_header(Lookahead(source), limit=LIMIT)
        assert uids(header)[1:3] == IDENTIFIED[1:3]
        assert source.read < len(data) - (1 << 20) + 100


@pytest.mark.parametrize("size", [1, 1 << 16])
async def test_uids_that_are_out_of_order_are_found(size: int) -> None:
    one, *others = (UIDS[start:stop] for start, stop in pairwise((0, 34, 48, 64, len(UIDS))))
    pixels = explicit(0x7FE00010, b"OW", bytes(4))
    for known in (others[2] + others[1] + others[0] + one, others[2] + others[0] + others[1] + one):
        stored = explicit(0x00280010, b"US", b"\1\0") + known + pixels
        assert uids(await header_of(file_of(ExplicitVRLittleEndian, stored), size)) == IDENTIFIED


async def test_a_long_header_is_held_once() -> None:
    values = [explicit(0x00091001, b"UN", bytes(1000)) for _ in range(900)]
    data = file_of(ExplicitVRLittleEndian, b"".join(values) + UIDS)
    ahead = Lookahead(Chunks(data, 10_000))
    tracemalloc.start()
    try:
        await read_header(ahead, limit=LIMIT)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) < held < 1.1 * len(data)
    assert peak < 1.2 * len(data)


def test_a_scan_that_is_given_up_is_gone_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        scan = HeaderScan(Encoding(), (0x00080018, 0x0020000D), limit=LIMIT)
        scan.feed(UIDS[:50])
        left = weakref.ref(scan)
        del scan
        assert left() is None
    finally:
        gc.enable()


async def test_closing_the_rest_closes_the_source_even_if_nothing_was_read() -> None:
    source = Chunks(file_of(ExplicitVRLittleEndian, UIDS))
    ahead = Lookahead(source)
    await read_header(ahead, limit=LIMIT)
    rest = ahead.rest()
    await rest.aclose()
    assert source.closed
    assert [chunk async for chunk in rest] == []


async def test_padding_is_no_part_of_a_uid_and_a_missing_one_is_empty() -> None:
    dataset = explicit(0x00080016, b"UI", b"1.2 \0\0") + explicit(0x0020000D, b"UI", b" 3.4\0 \0")
    header = await header_of(file_of(ExplicitVRLittleEndian, dataset))
    assert uids(header) == ("1.2", "", "3.4", "")


@pytest.mark.parametrize(
    ("label", "dataset"),
    [
        (ImplicitVRLittleEndian, UIDS),
        (ExplicitVRLittleEndian, implicit(0x0020000D, b"1.2.3.1\0")),
        ("1.2.840.113619.5.2", implicit(0x0020000D, b"1.2.3.1\0")),
    ],
)
async def test_a_dataset_that_is_not_written_as_labelled_is_read(
    label: str, dataset: bytes
) -> None:
    header = await header_of(file_of(label, dataset))
    assert header.study == "1.2.3.1"
    assert header.transfer_syntax == label


# Files as archives take them, though the standard does not have them.


@pytest.mark.parametrize("size", [1, 1 << 16])
async def test_a_file_without_a_preamble_is_read(size: int) -> None:
    data = file_of(JPEG2000Lossless, UIDS)
    for start in (128, 132):
        header = await header_of(data[start:], size)
        assert (header.transfer_syntax, uids(header)) == (JPEG2000Lossless, IDENTIFIED)


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (ImplicitVRLittleEndian, b"A^B "),
        (ExplicitVRLittleEndian, b"A^B "),
        (ExplicitVRBigEndian, b"A^B "),
    ],
)
async def test_a_native_dataset_without_file_meta_is_read(syntax: str, name: bytes) -> None:
    data = written(identified(), syntax)
    start = data.index(b"\0\x08\0\x16" if syntax == ExplicitVRBigEndian else b"\x08\0\x16\0")
    header = await header_of(data[start:])
    assert (header.transfer_syntax, uids(header)) == (syntax, IDENTIFIED)


@pytest.mark.parametrize("length", [b"", explicit(0x00020000, b"UL", b"\xff\xff\0\0")])
async def test_a_missing_or_wrong_group_length_does_not_matter(length: bytes) -> None:
    syntax = explicit(0x00020010, b"UI", b"1.2.840.10008.1.2.1\0")
    header = await header_of(bytes(128) + b"DICM" + length + syntax + UIDS, 3)
    assert uids(header) == IDENTIFIED


async def test_meta_without_a_transfer_syntax_is_refused_with_its_reason() -> None:
    version = explicit(0x00020001, b"OB", b"\0\1")
    for meta in (version, version + explicit(0x00020010, b"UI", b"")):
        with pytest.raises(Part10Error, match="names no transfer syntax"):
            await header_of(bytes(128) + b"DICM" + meta + UIDS)


# What is broken or hostile.


@pytest.mark.parametrize(
    "junk",
    [b"", b"D", b"%PDF-1.7\n", b"PK\3\4", b"\xff\xd8\xff\xe0", bytes(200), b"<html>", b"DICM"],
)
@pytest.mark.parametrize("length", [0, 1 << 20])
async def test_junk_is_told_at_once(junk: bytes, length: int) -> None:
    source = Chunks(junk + b"\xa5" * length, 1000)
    await refused(source)
    assert source.read <= 1000


async def test_a_file_cut_within_its_header_is_broken() -> None:
    dataset = identified()
    dataset.SourceImageSequence = [identified()]
    data = written(dataset)
    whole = 0
    for end in range(len(data)):
        with suppress(Part10Error):
            header = await header_of(data[:end])
            found = read(data[:end])
            assert uids(header) == tuple(str(found.get(each, "")) for each in KEYWORDS)
            whole += 1
    # Between two elements nothing tells that there were more.
    assert whole == 4


async def test_a_large_element_before_the_uids_is_refused_unread() -> None:
    large = explicit(0x00091001, b"OB", b"", length=1 << 31)
    source = Chunks(file_of(ExplicitVRLittleEndian, large + bytes(1 << 21)), 1000)
    await refused(source, match="too long")
    assert source.read <= 1000


async def test_many_elements_before_the_uids_are_read_up_to_the_limit() -> None:
    endless = explicit(0x00091001, b"SQ", item(b"") * 200_000, length=UNDEFINED)
    source = Chunks(file_of(ExplicitVRLittleEndian, endless), 1000)
    await refused(source, match="too long")
    assert source.read < LIMIT + 3000


def test_a_long_sequence_is_walked_up_to_the_limit_however_much_comes_at_once() -> None:
    sequence = explicit(0x00081140, b"SQ", item(NAMES) * 100, length=UNDEFINED)
    scan = HeaderScan(Encoding(), (0x0020000D,), limit=1000)
    with pytest.raises(Part10Error, match="too long"):
        scan.feed(sequence + b"what is no item")


@pytest.mark.parametrize(
    "large",
    [
        explicit(0x00420011, b"OB", b"", length=1 << 31) + bytes(1 << 20),
        explicit(0x00420010, b"SQ", item(b"") * 200_000, length=UNDEFINED),
    ],
)
async def test_a_large_element_behind_the_other_uids_ends_the_header(large: bytes) -> None:
    source = Chunks(file_of(ExplicitVRLittleEndian, NAMES + large), 1000)
    header = await read_header(Lookahead(source), limit=LIMIT)
    assert source.read < LIMIT + 3000
    assert uids(header) == ("", *IDENTIFIED[1:])


def nested(depth: int, *, delimited: bool) -> bytes:
    """An element of sequences within one another."""
    value = b""
    for _ in range(depth):
        if delimited:
            head = explicit(0x00081140, b"SQ", b"", length=UNDEFINED)
            value = head + item(value, delimited=True) + implicit(SEQUENCE_END, b"")
        else:
            value = explicit(0x00081140, b"SQ", item(value))
    return value


@pytest.mark.parametrize("delimited", [True, False])
async def test_deep_sequences_are_read(delimited: bool) -> None:
    data = file_of(ExplicitVRLittleEndian, nested(MAX_DEPTH, delimited=delimited) + UIDS)
    assert uids(await header_of(data, 1000)) == IDENTIFIED


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 2000])
async def test_sequences_that_no_reader_could_follow_are_not_read(depth: int) -> None:
    with pytest.raises(Part10Error, match="too deeply"):
        await header_of(file_of(ExplicitVRLittleEndian, nested(depth, delimited=True) + UIDS))
    counted = nested(depth, delimited=False)
    assert uids(await header_of(file_of(ExplicitVRLittleEndian, counted + UIDS))) == IDENTIFIED


async def test_a_broken_sequence_that_tells_its_length_is_skipped() -> None:
    broken = explicit(0x00081140, b"SQ", b"no item at all")
    assert uids(await header_of(file_of(ExplicitVRLittleEndian, broken + UIDS))) == IDENTIFIED


@pytest.mark.parametrize(
    "dataset",
    [
        item(b""),
        implicit(SEQUENCE_END, b""),
        explicit(0x00081140, b"SQ", explicit(0x00080018, b"UI", b"1.2\0"), length=UNDEFINED),
        explicit(
            0x00081140, b"SQ", item(explicit(0x00080018, b"UI", b"", length=99)), length=UNDEFINED
        ),
        explicit(0x00091001, b"OB", item(b"", delimited=True), length=UNDEFINED),
    ],
)
async def test_items_out_of_place_are_refused(dataset: bytes) -> None:
    with pytest.raises(Part10Error):
        await header_of(file_of(ExplicitVRLittleEndian, dataset + UIDS))


@pytest.mark.parametrize("syntax", [*NATIVE, JPEG2000Lossless])
@given(data=st.data())
async def test_nothing_but_a_part10_error_comes_of_damaged_files(
    syntax: str, data: st.DataObject
) -> None:
    dataset = identified()
    dataset.SourceImageSequence = [identified(), Dataset()]
    dataset["SourceImageSequence"].is_undefined_length = True
    stored = bytearray(written(dataset, syntax))
    positions = st.integers(132, len(stored) - 1)
    for position, byte in data.draw(st.lists(st.tuples(positions, st.integers(0, 255)))):
        stored[position] = byte
    with suppress(Part10Error):
        await header_of(bytes(stored), 64)


@given(dataset=st.binary(max_size=200), syntax=st.sampled_from(NATIVE))
async def test_nothing_but_a_part10_error_comes_of_random_datasets(
    dataset: bytes, syntax: str
) -> None:
    with suppress(Part10Error):
        await header_of(file_of(syntax, dataset), 64)


async def test_a_little_that_inflates_to_a_lot_is_read_up_to_the_limit() -> None:
    dataset = Dataset()
    dataset.PatientID = "1"
    dataset.DataSetTrailingPadding = bytes(64 * LIMIT)
    dataset["PatientID"].value = "1"
    dataset.add_new(0x00091001, "OB", bytes(64 * LIMIT))
    data = written(dataset, DeflatedExplicitVRLittleEndian)
    with pytest.raises(Part10Error, match="too long"):
        await header_of(data)


async def test_a_long_header_is_read_off_the_event_loop() -> None:
    many = explicit(0x00081140, b"SQ", item(UIDS) * 10_000, length=UNDEFINED)
    data = file_of(ExplicitVRLittleEndian, many + implicit(SEQUENCE_END, b"") + UIDS)
    header, turns = await turns_during(header_of(data, limit=4 * LIMIT))
    assert uids(header) == IDENTIFIED
    assert turns > 10


@pytest.mark.parametrize("syntax", NATIVE)
def test_the_stored_syntax_is_told_by_the_first_bytes(syntax: str) -> None:
    data = written(identified(), syntax)
    assert stored_transfer_syntax(data[:2048]) == syntax
    assert stored_transfer_syntax(data[128:]) == syntax
    assert stored_transfer_syntax(data[132:]) == syntax
    assert stored_transfer_syntax(data[:180]) is None


@pytest.mark.parametrize("data", [b"", b"junk", bytes(200), file_of("", UIDS)])
def test_no_stored_syntax_is_told_of_what_names_none(data: bytes) -> None:
    assert stored_transfer_syntax(data) is None


def test_a_file_gets_the_preamble_that_it_lacks() -> None:
    data = written(identified())

    assert missing_preamble(data[:2048]) == b""
    assert missing_preamble(data[128:]) + data[128:] == data
    assert missing_preamble(data[132:]) + data[132:] == data


@pytest.mark.parametrize("data", [b"", b"junk", b"\x08\0\x05\0CS\x02\0A "])
def test_what_does_not_begin_with_meta_information_gets_no_preamble(data: bytes) -> None:
    assert missing_preamble(data) == b""
