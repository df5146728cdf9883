"""Frames told by their own headers: real ones, written ones, and pixels that only look so."""

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import generate_frames
from pydicom.errors import InvalidDicomError
from pydicom.pixels.encoders.base import get_encoder

from gateway.dicom.codestreams import sniff
from gateway.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, Kind, known

_BASE = "1.2.840.10008.1.2."
_FIRST_BYTES = 2048
_WITHOUT_A_HEADER = {f"{_BASE}8.1", f"{_BASE}1.98"}
# What a file calls its frames -> what their codestreams are, for the files that are wrong or that
# use a wider syntax than they need.
_OTHERWISE = {
    "CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm": "4.55",
    "GDCMJ2K_TextGBR.dcm": "4.91",
    "JPEGExtended_JPEGExtended_3s_1f_u_08_08.dcm": "4.50",
    "SC_rgb_gdcm_KY.dcm": "4.90",
    "test_sample-op.dcm": "4.50",
}


def _pixels(path: Path) -> pydicom.Dataset | None:
    try:
        dataset = pydicom.dcmread(path)
    except InvalidDicomError:
        return None
    has_syntax = "TransferSyntaxUID" in dataset.file_meta
    return dataset if has_syntax and "PixelData" in dataset else None


@pytest.mark.filterwarnings("ignore")
def test_real_compressed_frames_are_told_and_native_pixels_are_not(
    data_files: tuple[Path, ...],
) -> None:
    told: set[str] = set()
    for path in data_files:
        dataset = _pixels(path)
        if dataset is None:
            continue
        stored = str(dataset.file_meta.TransferSyntaxUID)
        if known(stored).kind is Kind.NATIVE:
            assert sniff(dataset.PixelData[:_FIRST_BYTES]) is None, path
            continue
        frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
        if known(stored).kind is Kind.VIDEO or stored in _WITHOUT_A_HEADER:
            assert sniff(frame[:_FIRST_BYTES]) is None, path
            continue
        other = _OTHERWISE.get(path.name)
        assert sniff(frame[:_FIRST_BYTES]) == (_BASE + other if other else stored), path
        told.add(stored)
    assert {f"{_BASE}{end}" for end in ("4.51", "4.80", "4.81", "4.90", "5")} <= told


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _jpeg(marker: int, precision: int, first: int, *before: bytes) -> bytes:
    frame = struct.pack(">BHHB", precision, 512, 512, 1) + b"\1\x11\0"
    scan = bytes([1, 1, 0, first, 0, 0])
    return b"\xff\xd8" + b"".join(before) + _segment(marker, frame) + _segment(0xDA, scan)


@pytest.mark.parametrize(
    ("marker", "precision", "first", "told"),
    [
        (0xC0, 8, 0, "4.50"),
        (0xC1, 8, 0, "4.51"),
        (0xC1, 12, 0, "4.51"),
        (0xC2, 8, 0, "4.55"),
        (0xC3, 16, 1, "4.70"),
        (0xC3, 16, 6, "4.57"),
        (0xF7, 12, 0, "4.80"),
        (0xF7, 12, 3, "4.81"),
    ],
)
def test_a_jpeg_is_told_by_its_frame_and_scan_headers(
    marker: int, precision: int, first: int, told: str
) -> None:
    before = (_segment(0xE0, b"JFIF\0" + bytes(9)), b"\xff", _segment(0xDB, bytes(65)))
    assert sniff(_jpeg(marker, precision, first, *before)) == _BASE + told


@pytest.mark.parametrize(("marker", "wider"), [(0xC3, "4.57"), (0xF7, "4.81")])
def test_without_its_scan_header_a_jpeg_gets_the_wider_syntax(marker: int, wider: str) -> None:
    whole = _jpeg(marker, 12, 1)
    assert sniff(whole[:-8]) == _BASE + wider


def test_a_broken_chain_of_jpeg_segments_is_no_jpeg() -> None:
    assert sniff(_jpeg(0xC0, 12, 0)) is None
    assert sniff(_jpeg(0xC0, 8, 0, _segment(0xC0, b""))) is None
    assert sniff(_jpeg(0xC0, 8, 0, _segment(0x01, b"x"))) is None
    assert sniff(b"\xff\xd8" + _segment(0xDA, bytes([1, 1, 0, 0, 0, 0]))) is None
    assert sniff(b"\xff\xd8\xff\xe0\x40\x00" + bytes(100)) is None


