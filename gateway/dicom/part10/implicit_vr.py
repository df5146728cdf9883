"""The VR of an element that is written without one (PS3.5 A.1), and what is known only by it."""

from functools import lru_cache

from pydicom.datadict import dictionary_VR

from gateway.dicom.part10.data_elements import LONG_VRS

_BY_SIGN = "US or SS"
# In implicit little endian these are words, whatever explicit VR lets them be (PS3.5 A.1).
_WORDS = frozenset(("OB or OW", "US or SS or OW"))
_LOOK_UP_TABLE = "US or OW"

_SWAPPED = {
    **dict.fromkeys((b"US", b"SS", b"OW", b"AT"), 2),
    **dict.fromkeys((b"UL", b"SL", b"FL", b"OF", b"OL"), 4),
    **dict.fromkeys((b"FD", b"OD", b"SV", b"UV", b"OV"), 8),
}


def swapped_bytes(vr: bytes) -> int:
    """How many bytes change their order together between the endians; 1 if none do (PS3.5 7.3).

    Pixels of 8 bits in OW are written as words too: swapped, they come out in their order.
    """
    return _SWAPPED.get(vr, 1)


def implicit_vr(tag: int, length: int, *, signed: bool) -> bytes:
    """The VR of the element, of which the value has `length` bytes.

    `signed` is what PixelRepresentation says of the dataset or the nearest one around it. What
    the standard's dictionary lacks is UN, and so is a value that its VR cannot hold (PS3.5
    6.2.2); private creators are LO (7.8.1).
    """
    vr = _dictionary_vr(tag)
    if vr == _BY_SIGN:
        vr = "SS" if signed else "US"
    elif vr == _LOOK_UP_TABLE:
        vr = "US" if length == 2 else "OW"
    code = b"OW" if vr in _WORDS else vr.encode("ascii")
    return b"UN" if length > 0xFFFF and code not in LONG_VRS else code


@lru_cache(maxsize=8192)
def _dictionary_vr(tag: int) -> str:
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"
