"""Native files re-encoded to explicit little endian, as they leave over the web (PS3.18 8.7.3).

Heads are written anew, the bytes within numbers change their order where they have to, and all
else is passed on as it came: no value is decoded, so that none is changed, and a file of any size
passes in constant memory.

What changes beside the heads: sequences and items that tell their length get delimiters instead,
since that length changes before its end is known; group lengths, which would be wrong and are
retired (PS3.5 7.2), are left out.

Big-endian pixels and waveforms of more than 16 bits are refused. Some writers swapped whole numbers
and some the 16-bit words that OW is made of, readers differ too, and the bytes do not tell.
"""

import asyncio
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from gateway.dicom.part10.byte_streams import Lookahead, Rest, inflated
from gateway.dicom.part10.data_elements import (
    BITS_ALLOCATED,
    ITEM,
    ITEM_END,
    PIXEL_DATA,
    PIXEL_REPRESENTATION,
    SEQUENCE_END,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    UNDEFINED,
    WAVEFORM_BITS_ALLOCATED,
    WAVEFORM_DATA,
    WAVEFORM_SAMPLES,
    Element,
    Encoding,
    Part10Error,
    write_delimiter,
    write_head,
)
from gateway.dicom.part10.dataset_scanner import DatasetScanner, Kind, Reading
from gateway.dicom.part10.file_meta import FileMeta, new_file_meta
from gateway.dicom.part10.header import read_meta, scan_header
from gateway.dicom.part10.header_scan import HeaderScan
from gateway.dicom.part10.implicit_vr import implicit_vr, swapped_bytes
from gateway.dicom.streams import close_source
from gateway.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN, known
from gateway.dicom.transfer_syntaxes import Kind as SyntaxKind

_LOOKED_AHEAD = 1024 * 1024
"""Bytes in which PixelRepresentation is looked for, since elements before it may depend on it."""
_INLINE = 256 * 1024
"""Bytes of elements that are walked on the event loop; those behind them are in a thread."""

_NUMBERS = {2: "H", 4: "I", 8: "Q"}
"""Type codes of the array module by bytes of a number."""