def _jpeg_2000(order: int, layers: int, transform: int, *more: bytes) -> bytes:
    size = struct.pack(">H8IH", 0, 512, 512, 0, 0, 512, 512, 0, 0, 1) + b"\x0f\1\1"
    coding = struct.pack(">BBHBBBBBB", 0, order, layers, 0, 5, 4, 4, 0, transform)
    tile_part = _segment(0x90, bytes(8))
    return b"\xff\x4f" + _segment(0x51, size) + b"".join(more) + _segment(0x52, coding) + tile_part


_CAPABILITIES = _segment(0x50, struct.pack(">IH", 0x20000, 0))
_TILE_LENGTHS = _segment(0x55, bytes(8))
_MULTI_COMPONENT = _segment(0x75, bytes(20))


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (_jpeg_2000(0, 1, 1), "4.90"),
        (_jpeg_2000(0, 1, 0), "4.91"),
        (_jpeg_2000(0, 3, 1), "4.91"),
        (_jpeg_2000(0, 1, 1, _MULTI_COMPONENT), "4.92"),
        (_jpeg_2000(0, 1, 0, _MULTI_COMPONENT), "4.93"),
        (_jpeg_2000(0, 1, 1, _CAPABILITIES), "4.201"),
        (_jpeg_2000(2, 1, 1, _CAPABILITIES), "4.201"),
        (_jpeg_2000(2, 1, 1, _CAPABILITIES, _TILE_LENGTHS), "4.202"),
        (_jpeg_2000(2, 1, 0, _CAPABILITIES, _TILE_LENGTHS), "4.203"),
    ],
)
def test_jpeg_2000_is_told_by_its_main_header(frame: bytes, told: str) -> None:
    assert sniff(frame) == _BASE + told
    boxed = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x08jp2h" + b"\0\0\0\0jp2c" + frame
    assert sniff(boxed) == _BASE + told


def test_a_broken_main_header_is_no_jpeg_2000() -> None:
    frame = _jpeg_2000(0, 1, 1)
    assert sniff(frame[:58]) is None
    assert sniff(frame[:8] + bytes(8) + frame[16:]) is None
    assert sniff(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40)) is None


# The first bytes of images that libjxl wrote: grey 16 bit lossy, grey 8 bit and RGB lossless.
_JPEG_XL = (
    "ff0af81ffc24458b0013880200dc125bc0341101",
    "ff0af81f101437020802010058090000a05d30a0",
    "ff0a7f402408040100627f0b2bf98b9191025878",
    "ff0a7f0600138802001e7302b59f200000151a92",
    "ff0a0210e8f9e027295a04001388020038948384",
)


@pytest.mark.parametrize("first_bytes", _JPEG_XL)
def test_a_bare_jpeg_xl_codestream_is_told_by_its_image_header(first_bytes: str) -> None:
    assert sniff(bytes.fromhex(first_bytes)) == _BASE + "4.112"


def test_a_jpeg_xl_file_that_can_restore_a_jpeg_is_a_recompressed_one() -> None:
    file = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl "
    assert sniff(file + b"\0\0\0\0jxlc\xff\x0a") == _BASE + "4.112"
    assert sniff(file + b"\0\0\0\x60jbrd") == _BASE + "4.111"
    assert sniff(file[:12] + bytes(30)) is None


def test_rle_is_told_by_all_of_its_header() -> None:
    pixels = np.arange(64 * 64, dtype="<u2").tobytes()
    frame = get_encoder(f"{_BASE}5").encode(
        pixels,
        rows=64,
        columns=64,
        samples_per_pixel=1,
        bits_allocated=16,
        bits_stored=16,
        pixel_representation=0,
        number_of_frames=1,
        photometric_interpretation="MONOCHROME2",
    )
    assert sniff(frame) == _BASE + "5"
    assert sniff(frame[:63]) is None
    for broken in ((2, 64, 60), (1, 64, 99), (2, 64)):
        assert sniff(struct.pack("<16I", *broken, *bytes(16 - len(broken)))) is None


@pytest.mark.parametrize("first", [0x0AFF, 0xD8FF, 0x4FFF, 0x0001, 0x0000])
def test_even_pixels_that_begin_like_a_codestream_are_none(first: int) -> None:
    for second in (first, 0, 0x40, 0xFFFF, 0x51FF, 0xFFFF):
        assert sniff(struct.pack("<2H", first, second) + bytes(200)) is None
    assert sniff(struct.pack("<H", first) * 100) is None


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n", b""]),
    st.binary(max_size=200),
)
def test_any_bytes_are_sniffed_without_an_error(start: bytes, rest: bytes) -> None:
    assert sniff(start + rest) in {None, *TRANSFER_SYNTAXES}
