"""Pixel data as bulk data: what an archive leaves unsaid of it is found out before any leaves.

An archive may give the value as it lies in its file, and not say how that is written: big-endian
pixels would then be taken for others. A label tells, a codestream tells by its own bytes, and for
the rest the instance itself is asked.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType

from gateway.backends.base import Backend, CallContext, Part
from gateway.dicom.media_types import OCTETS, MediaType
from gateway.dicom.part10.byte_streams import Lookahead
from gateway.dicom.part10.data_elements import Part10Error
from gateway.dicom.part10.header import read_meta
from gateway.dicom.resources import Dataset, Resource
from gateway.dicom.transfer_syntaxes import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    Kind,
    known,
)
from gateway.dicom.uids import is_uid
from gateway.errors import BackendError, StreamBroken
from gateway.services.pixel_fragments import frames_of_fragments
from gateway.services.representation import sniffed_part

PIXEL_DATA = frozenset({"7FE00008", "7FE00009", "7FE00010"})
"""DoubleFloatPixelData, FloatPixelData and PixelData."""

_LOCATIONS = tuple(f"/{tag.lower()}" for tag in PIXEL_DATA)
_NUMBER_OF_FRAMES = "00280008"
_SAMPLES_PER_PIXEL, _ROWS, _COLUMNS, _BITS_ALLOCATED = (
    "00280002",
    "00280010",
    "00280011",
    "00280100",
)
_AVAILABLE_TRANSFER_SYNTAX = "00083002"
_WORD = 16
_NARROWER: Mapping[str, str] = MappingProxyType(
    {
        "1.2.840.10008.1.2.4.57": "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.81": "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.112": "1.2.840.10008.1.2.4.110",
    }
)
"""What a codestream may be beside what `sniff` tells so early."""
_LEFT_AS_STORED = frozenset({Kind.NATIVE, Kind.VIDEO})
"""What no archive decodes for an answer."""


@dataclass(frozen=True, slots=True)
class StoredPixels:
    """What must be known of an instance's pixel data before it can leave."""

    frames: int
    transfer_syntax: str | None
    """None where the archive does not tell. Of what it does not label itself: what is not labelled
    is little endian (PS3.18 8.7.3), and samples of up to 16 bits are swapped rightly by whoever
    reads them out of a big-endian file. Longer ones are seen to be swapped as words of 16 bits."""
    native_lengths: frozenset[int] = frozenset()
    """Bytes of a frame, and of all of them, where they are not compressed."""


def is_pixel_data(location: str) -> bool:
    """True for a location that archives give to pixel data, e.g. `.../bulk/7fe00010`."""
    return location.partition("?")[0].lower().endswith(_LOCATIONS)


async def stored_pixels(
    backend: Backend, instance: Resource, metadata: Dataset, context: CallContext
) -> StoredPixels:
    """By the instance's metadata; where that names no syntax, by the head of its file too."""
    frames = _number(metadata, _NUMBER_OF_FRAMES) or 1
    syntaxes = metadata.get(_AVAILABLE_TRANSFER_SYNTAX, {}).get("Value", ())
    if len(syntaxes) == 1 and is_uid(str(syntaxes[0])):
        syntax: str | None = syntaxes[0]
    else:
        syntax = await _syntax_of_file(backend, instance, context)
    if syntax == EXPLICIT_BIG_ENDIAN and _has_short_samples(metadata):
        syntax = EXPLICIT_LITTLE_ENDIAN
    return StoredPixels(frames, syntax, _native_lengths(metadata, frames))


def _has_short_samples(metadata: Dataset) -> bool:
    return 0 < _number(metadata, _BITS_ALLOCATED) <= _WORD


def _native_lengths(metadata: Dataset, frames: int) -> frozenset[int]:
    bits = prod(_number(metadata, tag) for tag in (_ROWS, _COLUMNS, _BITS_ALLOCATED))
    bits *= _number(metadata, _SAMPLES_PER_PIXEL) or 1
    found = {-(-bits // 8), -(-bits * frames // 8)} if bits else set()
    return frozenset(found | {length + length % 2 for length in found})


def _number(metadata: Dataset, tag: str) -> int:
    """An attribute's only value; 0 if it has none that is a number."""
    values = metadata.get(tag, {}).get("Value", ())
    return values[0] if len(values) == 1 and isinstance(values[0], int) else 0


async def pixel_parts(parts: AsyncIterator[Part], stored: StoredPixels) -> AsyncIterator[Part]:
    """A part a frame where the archive sends fragments; each labelled with what it is in.

    StreamBroken for a part of which nothing tells.
    """
    async for part in frames_of_fragments(parts, stored.frames):
        yield await _labelled(part, stored)


async def _labelled(part: Part, stored: StoredPixels) -> Part:
    label = part.media_type.get("transfer-syntax")
    if label is not None and known(label).kind is not Kind.NATIVE:
        return part
    found, part = await sniffed_part(part)
    if found is None and label is not None:
        return part
    syntax = _syntax(found, part.length, stored)
    if syntax is None:
        return part
    essence = known(syntax).media_type or OCTETS
    return replace(part, media_type=MediaType(essence, (("transfer-syntax", syntax),)))


def _syntax(sniffed: str | None, length: int | None, pixels: StoredPixels) -> str | None:
    """What unlabelled bytes are in; None for those that were decoded for the answer.

    What a codestream tells is wider than what it is for some; there the instance knows better.
    """
    stored = pixels.transfer_syntax
    if sniffed is not None:
        return stored if stored and _NARROWER.get(sniffed) == stored else sniffed
    if stored is None or known(stored).kind is Kind.OPAQUE:
        raise StreamBroken(502, "The archive's pixel data is of no known form.", "backend_answer")
    was_decoded = known(stored).kind not in _LEFT_AS_STORED and length in pixels.native_lengths
    return None if was_decoded else stored


async def _syntax_of_file(backend: Backend, instance: Resource, context: CallContext) -> str | None:
    """None if it cannot be had: perhaps it is not needed, where the value tells of itself.

    The file is left at once: its head is enough.
    """
    try:
        async with backend.retrieve_instances(instance, context) as parts:
            async for part in parts:
                return (await read_meta(Lookahead(part.chunks))).transfer_syntax
    except (BackendError, StreamBroken, Part10Error):
        return None
    return None
