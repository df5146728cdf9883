"""A file's header with its UIDs, and what is read of it."""

import pytest
from pydicom.uid import CTImageStorage

from gateway.dicom.part10.byte_streams import Lookahead
from gateway.dicom.part10.data_elements import Part10Error
from gateway.dicom.part10.header import Header, read_header
from tests.fakes.part10_files import Chunks, explicit

LIMIT = 1 << 20
UIDS = (
    explicit(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0")
    + explicit(0x00080018, b"UI", b"1.2.3\0")
    + explicit(0x0020000D, b"UI", b"1.2.3.1\0")
    + explicit(0x0020000E, b"UI", b"1.2.3.1.1\0")
)
NAMES = UIDS[34:]
"""All but the SOP class, so that the search for it goes on."""


async def header_of(data: bytes, size: int = 1 << 16, limit: int = LIMIT) -> Header:
    """The header; and what can be read behind it is the whole file."""
    ahead = Lookahead(Chunks(data, size))
    header = await read_header(ahead, limit=limit)
    assert b"".join([chunk async for chunk in ahead.rest()]) == data
    return header


async def refused(source: Chunks, match: str = "") -> None:
    with pytest.raises(Part10Error, match=match):
        await read_header(Lookahead(source), limit=LIMIT)


def uids(header: Header) -> tuple[str, ...]:
    return header.sop_class, header.instance, header.study, header.series


IDENTIFIED = (CTImageStorage, "1.2.3", "1.2.3.1", "1.2.3.1.1")
