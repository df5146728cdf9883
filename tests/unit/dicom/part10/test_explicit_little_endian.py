"""Native files as they leave over the web: the same dataset in explicit little endian."""

import subprocess
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from gateway.dicom.part10.data_elements import Part10Error
from gateway.dicom.part10.explicit_little_endian import explicit_little_endian
from gateway.dicom.part10.file_meta import stored_transfer_syntax
from gateway.dicom.transfer_syntaxes import Kind, known
from tests.fakes.part10_files import (
    SEQUENCE_END,
    UNDEFINED,
    Chunks,
    datasets,
    differences,
    explicit,
    file_of,
    identified,
    implicit,
    item,
    joined,
    read,
    turns_during,
    written,
)

# pydicom warns of what is odd in real files; that is not what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SIZES = (1, 7, 1 << 16)
NATIVE = (ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


async def reencoded(data: bytes, size: int = 1 << 16) -> bytes:
    return await joined(explicit_little_endian(Chunks(data, size)))


async def dataset_of(transfer_syntax: str, dataset: bytes, size: int = 1 << 16) -> bytes:
    """The bytes behind the file meta information of what a dataset becomes."""
    out = await reencoded(file_of(transfer_syntax, dataset), size)
    head = file_of(ExplicitVRLittleEndian, b"")
    assert out.startswith(head)
    return out[len(head) :]


@given(dataset=datasets(), size=st.sampled_from(SIZES))
async def test_any_implicit_dataset_becomes_what_it_is_in_explicit(
    dataset: Dataset, size: int
) -> None:
    out = await reencoded(written(dataset, ImplicitVRLittleEndian), size)
    assert differences(read(written(dataset)), read(out)) == []


@given(dataset=datasets(words=False), size=st.sampled_from(SIZES))
async def test_any_big_endian_dataset_becomes_what_it_is_in_little(
    dataset: Dataset, size: int
) -> None:
    out = await reencoded(written(dataset, ExplicitVRBigEndian), size)
    assert differences(read(written(dataset)), read(out)) == []


@given(dataset=datasets(), size=st.sampled_from(SIZES))
async def test_any_deflated_dataset_is_inflated_byte_by_byte(dataset: Dataset, size: int) -> None:
    plain = written(dataset)
    out = await reencoded(written(dataset, DeflatedExplicitVRLittleEndian), size)
    assert out == plain


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("tag", "vr", "big", "little"),
    [
        (0x00280010, b"US", b"\1\2", b"\2\1"),
        (0x00280009, b"AT", b"\0\x18\x10\x63", b"\x18\0\x63\x10"),
        (0x00089459, b"FL", b"\1\2\3\4", b"\4\3\2\1"),
        (0x00186020, b"SL", b"\1\2\3\4\5\6\7\x08", b"\4\3\2\1\x08\7\6\5"),
        (0x00189087, b"FD", b"\1\2\3\4\5\6\7\x08", b"\x08\7\6\5\4\3\2\1"),
        (0x00660016, b"OF", b"\1\2\3\4", b"\4\3\2\1"),
        (0x00660129, b"OL", b"\1\2\3\4", b"\4\3\2\1"),
        (0x7FE00009, b"OD", b"\1\2\3\4\5\6\7\x08", b"\x08\7\6\5\4\3\2\1"),
        (0x7FE00001, b"OV", b"\1\2\3\4\5\6\7\x08", b"\x08\7\6\5\4\3\2\1"),
        (0x7FE00010, b"OW", b"\1\2\3\4\5\6", b"\2\1\4\3\6\5"),
        (0x7FE00010, b"OW", b"\1\2\3", b"\2\1\3"),
        (0x7FE00010, b"OB", b"\1\2\3\4", b"\1\2\3\4"),
        (0x00291001, b"UN", b"\1\2\3\4", b"\1\2\3\4"),
        (0x00100010, b"PN", b"A^B ", b"A^B "),
        (0x00100010, b"PN", b"", b""),
    ],
)
async def test_big_endian_numbers_are_swapped_and_nothing_else(
    tag: int, vr: bytes, big: bytes, little: bytes, size: int
) -> None:
    behind = explicit(0xFFFCFFFC, b"OB", b"\1\2", order=">")
    stored = explicit(tag, vr, big, order=">") + behind
    out = await dataset_of(ExplicitVRBigEndian, stored, size)
    assert out == explicit(tag, vr, little) + explicit(0xFFFCFFFC, b"OB", b"\1\2")


