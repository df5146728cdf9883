"""What a compressed frame says of itself: its transfer syntax, read from its own header.

For bytes that an archive labelled wrongly or not at all. Native pixels are arbitrary bytes, so a
magic number alone never decides: the chain of header fields that follows it must hold too.
"""

from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping
from itertools import pairwise, takewhile
from struct import unpack_from

from gateway.dicom.streams import peeked

ENOUGH = 2048
"""Bytes that usually suffice to sniff."""
AT_MOST = 256 * 1024
"""Bytes that headers have at most: colour profiles and comments stand before what is looked for."""

_BASE = "1.2.840.10008.1.2."
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_JXL_SIGNATURE = b"\x00\x00\x00\x0cJXL \r\n\x87\n"

# ISO/IEC 10918-1 table B.1: frame headers, and the sizes of sample that each may have.
_JPEG_FRAMES: Mapping[int, tuple[str, range]] = {
    0xC0: ("4.50", range(8, 9)),
    0xC1: ("4.51", range(8, 13)),
    0xC2: ("4.55", range(8, 13)),
    0xC3: ("4.57", range(2, 17)),
    0xF7: ("4.81", range(2, 17)),
}
# ISO/IEC 15444-1 table A.2.
_SIZE, _CAPABILITIES, _CODING_STYLE, _TILE_LENGTHS, _TILE_PART = 0x51, 0x50, 0x52, 0x55, 0x90
# ISO/IEC 15444-2 table A.4.
_MULTI_COMPONENT = frozenset({0x74, 0x75, 0x77, 0x78})
_JPEG_SEGMENTS = frozenset({0xC4, 0xCC, 0xDB, 0xDD, 0xF8, 0xFE, *range(0xE0, 0xF0)})


def sniff(first_bytes: bytes) -> str | None:
    """The transfer syntax of a frame whose first bytes these are; None where nothing is certain.

    What may be lossless or lossy by its content and cannot be told
    apart so early gets the wider syntax: .57 for .70, .81 for .80, .112 for .110. JPEG 2000 counts
    as lossless if its transform is reversible and it has a single layer.
    """
    if not first_bytes.startswith(_STARTS):
        return None
    for start, read in _READERS:
        if first_bytes.startswith(start):
            found = read(first_bytes)
            return None if found is None else _BASE + found
    return None


def _jpeg(data: bytes) -> str | None:
    """ISO/IEC 10918-1 B.2: segments up to the frame header, then up to the scan header."""
    frame = None
    for marker, body in _segments(data):
        if frame is None and marker in _JPEG_FRAMES:
            frame, precisions = _JPEG_FRAMES[marker]
            if not _is_frame_header(body, precisions):
                return None
        elif marker == 0xDA:
            return _of_scan(frame, body) if frame else None
        elif marker not in _JPEG_SEGMENTS:
            return None
    return frame


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker segments after the first marker, as far as they are whole."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = unpack_from(">BH", data, at + 1)
        if marker == 0xFF:
            at += 1
            continue
        if length < 2 or at + 2 + length > len(data):
            return
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


def _is_frame_header(body: bytes, precisions: range) -> bool:
    if len(body) < 9:
        return False
    precision, _height, width, components = unpack_from(">BHHB", body)
    return precision in precisions and width > 0 and len(body) == 6 + 3 * components


def _of_scan(frame: str, body: bytes) -> str | None:
    if not body or len(body) != 4 + 2 * body[0]:
        return None
    first_parameter = body[-3]
    if frame == "4.57" and first_parameter == 1:
        return "4.70"
    if frame == "4.81" and first_parameter == 0:
        return "4.80"
    return frame


def _jpeg_2000(data: bytes) -> str | None:
    """ISO/IEC 15444-1 A.5 and 15444-15 A.3: the main header."""
    header = dict(takewhile(lambda segment: segment[0] != _TILE_PART, _segments(data)))
    size, coding = header.get(_SIZE, b""), header.get(_CODING_STYLE, b"")
    if not _is_image_size(size) or len(coding) < 10:
        return None
    # Layers can be cut off a stream, and then a reversible transform is lossless no longer.
    reversible = coding[9] == 1 and coding[2:4] == b"\x00\x01"
    if _CAPABILITIES in header:
        by_resolution = coding[1] == 2 and _TILE_LENGTHS in header
        return ("4.202" if by_resolution else "4.201") if reversible else "4.203"
    if _MULTI_COMPONENT & header.keys():
        return "4.92" if reversible else "4.93"
    return "4.90" if reversible else "4.91"


def _is_image_size(body: bytes) -> bool:
    if len(body) < 39:
        return False
    width, height, left, top = unpack_from(">IIII", body, 2)
    components = int.from_bytes(body[34:36], "big")
    return left < width and top < height and len(body) == 36 + 3 * components


