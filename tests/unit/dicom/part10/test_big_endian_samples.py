"""Numbers of more than 16 bits in OW, which may have been swapped in either of two ways."""

import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gateway.dicom.part10.data_elements import Part10Error
from gateway.dicom.part10.explicit_little_endian import explicit_little_endian
from tests.fakes.part10_files import Chunks, explicit, file_of, implicit, item, joined

SIZES = (1, 7, 1 << 16)


async def dataset_of(transfer_syntax: str, dataset: bytes, size: int = 1 << 16) -> bytes:
    """The bytes behind the file meta information of what a dataset becomes."""
    stored = Chunks(file_of(transfer_syntax, dataset), size)
    return (await joined(explicit_little_endian(stored)))[
        len(file_of(ExplicitVRLittleEndian, b"")) :
    ]


def big_endian_image(bits: int) -> bytes:
    allocated = explicit(0x00280100, b"US", bits.to_bytes(2, "big"), order=">")
    return allocated + explicit(0x7FE00010, b"OW", b"\0\0\0\1", order=">")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", [1, 8, 12, 16])
async def test_big_endian_pixels_of_up_to_16_bits_are_swapped(bits: int, size: int) -> None:
    out = await dataset_of(ExplicitVRBigEndian, big_endian_image(bits), size)
    assert out == explicit(0x00280100, b"US", bytes([bits, 0])) + explicit(
        0x7FE00010, b"OW", b"\0\0\1\0"
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", [17, 32, 64, 256])
async def test_larger_big_endian_pixels_are_refused(bits: int, size: int) -> None:
    """Whether they are numbers or words with their bytes swapped cannot be told (PS3.5 8.1.1)."""
    icon = item(big_endian_image(bits), order=">")
    for stored in (big_endian_image(bits), explicit(0x00880200, b"SQ", icon, order=">")):
        with pytest.raises(Part10Error, match="more than 16 bits"):
            await dataset_of(ExplicitVRBigEndian, stored, size)


def with_icon(bits: int, icon: bytes) -> bytes:
    """An image with an icon, which stands behind (0028,0100), as in real files."""
    image = big_endian_image(bits)
    return image[:10] + explicit(0x00880200, b"SQ", item(icon, order=">"), order=">") + image[10:]


@pytest.mark.parametrize("size", SIZES)
async def test_the_bits_are_those_of_the_dataset_that_has_the_pixels(size: int) -> None:
    without_pixels = big_endian_image(32)[:10]
    await dataset_of(ExplicitVRBigEndian, with_icon(16, without_pixels), size)
    for bits, icon in ((16, big_endian_image(32)), (32, big_endian_image(8))):
        with pytest.raises(Part10Error, match="more than 16 bits"):
            await dataset_of(ExplicitVRBigEndian, with_icon(bits, icon), size)


@pytest.mark.parametrize("size", SIZES)
async def test_an_icon_of_words_in_a_dose_of_numbers_is_not_taken_for_numbers(size: int) -> None:
    stored = with_icon(32, big_endian_image(16))[:-16]
    out = await dataset_of(ExplicitVRBigEndian, stored, size)
    assert explicit(0x00280100, b"US", b"\x10\0") + explicit(0x7FE00010, b"OW", b"\0\0\1\0") in out


def big_endian_waveform(bits: int, *samples: bytes) -> bytes:
    """A sequence of two waveforms, the other one of 8 bits."""

    def waveform(bits: int, *samples: bytes) -> bytes:
        allocated = explicit(0x54001004, b"US", bits.to_bytes(2, "big"), order=">")
        data = explicit(0x54001010, b"OW", b"\0\0\0\1", order=">")
        return item(allocated + b"".join(samples) + data, order=">")

    return explicit(0x54000100, b"SQ", waveform(8) + waveform(bits, *samples), order=">")


@pytest.mark.parametrize("size", SIZES)
async def test_big_endian_waveforms_of_16_bits_are_swapped(size: int) -> None:
    lowest = explicit(0x54000110, b"OW", b"\x80\1", order=">")
    stored = big_endian_image(32)[:10] + big_endian_waveform(16, lowest)
    out = await dataset_of(ExplicitVRBigEndian, stored, size)
    assert explicit(0x54000110, b"OW", b"\1\x80") in out
    assert out.count(explicit(0x54001010, b"OW", b"\0\0\1\0")) == 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bits", [24, 32, 64])
async def test_larger_big_endian_waveforms_are_refused(bits: int, size: int) -> None:
    with pytest.raises(Part10Error, match="more than 16 bits"):
        await dataset_of(ExplicitVRBigEndian, big_endian_waveform(bits), size)


@pytest.mark.parametrize("tag", [0x54000110, 0x54000112, 0x5400100A])
async def test_one_large_sample_of_a_big_endian_waveform_is_refused(tag: int) -> None:
    """The channels are described before the bits of their samples are told."""
    sample = explicit(tag, b"OW", b"\x80\0\0\1", order=">")
    with pytest.raises(Part10Error, match="more than 16 bits"):
        await dataset_of(ExplicitVRBigEndian, big_endian_waveform(16, sample))


async def test_large_waveforms_in_implicit_little_endian_stay_as_they_are() -> None:
    stored = implicit(0x54001004, b"\x20\0") + implicit(0x54001010, b"\1\2\3\4")
    out = await dataset_of(ImplicitVRLittleEndian, stored)
    assert out.endswith(explicit(0x54001010, b"OW", b"\1\2\3\4"))


@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009])
async def test_floating_point_pixels_in_big_endian_are_numbers_for_sure(tag: int) -> None:
    vr, size = (b"OF", 4) if tag == 0x7FE00008 else (b"OD", 8)
    stored = big_endian_image(8 * size)[:10] + explicit(tag, vr, bytes(range(size)), order=">")
    out = await dataset_of(ExplicitVRBigEndian, stored)
    assert out.endswith(explicit(tag, vr, bytes(reversed(range(size)))))


async def test_large_pixels_in_implicit_little_endian_stay_as_they_are() -> None:
    stored = implicit(0x00280100, b"\x20\0") + implicit(0x7FE00010, b"\1\2\3\4")
    out = await dataset_of(ImplicitVRLittleEndian, stored)
    assert out.endswith(explicit(0x7FE00010, b"OW", b"\1\2\3\4"))


async def test_what_the_first_bytes_cannot_become_is_told_before_any_leave() -> None:
    stream = explicit_little_endian(Chunks(file_of(ExplicitVRBigEndian, big_endian_image(32))))
    with pytest.raises(Part10Error):
        await anext(stream)
