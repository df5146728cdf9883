"""The heads of data elements (PS3.5 7.1): read in any native encoding, written in explicit LE."""

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD

TRANSFER_SYNTAX_UID = 0x00020010
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
BITS_ALLOCATED = 0x00280100
PIXEL_REPRESENTATION = 0x00280103
FLOAT_PIXEL_DATA = 0x7FE00008
"""The first of the three elements that pixel data can be (PS3.3 C.7.6.24)."""
PIXEL_DATA = 0x7FE00010
WAVEFORM_BITS_ALLOCATED = 0x54001004
WAVEFORM_DATA = 0x54001010
WAVEFORM_SAMPLES = frozenset((0x54000110, 0x54000112, 0x5400100A))
"""Elements of one sample each: ChannelMinimumValue, ChannelMaximumValue, WaveformPaddingValue."""

LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
"""Those with a length of 32 bits in explicit VR (PS3.5 7.1.2); any other has one of 16 bits."""

_TAG_LENGTH = {False: Struct("<HHL"), True: Struct(">HHL")}
_TAG_VR_LENGTH = {False: Struct("<HH2sH"), True: Struct(">HH2sH")}
_LENGTH = {False: Struct("<L"), True: Struct(">L")}
_SHORT_HEAD = Struct("<HH2sH")
_LONG_HEAD = Struct("<HH2sHL")


class Part10Error(ValueError):
    """Bytes that are not a DICOM file, or a file that is broken, cut, or not fit for its use."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a dataset, or an item of it, is written."""

    implicit: bool = False
    big_endian: bool = False


EXPLICIT_LITTLE = Encoding()


class Element(NamedTuple):
    """The head of an element, item or delimiter."""

    tag: int
    vr: bytes
    """Empty if it is not written and has to be looked up."""
    length: int
    """Of the value; or UNDEFINED."""
    size: int
    """Bytes of the head itself."""


def is_vr(two_bytes: bytes) -> bool:
    """True if this is a VR, of today or of a later standard, and not a part of a length."""
    return len(two_bytes) == 2 and two_bytes.isalpha() and two_bytes.isupper()


def read_head(encoding: Encoding, data: bytes, position: int) -> Element | None:
    """The head at `position`; None if `data` does not hold all of it.

    In explicit VR an element without a VR is taken as one in implicit VR: some writers switch.
    """
    if len(data) - position < 8:
        return None
    big = encoding.big_endian
    if not encoding.implicit:
        group, element, vr, length = _TAG_VR_LENGTH[big].unpack_from(data, position)
        if vr in LONG_VRS:
            if len(data) - position < 12:
                return None
            (length,) = _LENGTH[big].unpack_from(data, position + 8)
            return Element(group << 16 | element, vr, length, 12)
        if group != 0xFFFE and is_vr(vr):
            return Element(group << 16 | element, vr, length, 8)
    group, element, length = _TAG_LENGTH[big].unpack_from(data, position)
    return Element(group << 16 | element, b"", length, 8)


def write_head(tag: int, vr: bytes, length: int) -> bytes:
    """A head in explicit little endian; ValueError if the VR cannot be that long."""
    if vr in LONG_VRS:
        return _LONG_HEAD.pack(tag >> 16, tag & 0xFFFF, vr, 0, length)
    if length > 0xFFFF:
        raise ValueError("this VR has a length of 16 bits")
    return _SHORT_HEAD.pack(tag >> 16, tag & 0xFFFF, vr, length)


def write_delimiter(tag: int, length: int = 0) -> bytes:
    """An item's head, or the end of an item or sequence, in little endian (PS3.5 7.5)."""
    return _TAG_LENGTH[False].pack(tag >> 16, tag & 0xFFFF, length)
