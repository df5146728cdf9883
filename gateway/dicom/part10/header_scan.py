"""A sans-IO reader of what stands before the pixel data of a dataset."""

from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from pydicom import Dataset
from pydicom.charset import default_encoding, python_encoding
from pydicom.dataelem import RawDataElement, empty_value_for_VR
from pydicom.tag import BaseTag

from gateway.dicom.part10.data_elements import (
    FLOAT_PIXEL_DATA,
    SERIES_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED,
    Element,
    Encoding,
    Part10Error,
)
from gateway.dicom.part10.dataset_scanner import DatasetScanner, Kind, Reading
from gateway.dicom.part10.implicit_vr import implicit_vr

MAX_VALUE = 64 * 1024
"""Bytes of a value, or of a whole sequence; a larger one is left out of a header's dataset."""

_DELIMITER = 8


class _Found(NamedTuple):
    """An element of the dataset itself; `start` and `stop` are those of its value."""

    head: Element
    encoding: Encoding
    start: int
    stop: int


class HeaderScan:
    """Fed with a dataset until it is `complete`. Errors are Part10Error."""

    def __init__(
        self,
        encoding: Encoding,
        *,
        limit: int,
        needed: int | None = SERIES_INSTANCE_UID,
        until: int = FLOAT_PIXEL_DATA,
    ) -> None:
        """The header ends before the first tag from `until` on: by default before pixel data.

        It also ends before the element that does not fit into `limit` bytes; that is an error
        as long as the tag `needed` may be still to come.
        """
        self._scanner = DatasetScanner(encoding, self)
        self._encoding = encoding
        self._limit = limit
        self._needed = needed
        self._until = until
        self._data = BytesIO()
        self._elements: dict[int, _Found] = {}
        self._open: _Found | None = None

    @property
    def complete(self) -> bool:
        return self._scanner.stopped

    @property
    def length(self) -> int:
        """Bytes that were fed."""
        return self._data.tell()

    def feed(self, data: bytes) -> None:
        """The next bytes of the dataset."""
        self._data.write(data)
        self._scanner.feed(data)
        if self.length > self._limit and not self.complete:
            self._refuse_if_early(self._open.head.tag if self._open else 0)
            self._scanner.stopped = True

    def close(self) -> None:
        """The dataset ends here; Part10Error if it cannot."""
        self._scanner.close()
        self._close_open(self.length)

    def value(self, tag: int) -> bytes:
        """The value as it is stored; empty if the header has no such element."""
        found = self._elements.get(tag)
        return b"" if found is None else bytes(self._data.getbuffer()[found.start : found.stop])

    def uid(self, tag: int) -> str:
        """A UID without its padding; empty if there is none."""
        return self.value(tag).decode("latin-1").strip("\0 ")

    def dataset(self) -> Dataset:
        """All elements but large values and broken sequences, decoded when they are asked for."""
        dataset = Dataset(dict(self._raw_elements()))
        dataset.set_original_encoding(
            self._encoding.implicit, not self._encoding.big_endian, self._character_sets()
        )
        return dataset

    def on_element(self, element: Element, encoding: Encoding, depth: int, offset: int) -> Reading:
        if depth > 0:
            return Reading.VALUE
        self._close_open(offset)
        start = offset + element.size
        stop = start if element.length == UNDEFINED else start + element.length
        if element.tag >= self._until:
            return Reading.STOP
        if stop > self._limit:
            self._refuse_if_early(element.tag)
            return Reading.STOP
        self._encoding = encoding if offset == 0 else self._encoding
        found = _Found(element, encoding, start, stop)
        if element.length == UNDEFINED:
            self._open = found
        else:
            self._elements[element.tag] = found
        return Reading.VALUE

    def on_value(self, piece: bytes) -> None:
        """All is kept already."""

    def on_begin(self, kind: Kind, length: int) -> None:
        """Only the dataset's own elements are told apart."""

    def on_end(self, kind: Kind, offset: int) -> None:
        """An element of undefined length ends where the next one begins."""

    def _close_open(self, offset: int) -> None:
        if self._open is not None:
            self._elements[self._open.head.tag] = self._open._replace(stop=offset - _DELIMITER)
            self._open = None

    def _refuse_if_early(self, tag: int) -> None:
        needed = self._needed
        if needed is not None and tag <= needed and needed not in self._elements:
            raise Part10Error("the header is too long before its UIDs are known")

    def _raw_elements(self) -> Iterator[tuple[BaseTag, RawDataElement]]:
        for tag, found in self._elements.items():
            if found.stop - found.start > MAX_VALUE:
                continue
            value = self.value(tag)
            is_sequence = found.head.length == UNDEFINED or _is_sequence(found.head)
            if not is_sequence or _is_sound(found.encoding, value):
                vr = "SQ" if is_sequence else found.head.vr.decode("ascii")
                yield BaseTag(tag), _raw_element(found, vr or None, value)

    def _character_sets(self) -> list[str]:
        """pydicom's names of the character sets; the default one in place of an unknown one."""
        terms = self.value(SPECIFIC_CHARACTER_SET).decode("latin-1").split("\\")
        return [python_encoding.get(term.strip("\0 "), default_encoding) for term in terms]


class _Depth:
    """A visitor of all items, for what the scanner itself refuses."""

    def on_element(self, element: Element, encoding: Encoding, depth: int, offset: int) -> Reading:
        return Reading.ITEMS if _is_sequence(element) else Reading.VALUE

    def on_value(self, piece: bytes) -> None: ...

    def on_begin(self, kind: Kind, length: int) -> None: ...

    def on_end(self, kind: Kind, offset: int) -> None: ...


def _is_sequence(element: Element) -> bool:
    vr = element.vr or implicit_vr(element.tag, element.length, signed=False)
    return vr == b"SQ" and element.length > 0


def _is_sound(encoding: Encoding, value: bytes) -> bool:
    """True if the sequence can be read by recursion: none is nested too deeply, none is broken."""
    scanner = DatasetScanner(encoding, _Depth(), kind=Kind.SEQUENCE, length=len(value))
    try:
        scanner.feed(value)
        scanner.close()
    except Part10Error:
        return False
    return True


def _raw_element(found: _Found, vr: str | None, value: bytes) -> RawDataElement:
    return RawDataElement(
        BaseTag(found.head.tag),
        vr,
        len(value),
        value or (None if vr is None or empty_value_for_VR(vr, raw=True) is None else b""),
        found.start,
        found.encoding.implicit or not found.head.vr,
        not found.encoding.big_endian,
    )
