"""Streaming DICOM files (PS3.10 7): what is known of an instance before its pixel data is read."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass

from gateway.dicom.part10.byte_streams import Lookahead, inflated
from gateway.dicom.part10.data_elements import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    Part10Error,
)
from gateway.dicom.part10.file_meta import FileMeta, read_file_meta
from gateway.dicom.part10.header_scan import HeaderScan
from gateway.dicom.resources import Level

_OF_LEVEL: Mapping[Level, int] = {
    Level.STUDY: STUDY_INSTANCE_UID,
    Level.SERIES: SERIES_INSTANCE_UID,
    Level.INSTANCE: SOP_INSTANCE_UID,
}
_UIDS = (SOP_CLASS_UID, *_OF_LEVEL.values())

_LOOKED_ON = 8 * 1024
"""Bytes of a dataset in which a second UID is looked for, wherever the first one stands: most
headers are shorter, and the walk through those that are not costs 2 ms at most."""

_INLINE = 64 * 1024
"""Bytes of a header that are walked on the event loop; what comes behind them is in a thread."""


@dataclass(frozen=True, slots=True)
class Header:
    """What must be known of an instance before its pixel data is read.

    UIDs are without padding, and empty where the file has none; the caller judges them.
    """

    transfer_syntax: str
    sop_class: str
    study: str
    series: str
    instance: str


async def read_header(ahead: Lookahead, *, limit: int) -> Header:
    """The header of the file in `ahead`, which is still there from its first byte.

    No more than about `limit` bytes are read; once the UIDs are known, no more than the first
    8 KiB of the dataset, and nothing from its pixel data on. Part10Error if this is no DICOM file,
    if it breaks or ends before the UIDs are known, if they do not come within `limit`, or if what
    was read has one of them again with another value. A second one behind it is not seen.
    """
    meta = await read_meta(ahead)
    scan = HeaderScan(meta.encoding, _UIDS, limit=limit, look_on=_LOOKED_ON)
    await scan_header(scan, ahead, meta)
    return Header(
        transfer_syntax=meta.transfer_syntax,
        sop_class=scan.uid(SOP_CLASS_UID),
        study=scan.uid(STUDY_INSTANCE_UID),
        series=scan.uid(SERIES_INSTANCE_UID),
        instance=scan.uid(SOP_INSTANCE_UID),
    )


async def named_uids(ahead: Lookahead, *, limit: int) -> Mapping[Level, tuple[str, ...]]:
    """What the header of the file in `ahead` names as its study, its series and itself.

    None where a UID is missing or was not reached: the header broke, ended or was longer than
    `limit` bytes before. Two where one is there again with another value, if that comes before the
    first element behind all of them; no more is read than it takes to meet that. Part10Error
    if this is no DICOM file.
    """
    meta = await read_meta(ahead)
    scan = HeaderScan(meta.encoding, _OF_LEVEL.values(), limit=limit)
    with suppress(Part10Error):
        await scan_header(scan, ahead, meta)
    return {level: scan.uids(tag) for level, tag in _OF_LEVEL.items()}


async def read_meta(ahead: Lookahead) -> FileMeta:
    """The file meta information; Part10Error if this is no DICOM file."""
    data = b""
    at_end = False
    async with aclosing(ahead.read()) as chunks:
        while (meta := read_file_meta(data, at_end=at_end)) is None:
            # Twice as much each time: tiny chunks do not cost more than large ones.
            more = await _collect(chunks, len(data) + 1)
            at_end = not more
            data += more
    return meta


async def scan_header(scan: HeaderScan, ahead: Lookahead, meta: FileMeta) -> None:
    """Feed the dataset behind `meta` to `scan` until it has enough."""
    stored = ahead.read(meta.length)
    dataset = inflated(stored) if meta.deflated else stored
    async with aclosing(stored), aclosing(dataset):
        async for piece in dataset:
            if scan.length + len(piece) > _INLINE:
                await asyncio.to_thread(scan.feed, piece)
            else:
                scan.feed(piece)
            if scan.complete:
                return
    scan.close()


async def _collect(chunks: AsyncIterator[bytes], size: int) -> bytes:
    """At least `size` bytes, as long as there are so many."""
    collected: list[bytes] = []
    async for chunk in chunks:
        collected.append(chunk)
        size -= len(chunk)
        if size <= 0:
            break
    return b"".join(collected)