def _jp2(data: bytes) -> str | None:
    """ISO/IEC 15444-1 I.4: a file around the codestream, against PS3.5 A.4.4 but met."""
    at = 0
    while at + 8 <= len(data):
        (length,) = unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"jp2c":
            stream = data[at + (16 if length == 1 else 8) :]
            return _jpeg_2000(stream) if stream.startswith(b"\xff\x4f\xff\x51") else None
        if length < 8:
            return None
        at += length
    return None


def _jpeg_xl(data: bytes) -> str | None:
    """ISO/IEC 18181-1 D: all headers of the image, up to the zero bits before its first frame."""
    bits = _Bits(data[2:34])
    try:
        small = bits.take(1)
        bits.side(small)
        if bits.take(3) == 0:
            bits.side(small)
        if not bits.take(1):
            _image_metadata(bits)
        bits.only(1, {1})
        bits.only(bits.left % 8, {0})
    except ValueError:
        return None
    return "4.112"


def _image_metadata(bits: "_Bits") -> None:
    """Samples and colours as encoders of medical images write them, else ValueError."""
    extra_fields_and_float_samples = bits.take(2)
    depth = bits.choice(8, 10, 12, (6, 1))
    _sixteen_bit_buffers = bits.take(1)
    extra_channels = bits.take(2)
    if extra_fields_and_float_samples or extra_channels or depth > 32:
        raise ValueError("no medical image")
    _xyb_encoded = bits.take(1)
    if not bits.take(1):
        _colour_encoding(bits)
    bits.only(2, {0})


def _colour_encoding(bits: "_Bits") -> None:
    """ISO/IEC 18181-1 E.2: each number must be one that the standard has given a meaning."""
    bits.only(1, {0})
    colour_space = bits.enumerated(range(2))
    bits.enumerated({1, 10, 11})
    if colour_space == 0:
        bits.enumerated({1, 9, 11})
    bits.only(1, {0})
    bits.enumerated({1, 8, 13, 16, 17, 18})
    bits.enumerated(range(4))


class _Bits:
    """Bits, the least significant of each byte first (ISO/IEC 18181-1 B.2)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self.left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self.left:
            raise ValueError("cut")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self.left -= count
        return value

    def choice(self, *ways: int | tuple[int, int]) -> int:
        """A number written in one of four ways: itself, or that many bits and what they add to."""
        way = ways[self.take(2)]
        return way if isinstance(way, int) else self.take(way[0]) + way[1]

    def only(self, count: int, allowed: Container[int]) -> None:
        if self.take(count) not in allowed:
            raise ValueError("no such value")

    def enumerated(self, allowed: Container[int]) -> int:
        value = self.choice(0, 1, (4, 2), (6, 18))
        if value not in allowed:
            raise ValueError("no such value")
        return value

    def side(self, small: int) -> None:
        """Width or height; none is longer than DICOM's 16 bits."""
        side = (self.take(5) + 1) * 8 if small else self.choice((9, 1), (13, 1), (18, 1), (30, 1))
        if side > 0xFFFF:
            raise ValueError("too long")


def _jpeg_xl_file(data: bytes) -> str | None:
    """ISO/IEC 18181-2: with the box that restores a JPEG it is a recompressed one."""
    if data[12:20] != b"\x00\x00\x00\x14ftyp":
        return None
    return "4.111" if b"jbrd" in data else "4.112"


def _rle(data: bytes) -> str | None:
    """PS3.5 G.5: 64 bytes; the first segment follows, offsets rise, unused ones are zero."""
    if len(data) < 64:
        return None
    count, *offsets = unpack_from("<16I", data)
    used, unused = offsets[:count], offsets[count:]
    rising = all(a < b for a, b in pairwise(used))
    return "5" if used[:1] == [64] and count < 16 and rising and not any(unused) else None


_READERS: tuple[tuple[bytes, Callable[[bytes], str | None]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\xff\x4f\xff\x51", _jpeg_2000),
    (_JP2_SIGNATURE, _jp2),
    (_JXL_SIGNATURE, _jpeg_xl_file),
    (b"\xff\x0a", _jpeg_xl),
    *((bytes([count, 0, 0, 0, 64, 0, 0, 0]), _rle) for count in range(1, 16)),
)
_STARTS = tuple(start for start, _ in _READERS)
_MAY_BE_LONG = tuple(start for start, read in _READERS if read in (_jpeg, _jpeg_2000, _jp2))


async def sniffed(chunks: AsyncIterator[bytes]) -> tuple[str | None, AsyncIterator[bytes]]:
    """What `sniff` tells of a frame that streams, and all of its chunks still to be read.

    No more than `AT_MOST` bytes are looked at, and no more than `ENOUGH` of most.
    """
    start, chunks = await peeked(chunks, ENOUGH)
    found = sniff(start)
    if found is None and len(start) >= ENOUGH and start.startswith(_MAY_BE_LONG):
        start, chunks = await peeked(chunks, AT_MOST)
        found = sniff(start)
    return found, chunks