@pytest.mark.parametrize("size", SIZES)
async def test_sequences_and_items_get_delimiters_and_group_lengths_go(size: int) -> None:
    inner = implicit(0x00081150, b"1.2\0")
    group_length = implicit(0x00080000, b"\1\2\3\4")
    stored = (
        group_length
        + implicit(0x00081140, item(group_length + inner) + item(b"", delimited=True))
        + implicit(0x00082112, item(inner, delimited=True), length=UNDEFINED)
        + implicit(SEQUENCE_END, b"")
        + implicit(0x0040A730, b"")
    )
    out = await dataset_of(ImplicitVRLittleEndian, stored, size)
    ended = implicit(SEQUENCE_END, b"")
    uid = explicit(0x00081150, b"UI", b"1.2\0")
    assert out == (
        explicit(0x00081140, b"SQ", item(uid, delimited=True), length=UNDEFINED)
        + item(b"", delimited=True)
        + ended
        + explicit(0x00082112, b"SQ", item(uid, delimited=True), length=UNDEFINED)
        + ended
        + explicit(0x0040A730, b"SQ", b"")
    )


async def test_what_the_dictionary_does_not_know_is_un_and_a_private_creator_is_not() -> None:
    stored = (
        implicit(0x00090010, b"ACME")
        + implicit(0x00091001, b"\1\2")
        + implicit(0x0009FF00, b"")
        + implicit(0x00104000, b"text")
        + implicit(0x0010FFF0, b"\3\4")
    )
    assert await dataset_of(ImplicitVRLittleEndian, stored) == (
        explicit(0x00090010, b"LO", b"ACME")
        + explicit(0x00091001, b"UN", b"\1\2")
        + explicit(0x0009FF00, b"UN", b"")
        + explicit(0x00104000, b"LT", b"text")
        + explicit(0x0010FFF0, b"UN", b"\3\4")
    )


async def test_a_private_sequence_is_still_one_for_who_knows_it() -> None:
    value = item(implicit(0x00081150, b"1.2\0"))
    creator = implicit(0x00710010, b"AGFA-AG_HPState ")
    for ending in (b"", implicit(SEQUENCE_END, b"")):
        length = UNDEFINED if ending else None
        stored = creator + implicit(0x00711018, value, length=length) + ending
        data = file_of(ImplicitVRLittleEndian, stored)
        out = read(await reencoded(data))
        assert differences(read(data), out) == []
        assert out[0x00711018].value[0].ReferencedSOPClassUID == "1.2"


async def test_a_value_too_long_for_its_vr_is_un() -> None:
    points = b"1.5\\" * 20_000
    out = await dataset_of(ImplicitVRLittleEndian, implicit(0x30060050, points))
    assert out == explicit(0x30060050, b"UN", points)


@pytest.mark.parametrize("representation", [0, 1])
async def test_the_sign_is_that_of_the_nearest_dataset_around(representation: int) -> None:
    outer, other = representation.to_bytes(2, "little"), (1 - representation).to_bytes(2, "little")
    own = implicit(0x00280103, other) + implicit(0x00280106, b"\xff\xff")
    inherited = implicit(0x00280106, b"\xff\xff")
    stored = (
        implicit(0x00081140, item(inherited) + item(own) + item(inherited))
        + implicit(0x00189810, b"\xff\xff")
        + implicit(0x00280103, outer)
        + implicit(0x00280120, b"\xff\xff")
    )
    out = read(await reencoded(file_of(ImplicitVRLittleEndian, stored), 3))
    vr, other_vr = ("SS", "US") if representation else ("US", "SS")
    items = out.ReferencedImageSequence
    assert [each[0x00280106].VR for each in items] == [vr, other_vr, vr]
    assert [out[tag].VR for tag in (0x00189810, 0x00280120)] == [vr, vr]


