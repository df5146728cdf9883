"""Streaming DICOM files (PS3.10 7): what is known of an instance before its pixel data is read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from gateway.dicom.part10.byte_streams import Lookahead, inflated
from gateway.dicom.part10.data_elements import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from gateway.dicom.part10.file_meta import FileMeta, read_file_meta
from gateway.dicom.part10.header_scan import HeaderScan

_UIDS = (SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)

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

    No more is read than it takes to know the UIDs, and no more than about `limit` bytes.
    Part10Error if this is no DICOM file, if it breaks or ends within its header, if a UID is there
    twice, or if they do not come within `limit`.
    """
    meta = await read_meta(ahead)
    scan = HeaderScan(meta.encoding, _UIDS, limit=limit)
    await scan_header(scan, ahead, meta)
    return Header(
        transfer_syntax=meta.transfer_syntax,
        sop_class=scan.uid(SOP_CLASS_UID),
        study=scan.uid(STUDY_INSTANCE_UID),
        series=scan.uid(SERIES_INSTANCE_UID),
        instance=scan.uid(SOP_INSTANCE_UID),
    )


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
