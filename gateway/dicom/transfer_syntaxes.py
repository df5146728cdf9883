"""The transfer syntaxes of PS3.5 and PS3.6 A, and how each may leave (PS3.18 8.7.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"


class Kind(StrEnum):
    """What pixels become in a syntax; one that may be lossless or lossy by content is lossy."""

    NATIVE = "native"
    LOSSLESS = "lossless"
    LOSSY = "lossy"
    VIDEO = "video"
    OPAQUE = "opaque"
    """Left as it is: unknown, private, or without pixels of its own."""


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """A transfer syntax. `media_type` is that of one frame; None is application/octet-stream."""

    uid: str
    name: str
    kind: Kind
    media_type: str | None = None
    web: bool = True
    """A dataset in it may leave as it is."""
    implicit: bool = False
    big_endian: bool = False
    deflated: bool = False
    """The dataset after the file meta information is one deflated stream."""


_N, _L, _Y, _V, _O = Kind.NATIVE, Kind.LOSSLESS, Kind.LOSSY, Kind.VIDEO, Kind.OPAQUE
_ROOT = "1.2.840.10008.1.2."

_NATIVE = (
    TransferSyntax(
        IMPLICIT_LITTLE_ENDIAN, "Implicit VR Little Endian", _N, web=False, implicit=True
    ),
    TransferSyntax(EXPLICIT_LITTLE_ENDIAN, "Explicit VR Little Endian", _N),
    TransferSyntax(DEFLATED, "Deflated Explicit VR Little Endian", _N, web=False, deflated=True),
    TransferSyntax(EXPLICIT_BIG_ENDIAN, "Explicit VR Big Endian", _N, web=False, big_endian=True),
)

# The datasets of these are written in explicit little endian, but for the deflated JPIP two.
_ENCAPSULATED: tuple[tuple[str, str, Kind, str | None], ...] = (
    ("1.98", "Encapsulated Uncompressed Explicit VR Little Endian", _L, None),
    ("4.50", "JPEG Baseline", _Y, "image/jpeg"),
    ("4.51", "JPEG Extended", _Y, "image/jpeg"),
    ("4.52", "JPEG Extended, processes 3 and 5", _Y, "image/jpeg"),
    ("4.53", "JPEG Spectral Selection, processes 6 and 8", _Y, "image/jpeg"),
    ("4.54", "JPEG Spectral Selection, processes 7 and 9", _Y, "image/jpeg"),
    ("4.55", "JPEG Full Progression, processes 10 and 12", _Y, "image/jpeg"),
    ("4.56", "JPEG Full Progression, processes 11 and 13", _Y, "image/jpeg"),
    ("4.57", "JPEG Lossless, process 14", _L, "image/jpeg"),
    ("4.58", "JPEG Lossless, process 15", _L, "image/jpeg"),
    ("4.59", "JPEG Extended, Hierarchical, processes 16 and 18", _Y, "image/jpeg"),
    ("4.60", "JPEG Extended, Hierarchical, processes 17 and 19", _Y, "image/jpeg"),
    ("4.61", "JPEG Spectral Selection, Hierarchical, processes 20 and 22", _Y, "image/jpeg"),
    ("4.62", "JPEG Spectral Selection, Hierarchical, processes 21 and 23", _Y, "image/jpeg"),
    ("4.63", "JPEG Full Progression, Hierarchical, processes 24 and 26", _Y, "image/jpeg"),
    ("4.64", "JPEG Full Progression, Hierarchical, processes 25 and 27", _Y, "image/jpeg"),
    ("4.65", "JPEG Lossless, Hierarchical, process 28", _L, "image/jpeg"),
    ("4.66", "JPEG Lossless, Hierarchical, process 29", _L, "image/jpeg"),
    ("4.70", "JPEG Lossless, First-Order Prediction", _L, "image/jpeg"),
    ("4.80", "JPEG-LS Lossless", _L, "image/jls"),
    ("4.81", "JPEG-LS Near-Lossless", _Y, "image/jls"),
    ("4.90", "JPEG 2000 Lossless", _L, "image/jp2"),
    ("4.91", "JPEG 2000", _Y, "image/jp2"),
    ("4.92", "JPEG 2000 Part 2 Multi-component Lossless", _L, "image/jpx"),
    ("4.93", "JPEG 2000 Part 2 Multi-component", _Y, "image/jpx"),
    ("4.94", "JPIP Referenced", _O, None),
    ("4.95", "JPIP Referenced Deflate", _O, None),
    # Never registered, but what HTJ2K was called by viewers and files before it had a number.
    ("4.96", "High-Throughput JPEG 2000, before its registration", _Y, "image/jphc"),
    ("4.100", "MPEG2 Main Profile / Main Level", _V, "video/mpeg"),
    ("4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", _V, "video/mpeg"),
    ("4.101", "MPEG2 Main Profile / High Level", _V, "video/mpeg"),
    ("4.101.1", "Fragmentable MPEG2 Main Profile / High Level", _V, "video/mpeg"),
    ("4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", _V, "video/mp4"),
    ("4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", _V, "video/mp4"),
    ("4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", _V, "video/mp4"),
    ("4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible", _V, "video/mp4"),
    ("4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", _V, "video/mp4"),
    ("4.104.1", "Fragmentable MPEG-4 AVC/H.264 Level 4.2 For 2D Video", _V, "video/mp4"),
    ("4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", _V, "video/mp4"),
    ("4.105.1", "Fragmentable MPEG-4 AVC/H.264 Level 4.2 For 3D Video", _V, "video/mp4"),
    ("4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", _V, "video/mp4"),
    ("4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile", _V, "video/mp4"),
    ("4.107", "HEVC/H.265 Main Profile / Level 5.1", _V, "video/h265"),
    ("4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", _V, "video/h265"),
    ("4.110", "JPEG XL Lossless", _L, "image/jxl"),
    ("4.111", "JPEG XL JPEG Recompression", _Y, "image/jxl"),
    ("4.112", "JPEG XL", _Y, "image/jxl"),
    ("4.201", "High-Throughput JPEG 2000 Lossless", _L, "image/jphc"),
    ("4.202", "High-Throughput JPEG 2000 with RPCL Options Lossless", _L, "image/jphc"),
    ("4.203", "High-Throughput JPEG 2000", _Y, "image/jphc"),
    ("4.204", "JPIP HTJ2K Referenced", _O, None),
    ("4.205", "JPIP HTJ2K Referenced Deflate", _O, None),
    ("5", "RLE Lossless", _L, "image/dicom-rle"),
    ("6.1", "RFC 2557 MIME encapsulation", _O, None),
    ("6.2", "XML Encoding", _O, None),
    ("7.1", "SMPTE ST 2110-20 Uncompressed Progressive Active Video", _O, None),
    ("7.2", "SMPTE ST 2110-20 Uncompressed Interlaced Active Video", _O, None),
    ("7.3", "SMPTE ST 2110-30 PCM Digital Audio", _O, None),
    ("8.1", "Deflated Image Frame Compression", _L, None),
)
_DEFLATED = frozenset({"4.95", "4.205"})


def _encapsulated() -> tuple[TransferSyntax, ...]:
    return tuple(
        TransferSyntax(_ROOT + end, name, kind, media_type, deflated=end in _DEFLATED)
        for end, name, kind, media_type in _ENCAPSULATED
    )


TRANSFER_SYNTAXES: Mapping[str, TransferSyntax] = MappingProxyType(
    {syntax.uid: syntax for syntax in (*_NATIVE, *_encapsulated())}
)
"""By UID."""

DEFAULT_OF_MEDIA_TYPE: Mapping[str, str] = MappingProxyType(
    {
        "image/jpeg": _ROOT + "4.70",
        "image/jls": _ROOT + "4.80",
        "image/jp2": _ROOT + "4.90",
        "image/jphc": _ROOT + "4.201",
        "image/jxl": _ROOT + "4.110",
        "image/dicom-rle": _ROOT + "5",
    }
)
"""What a media type without a transfer syntax is made in (PS3.18 table 8.7.3-5).

image/jpx and the videos have a default there too, but nothing here encodes them.
"""


def known(uid: str) -> TransferSyntax:
    """The transfer syntax, or an opaque one of that UID if it is in no table."""
    return TRANSFER_SYNTAXES.get(uid) or TransferSyntax(uid, "Unknown", Kind.OPAQUE)