async def test_what_stands_behind_the_pixels_and_in_the_meta_is_kept() -> None:
    dataset = identified()
    dataset.PixelData = b"\1\2"
    dataset["PixelData"].VR = "OW"
    dataset.DataSetTrailingPadding = bytes(126)
    plain = bytearray(written(dataset, ImplicitVRLittleEndian))
    plain[:4] = b"II*\0"
    out = await reencoded(bytes(plain))
    meta = read(bytes(plain)).file_meta
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.FileMetaInformationGroupLength += 2
    assert out[:132] == b"II*\0" + bytes(124) + b"DICM"
    assert differences(meta, read(out).file_meta) == []
    assert read(out).file_meta.FileMetaInformationGroupLength == meta[0x00020000].value
    assert out.endswith(explicit(0xFFFCFFFC, b"OB", bytes(126)))


async def test_a_dataset_that_is_explicit_against_its_label_is_taken_as_it_is() -> None:
    stored = explicit(0x00080016, b"UI", b"1.2\0") + explicit(0x00100020, b"LO", b"ID")
    assert await dataset_of(ImplicitVRLittleEndian, stored) == stored


async def test_a_deflated_dataset_of_nothing_is_still_a_file() -> None:
    out = await dataset_of(DeflatedExplicitVRLittleEndian, b"\3\0")
    assert out == b""


@pytest.mark.parametrize("size", SIZES)
async def test_a_file_in_explicit_little_endian_passes_as_it_is(size: int) -> None:
    stored = file_of(ExplicitVRLittleEndian, b"whatever it holds")
    assert await reencoded(stored, size) == stored


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, "1.2.840.10008.1.2.8.1", "1.2.3"])
async def test_a_file_that_is_not_native_is_refused(syntax: str) -> None:
    with pytest.raises(Part10Error, match="native"):
        await reencoded(file_of(syntax, explicit(0x00080016, b"UI", b"1.2\0")))


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
async def test_a_dataset_without_file_meta_gets_some(syntax: str) -> None:
    file = written(identified(), syntax)
    meta = read(file).file_meta
    bare = file[144 + meta.FileMetaInformationGroupLength :]
    assert stored_transfer_syntax(bare[:2048]) == ImplicitVRLittleEndian
    out = read(await reencoded(bare))
    assert out == read(file)
    assert out.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert out.file_meta.MediaStorageSOPClassUID == out.SOPClassUID
    assert out.file_meta.MediaStorageSOPInstanceUID == out.SOPInstanceUID


@pytest.mark.parametrize("uid", ["1.2.ü3".encode("latin-1"), b"1" * 70_000])
async def test_a_dataset_whose_uid_fits_no_file_meta_is_refused(uid: bytes) -> None:
    with pytest.raises(Part10Error, match="UID"):
        await reencoded(implicit(0x00080016, b"1.2\0") + implicit(0x00080018, uid) + bytes(200))


@pytest.mark.parametrize("vr", [b"OB", b"OW"])
async def test_fragments_in_a_native_file_are_refused(vr: bytes) -> None:
    pixels = explicit(0x7FE00010, vr, b"", length=UNDEFINED, order=">")
    with pytest.raises(Part10Error, match="encapsulated"):
        await dataset_of(ExplicitVRBigEndian, pixels + item(b"\0\0", order=">"))


@pytest.mark.parametrize("syntax", NATIVE)
async def test_a_file_cut_anywhere_is_never_ended_as_if_complete(syntax: str) -> None:
    dataset = identified()
    dataset.SourceImageSequence = [identified()]
    dataset.PixelData = bytes(range(100))
    dataset["PixelData"].VR = "OW"
    data = written(dataset, syntax)
    taken = 0
    for end in range(len(data)):
        try:
            out = await reencoded(data[:end], 50)
        except Part10Error:
            continue
        # Between two elements of the dataset itself nothing tells that there were more.
        taken += 1
        assert differences(read(out), read(data[:end])) == []
    assert taken == (0 if syntax == DeflatedExplicitVRLittleEndian else 5)


