"""Streaming DICOM files (PS3.10 7): their header, and the way to explicit little endian."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pydicom


class Part10Error(ValueError):
    """Bytes that are not a DICOM file, or a file that is broken or cut."""


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
    """What stands before the pixel data, without large values and without broken sequences."""


async def read_header(
    chunks: AsyncIterator[bytes], *, limit: int
) -> tuple[Header, AsyncIterator[bytes]]:
    """The header of the file in `chunks`, and the whole file again from its first byte.

    No more than about `limit` bytes are read ahead. Part10Error if this is no DICOM file, or if
    its header up to the series UID does not fit into `limit`. Closing the returned iterator
    closes `chunks`; on an error they are the caller's to close.
    """
    raise NotImplementedError


def explicit_little_endian(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The file in `chunks`, natively stored, as a file in 1.2.840.10008.1.2.1 (PS3.18 8.7.3).

    Part10Error, also in mid-stream, if the file is broken, cut, or not natively stored.
    """
    raise NotImplementedError


def stored_transfer_syntax(first_bytes: bytes) -> str | None:
    """The transfer syntax that the file's own meta information names, if 1-2 KiB show it."""
    raise NotImplementedError
