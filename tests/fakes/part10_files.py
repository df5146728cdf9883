"""DICOM files as bytes: written by pydicom, or by hand where no writer would write them."""

import asyncio
import struct
from collections.abc import AsyncGenerator, Coroutine, Sequence
from io import BytesIO
from typing import Any, TypeVar

from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

T = TypeVar("T")

LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT")
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


class Chunks:
    """A file in chunks of `size` bytes, which tells how far it was read and if it was closed."""

    def __init__(self, data: bytes, size: int = 1 << 16) -> None:
        self._data = data
        self._size = size
        self.read = 0
        self.closed = False

    def __aiter__(self) -> "Chunks":
        return self

    async def __anext__(self) -> bytes:
        chunk = self._data[self.read : self.read + self._size]
        if not chunk:
            raise StopAsyncIteration
        self.read += len(chunk)
        return chunk

    async def aclose(self) -> None:
        self.closed = True


async def joined(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """All bytes of a stream, which never has an empty chunk."""
    pieces = [chunk async for chunk in chunks]
    assert b"" not in pieces
    return b"".join(pieces)


async def turns_during(work: Coroutine[Any, Any, T]) -> tuple[T, int]:
    """What some work gives, and how often the event loop could do something else meanwhile."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        counting = group.create_task(count())
        result = await work
        counting.cancel()
    return result, turns


def file_meta(transfer_syntax: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    meta.TransferSyntaxUID = UID(transfer_syntax)
    return meta


def identified() -> Dataset:
    """A dataset with the UIDs of an instance, and nothing else."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = "1.2.3"
    dataset.StudyInstanceUID = "1.2.3.1"
    dataset.SeriesInstanceUID = "1.2.3.1.1"
    return dataset


def written(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The file as pydicom writes it."""
    dataset.file_meta = file_meta(transfer_syntax)
    file = BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def file_of(transfer_syntax: str, dataset: bytes) -> bytes:
    """A file with these very bytes for its dataset."""
    value = transfer_syntax.encode() + b"\0" * (len(transfer_syntax) % 2)
    syntax = explicit(0x00020010, b"UI", value)
    length = explicit(0x00020000, b"UL", len(syntax).to_bytes(4, "little"))
    return bytes(128) + b"DICM" + length + syntax + dataset


def explicit(
    tag: int, vr: bytes, value: bytes, *, length: int | None = None, order: str = "<"
) -> bytes:
    """An element in explicit VR; `length` is what it says, if that is not the truth."""
    stated = len(value) if length is None else length
    if vr in LONG:
        return struct.pack(f"{order}HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, stated) + value
    return struct.pack(f"{order}HH2sH", tag >> 16, tag & 0xFFFF, vr, stated) + value


def implicit(tag: int, value: bytes, *, length: int | None = None, order: str = "<") -> bytes:
    """An element in implicit VR, or an item or delimiter in any."""
    stated = len(value) if length is None else length
    return struct.pack(f"{order}HHL", tag >> 16, tag & 0xFFFF, stated) + value


def item(value: bytes, *, delimited: bool = False, order: str = "<") -> bytes:
    if not delimited:
        return implicit(ITEM, value, order=order)
    end = implicit(ITEM_END, b"", order=order)
    return implicit(ITEM, value, length=UNDEFINED, order=order) + end


def read(data: bytes) -> Dataset:
    """The file as pydicom reads it."""
    return dcmread(BytesIO(data), force=True)


def differences(left: Dataset, right: Dataset, where: str = "") -> list[str]:
    """What differs in VR or value, at any depth; group lengths, which are no content, do not."""
    found = []
    for tag in sorted(left.keys() | right.keys()):
        if tag.element == 0:
            continue
        if tag not in left or tag not in right:
            found.append(f"{where}{tag} is in one only")
        elif left[tag].VR != right[tag].VR:
            found.append(f"{where}{tag} is {left[tag].VR} or {right[tag].VR}")
        elif left[tag].VR == "SQ":
            found += _differing_items(left[tag].value, right[tag].value, f"{where}{tag}")
        elif left[tag].value != right[tag].value:
            found.append(f"{where}{tag} is {left[tag].value!r} or {right[tag].value!r}")
    return found


def _differing_items(left: Sequence[Dataset], right: Sequence[Dataset], where: str) -> list[str]:
    if len(left) != len(right):
        return [f"{where} has {len(left)} or {len(right)} items"]
    pairs = enumerate(zip(left, right, strict=True))
    return [each for number, (a, b) in pairs for each in differences(a, b, f"{where}[{number}]")]


def _text(size: int) -> st.SearchStrategy[str]:
    return st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", max_size=size)


def _words(unit: int) -> st.SearchStrategy[bytes]:
    return (
        st.integers(0, 20)
        .flatmap(lambda count: st.binary(min_size=count, max_size=count))
        .map(lambda data: data * unit)
    )


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "ImageType": st.lists(_text(16), min_size=2, max_size=3),
    "PatientName": _text(60),
    "PatientComments": _text(300),
    "ExposureTime": st.integers(-(2**31), 2**31 - 1),
    "Rows": st.integers(0, 2**16 - 1),
    "FrameIncrementPointer": st.sampled_from([0x00181063, 0x30020012]),
    "SimpleFrameList": st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3),
    "TagAngleSecondAxis": st.integers(-(2**15), 2**15 - 1),
    "ReferencePixelX0": st.integers(-(2**31), 2**31 - 1),
    "ImageOrientationSlide": st.just([1, 0, 0]),
    "RecommendedDisplayFrameRateInFloat": st.floats(width=32, allow_nan=False),
    "DiffusionBValue": st.floats(allow_nan=False),
    "EncapsulatedDocument": _words(2),
    "SelectorSVValue": st.integers(-(2**63), 2**63 - 1),
    "LongCodeValue": _text(100),
}
_BY_SIGN = ["SmallestImagePixelValue", "PixelPaddingValue"]
_BY_SIGN_BEFORE_IT = ["ZeroVelocityPixelValue"]
"""Elements that depend on PixelRepresentation and stand before it: in the dataset itself only."""
_WORDS: dict[str, st.SearchStrategy[bytes]] = {
    "RedPaletteColorLookupTableData": _words(2),
    "TrackPointIndexList": _words(4),
    "ExtendedOffsetTable": _words(8),
    "DoubleFloatPixelData": _words(8),
}


@st.composite
def datasets(draw: st.DrawFn, *, words: bool = True, depth: int = 2) -> Dataset:
    """Datasets of many VRs, signed or not, with private elements and nested items.

    `words` adds binary values, which pydicom writes in the same order whatever the endian.
    """
    dataset = identified() if depth == 2 else Dataset()
    values = {**_VALUES, **_WORDS} if words else _VALUES
    for keyword in draw(st.sets(st.sampled_from(sorted(values)))):
        setattr(dataset, keyword, draw(values[keyword]))
    if depth == 2 or draw(st.booleans()):
        dataset.PixelRepresentation = draw(st.integers(0, 1))
        by_sign = _BY_SIGN + _BY_SIGN_BEFORE_IT * (depth == 2)
        low = -(2**15) * dataset.PixelRepresentation
        for keyword in draw(st.sets(st.sampled_from(by_sign))):
            setattr(dataset, keyword, draw(st.integers(low, low + 2**16 - 1)))
    if draw(st.booleans()):
        block = dataset.private_block(0x0029, "GATEWAY TEST", create=True)
        block.add_new(0x01, "UN", draw(_words(2)))
    if depth > 0:
        _add_items(draw, dataset, words=words, depth=depth)
    return dataset


def _add_items(draw: st.DrawFn, dataset: Dataset, *, words: bool, depth: int) -> None:
    inner = st.lists(datasets(words=words, depth=depth - 1), max_size=2)
    for keyword in draw(st.sets(st.sampled_from(["SourceImageSequence", "IconImageSequence"]))):
        setattr(dataset, keyword, draw(inner))
        dataset[keyword].is_undefined_length = draw(st.booleans())
        for each in dataset[keyword].value:
            each.is_undefined_length_sequence_item = draw(st.booleans())
