"""VRs that are not written, held against pydicom's dictionary."""

import pytest
from pydicom._dicom_dict import DicomDictionary

from gateway.dicom.part10.data_elements import (
    LONG_VRS,
    Element,
    Encoding,
    is_vr,
    read_head,
    write_head,
)
from gateway.dicom.part10.implicit_vr import implicit_vr, swapped_bytes

AMBIGUOUS = {
    "US or SS": (b"US", b"SS"),
    "OB or OW": (b"OW", b"OW"),
    "US or SS or OW": (b"OW", b"OW"),
    "US or OW": (b"OW", b"OW"),
}


def test_every_public_element_has_the_vr_of_the_dictionary() -> None:
    for tag, (vr, *_) in DicomDictionary.items():
        if vr == "NONE":
            continue
        unsigned, signed = AMBIGUOUS.get(vr, (vr.encode(), vr.encode()))
        assert implicit_vr(tag, 4, signed=False) == unsigned, hex(tag)
        assert implicit_vr(tag, 4, signed=True) == signed, hex(tag)


@pytest.mark.parametrize(
    ("tag", "length", "vr"),
    [
        (0x60020010, 2, b"US"),
        (0x601E3000, 100_000, b"OW"),
        (0x50003000, 10, b"OW"),
        (0x00290010, 8, b"LO"),
        (0x002900FF, 8, b"LO"),
        (0x00290009, 8, b"UN"),
        (0x00291001, 8, b"UN"),
        (0x00280FFF, 8, b"UN"),
        (0x00283006, 2, b"US"),
        (0x00283006, 4, b"OW"),
        (0x30060050, 0xFFFF, b"DS"),
        (0x30060050, 0x10000, b"UN"),
        (0x00280106, 0x10000, b"UN"),
        (0x00283006, 0x10000, b"OW"),
        (0x00281201, 0x20000, b"OW"),
    ],
)
def test_a_vr_that_the_tag_alone_does_not_tell(tag: int, length: int, vr: bytes) -> None:
    assert implicit_vr(tag, length, signed=False) == vr


@pytest.mark.parametrize(
    ("vr", "size"),
    [(b"US", 2), (b"OW", 2), (b"AT", 2), (b"FL", 4), (b"OL", 4), (b"FD", 8), (b"OV", 8)],
)
def test_numbers_are_swapped_by_their_size(vr: bytes, size: int) -> None:
    assert swapped_bytes(vr) == size


@pytest.mark.parametrize("vr", [b"OB", b"UN", b"LO", b"SQ", b"UT", b"IS", b"ZZ"])
def test_text_and_bytes_are_never_swapped(vr: bytes) -> None:
    assert swapped_bytes(vr) == 1


@pytest.mark.parametrize("vr", [*sorted(LONG_VRS), b"US", b"LO", b"ZZ"])
def test_a_head_is_read_as_it_was_written(vr: bytes) -> None:
    head = write_head(0x00101020, vr, 300)
    element = Element(0x00101020, vr, 300, len(head))
    assert read_head(Encoding(), b"x" + head, 1) == element
    assert read_head(Encoding(), b"x" + head[:-1], 1) is None


def test_a_short_vr_cannot_be_written_with_a_long_length() -> None:
    assert len(write_head(0x00101020, b"DS", 0xFFFF)) == 8
    with pytest.raises(ValueError, match="16 bits"):
        write_head(0x00101020, b"DS", 0x10000)


@pytest.mark.parametrize("two_bytes", [b"", b"A", b"a1", b"Aa", b"\0\0", b"O ", b"\xc4\xd6"])
def test_what_is_no_vr_is_not_taken_for_one(two_bytes: bytes) -> None:
    assert not is_vr(two_bytes)
