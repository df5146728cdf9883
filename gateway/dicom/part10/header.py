"""Streaming DICOM files (PS3.10 7): what is known of an instance before its pixel data is read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import pydicom

from gateway.dicom.part10.byte_streams import Lookahead, Rest, inflated
from gateway.dicom.part10.data_elements import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from gateway.dicom.part10.file_meta import FileMeta, read_file_meta
from gateway.dicom.part10.header_scan import HeaderScan

_INLINE = 256 * 1024
"""Bytes of a header that are read on the event loop; what comes behind them is in a thread."""


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
    dataset: pydicom.Dataset
    """What stands before the pixel data, without values of more than 64 KiB and without broken
    sequences. Values are decoded when they are asked for, which may raise what pydicom raises.
    """


async def read_header(chunks: AsyncIterator[bytes], *, limit: int) -> tuple[Header, Rest]:
    """The header of the file in `chunks`, and the whole file again from its first byte.

    No more than about `limit` bytes are read ahead: where the UIDs are known by then, the header
    ends there. Part10Error if this is no DICOM file, if it breaks or ends within its header, or
    if its UIDs do not come within `limit`. Closing the returned iterator closes `chunks`; on an
    error they are the caller's to close.
    """
    ahead = Lookahead(chunks)
    meta = await read_meta(ahead)
    scan = HeaderScan(meta.encoding, limit=limit)
    await scan_header(scan, ahead, meta)
    header = Header(
        transfer_syntax=meta.transfer_syntax,
        sop_class=scan.uid(SOP_CLASS_UID),
        study=scan.uid(STUDY_INSTANCE_UID),
        series=scan.uid(SERIES_INSTANCE_UID),
        instance=scan.uid(SOP_INSTANCE_UID),
        dataset=scan.dataset(),
    )
    return header, ahead.rest()


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
        async for data in dataset:
            if scan.length + len(data) > _INLINE:
                await asyncio.to_thread(scan.feed, data)
            else:
                scan.feed(data)
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