@pytest.mark.parametrize("syntax", NATIVE)
@given(data=st.data())
async def test_nothing_but_a_part10_error_comes_of_damaged_files(
    syntax: str, data: st.DataObject
) -> None:
    dataset = identified()
    dataset.SourceImageSequence = [identified(), Dataset()]
    dataset["SourceImageSequence"].is_undefined_length = True
    dataset.add_new(0x00280010, "US", 512)
    stored = bytearray(written(dataset, syntax))
    positions = st.integers(0, len(stored) - 1)
    for position, byte in data.draw(st.lists(st.tuples(positions, st.integers(0, 255)))):
        stored[position] = byte
    with suppress(Part10Error):
        await reencoded(bytes(stored), 64)


async def test_memory_does_not_grow_with_the_pixels() -> None:
    length = 256 * 1024 * 1024
    block = bytes(64 * 1024)
    head = file_of(ExplicitVRBigEndian, explicit(0x7FE00010, b"OW", b"", length=length, order=">"))

    async def stored() -> AsyncIterator[bytes]:
        yield head
        for _ in range(length // len(block)):
            yield block

    tracemalloc.start()
    try:
        total = 0
        async for chunk in explicit_little_endian(stored()):
            total += len(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == len(head) + length
    assert peak < 4 * 1024 * 1024


async def test_many_elements_are_walked_off_the_event_loop() -> None:
    many = implicit(0x00081140, item(implicit(0x00081155, b"1.2\0") * 10) * 20_000)
    many += implicit(0x00280103, b"\1\0")
    out, turns = await turns_during(dataset_of(ImplicitVRLittleEndian, many))
    assert turns > 30
    assert len(out) == 12 + 20_000 * (16 + 10 * 12) + 8 + 10
    assert out.endswith(explicit(0x00280103, b"US", b"\1\0"))


@pytest.mark.parametrize("consumed", [0, 1, 2])
async def test_closing_it_closes_the_source(consumed: int) -> None:
    source = Chunks(file_of(ImplicitVRLittleEndian, implicit(0x00104000, bytes(100))), 10)
    stream = explicit_little_endian(source)
    for _ in range(consumed + 1):
        await anext(stream)
    await stream.aclose()
    assert source.closed


def native_files(files: tuple[Path, ...]) -> list[Path]:
    found = []
    for path in files:
        syntax = stored_transfer_syntax(path.read_bytes()[:4096])
        if syntax and known(syntax).kind is Kind.NATIVE:
            found.append(path)
    return found


async def test_real_native_files_stay_the_same_dataset(data_files: tuple[Path, ...]) -> None:
    for path in native_files(data_files):
        data = path.read_bytes()
        out = await reencoded(data, 10_000)
        assert stored_transfer_syntax(out) == ExplicitVRLittleEndian, path.name
        if read(data).file_meta.get("TransferSyntaxUID") != ExplicitVRBigEndian:
            assert differences(read(data), read(out)) == [], path.name


@pytest.mark.dcmtk
@pytest.mark.parametrize("written_as", ["+ti", "+tb", "+td"])
async def test_dcmtk_makes_the_same_of_real_files(
    data_files: tuple[Path, ...], written_as: str, tmp_path: Path
) -> None:
    """dcmtk writes each file in another native syntax; both of us write that in explicit LE.

    Not compared is LUTDescriptor: dcmtk takes its VR from the descriptor's own first number.
    """
    other, theirs, ours = tmp_path / "other", tmp_path / "theirs", tmp_path / "ours"
    compared = 0
    for path in native_files(data_files):
        if not _run("dcmconv", written_as, path, other) or not _run(
            "dcmconv", "+te", other, theirs
        ):
            continue
        source = read(path.read_bytes())
        if written_as == "+tb" and "PixelData" in source and source.BitsAllocated > 16:
            with pytest.raises(Part10Error, match="more than 16 bits"):
                await reencoded(other.read_bytes())
            continue
        ours.write_bytes(await reencoded(other.read_bytes()))
        assert _run("dcmdump", "-q", ours), path.name
        found = differences(read(theirs.read_bytes()), read(ours.read_bytes()))
        assert [each for each in found if "(0028,3002)" not in each] == [], path.name
        compared += 1
    assert compared > 5


def _run(*command: str | Path) -> bool:
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode == 0 and done.stderr == b""