async def explicit_little_endian(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The file in `chunks`, natively stored, as a file in 1.2.840.10008.1.2.1.

    One that is stored so already passes as it is; a dataset without meta information gets some.
    Part10Error, also in mid-stream, if the file is broken, cut, or not natively stored. Closing
    this closes `chunks`.
    """
    try:
        ahead = Lookahead(chunks)
        meta = await read_meta(ahead)
        if known(meta.transfer_syntax).kind is not SyntaxKind.NATIVE:
            raise Part10Error("the file is not stored in a native transfer syntax")
        as_stored = meta.transfer_syntax == EXPLICIT_LITTLE_ENDIAN
        # The meta information goes with the first chunk: what cannot be written is told before.
        waiting = await _meta(ahead, meta)
        async with aclosing(_dataset(ahead, meta, as_stored)) as dataset:
            async for chunk in dataset:
                if piece := waiting + chunk if waiting else chunk:
                    yield piece
                waiting = b""
        if waiting:
            yield waiting
    finally:
        await close_source(chunks)


async def _meta(ahead: Lookahead, meta: FileMeta) -> bytes:
    if meta.guessed:
        uids = (SOP_CLASS_UID, SOP_INSTANCE_UID)
        scan = HeaderScan(meta.encoding, uids, limit=_LOOKED_AHEAD)
        await scan_header(scan, ahead, meta)
        sop_class, instance = map(scan.uid, uids)
        return new_file_meta(sop_class, instance, EXPLICIT_LITTLE_ENDIAN)
    if meta.transfer_syntax == EXPLICIT_LITTLE_ENDIAN:
        return meta.data
    return meta.rewritten(EXPLICIT_LITTLE_ENDIAN)


def _dataset(
    ahead: Lookahead, meta: FileMeta, as_stored: bool
) -> Rest | AsyncGenerator[bytes, None]:
    if as_stored:
        return ahead.rest(meta.length)
    if meta.deflated:
        return inflated(ahead.rest(meta.length))
    return _reencoded(ahead, meta)


async def _reencoded(ahead: Lookahead, meta: FileMeta) -> AsyncGenerator[bytes, None]:
    encoder = _Reencoder(meta.encoding, signed=await _is_signed(ahead, meta))
    walked = 0
    async for chunk in ahead.rest(meta.length):
        has_heads = encoder.bytes_left < len(chunk)
        walked += len(chunk) if has_heads else 0
        if has_heads and walked > _INLINE:
            yield await asyncio.to_thread(encoder.feed, chunk)
        else:
            yield encoder.feed(chunk)
    yield encoder.close()


async def _is_signed(ahead: Lookahead, meta: FileMeta) -> bool:
    scan = HeaderScan(
        meta.encoding,
        (PIXEL_REPRESENTATION,),
        limit=_LOOKED_AHEAD,
        until=PIXEL_REPRESENTATION + 1,
        optional=True,
    )
    await scan_header(scan, ahead, meta)
    return any(scan.value(PIXEL_REPRESENTATION))


_BITS_OF: Mapping[int, int] = {
    PIXEL_DATA: BITS_ALLOCATED,
    WAVEFORM_DATA: WAVEFORM_BITS_ALLOCATED,
}
"""Samples in OW, and what tells how many bits each has."""


@dataclass(slots=True)
class _Samples:
    """What a dataset says of its pixels or waveform, or an item: as far as it has none of its own,
    that is what is around it."""

    signed: bool
    bits: dict[int, bytes] = field(default_factory=lambda: dict.fromkeys(_BITS_OF.values(), b""))

    def inherited(self) -> "_Samples":
        """What an item begins with."""
        return _Samples(self.signed, dict(self.bits))

    def begin(self, tag: int) -> None:
        """An element, whose value may take the place of one that was inherited."""
        if tag == PIXEL_REPRESENTATION:
            self.signed = False
        elif tag in self.bits:
            self.bits[tag] = b""

    def add(self, tag: int, piece: bytes) -> None:
        """The next bytes of its value."""
        if tag == PIXEL_REPRESENTATION:
            self.signed |= any(piece)
        elif tag in self.bits:
            self.bits[tag] = (self.bits[tag] + piece)[:2]

    def refuse_unless_words(self, element: Element) -> None:
        """Part10Error for samples that are larger than the words in which they are swapped."""
        bits = 0
        if element.tag in _BITS_OF:
            bits = int.from_bytes(self.bits[_BITS_OF[element.tag]], "big")
        elif element.tag in WAVEFORM_SAMPLES:
            bits = 8 * element.length
        if bits > 16:
            raise Part10Error("big-endian samples of more than 16 bits may be in either order")


class _Reencoder:
    """Sans-IO: fed with a dataset in implicit VR or big endian, answers with the same in explicit
    little endian. Errors are Part10Error."""

    def __init__(self, encoding: Encoding, *, signed: bool) -> None:
        self._scanner = DatasetScanner(encoding, self)
        self._out: list[bytes] = []
        self._tag = 0
        self._samples = [_Samples(signed)]
        """Of the dataset and of the items that are open, the innermost last."""
        self._swapped = 1
        """Bytes of a number of the value that is passed on, if their order changes."""
        self._cut_number = b""

    @property
    def bytes_left(self) -> int:
        """Bytes of a value that are still to come: as many are passed on with little work."""
        return self._scanner.bytes_left

    def feed(self, data: bytes) -> bytes:
        """What of the dataset can be written with `data`; perhaps nothing."""
        self._scanner.feed(data)
        return self._take()

    def close(self) -> bytes:
        """The end of the dataset."""
        self._scanner.close()
        self._end_value()
        return self._take()

    def _take(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        return out

    def on_element(self, element: Element, encoding: Encoding, depth: int, offset: int) -> Reading:
        self._end_value()
        self._tag = element.tag
        if _is_group_length(element):
            return Reading.VALUE
        self._samples[-1].begin(element.tag)
        if encoding.big_endian:
            self._samples[-1].refuse_unless_words(element)
        vr = self._vr(element)
        if vr == b"SQ" and element.length:
            self._out.append(write_head(element.tag, vr, UNDEFINED))
            return Reading.ITEMS
        self._out.append(write_head(element.tag, vr, element.length))
        self._swapped = swapped_bytes(vr) if encoding.big_endian else 1
        return Reading.VALUE

    def on_value(self, piece: bytes) -> None:
        if self._tag & 0xFFFF == 0:
            return
        self._samples[-1].add(self._tag, piece)
        self._out.append(piece if self._swapped == 1 else self._swap(piece))

    def on_begin(self, kind: Kind) -> None:
        self._samples.append(self._samples[-1].inherited())
        self._out.append(write_delimiter(ITEM, UNDEFINED))

    def on_end(self, kind: Kind) -> None:
        self._end_value()
        if kind is Kind.DATASET:
            self._samples.pop()
        self._out.append(write_delimiter(ITEM_END if kind is Kind.DATASET else SEQUENCE_END))

    def _vr(self, element: Element) -> bytes:
        if element.length != UNDEFINED:
            signed = self._samples[-1].signed
            return element.vr or implicit_vr(element.tag, element.length, signed=signed)
        if element.vr not in (b"SQ", b"UN", b"") or element.tag == PIXEL_DATA:
            raise Part10Error("pixel data is encapsulated in a native transfer syntax")
        return b"SQ"

    def _swap(self, piece: bytes) -> bytes:
        piece = self._cut_number + piece
        whole = len(piece) - len(piece) % self._swapped
        self._cut_number = piece[whole:]
        numbers = array(_NUMBERS[self._swapped], piece[:whole])
        numbers.byteswap()
        return numbers.tobytes()

    def _end_value(self) -> None:
        """A value that is no multiple of its numbers keeps its odd bytes as they are."""
        if self._cut_number:
            self._out.append(self._cut_number)
            self._cut_number = b""


def _is_group_length(element: Element) -> bool:
    if element.tag & 0xFFFF == 0 and element.length == UNDEFINED:
        raise Part10Error("a group length has none itself")
    return element.tag & 0xFFFF == 0
