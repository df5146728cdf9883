"""A sans-IO search for a few elements that stand before the pixel data of a dataset."""

from collections.abc import Collection

from gateway.dicom.part10.data_elements import (
    FLOAT_PIXEL_DATA,
    UNDEFINED,
    Element,
    Encoding,
    Part10Error,
)
from gateway.dicom.part10.dataset_scanner import DatasetScanner, Kind, Reading


class HeaderScan:
    """Fed with a dataset until it is `complete`. Errors are Part10Error.

    Nothing but the values that are wanted is held, so that a long header costs no memory here.
    """

    def __init__(
        self,
        encoding: Encoding,
        wanted: Collection[int],
        *,
        limit: int,
        until: int = FLOAT_PIXEL_DATA,
        optional: bool = False,
    ) -> None:
        """`wanted` are tags of the dataset itself, not of its items.

        The scan ends before the first tag that is higher than all of them, once all are known; if
        some are not, before the first tag from `until` on, by default the pixel data: some
        writers do not sort. It also ends before the element that does not fit into `limit`
        bytes; unless the tags are `optional`, that is an error as long as one may be still to come.
        """
        self._search = _Search(frozenset(wanted), limit, until, optional)
        self._scanner = DatasetScanner(encoding, self._search)
        self._limit = limit
        self.length = 0
        """Bytes that were fed."""

    @property
    def complete(self) -> bool:
        return self._scanner.stopped

    def feed(self, data: bytes) -> None:
        """The next bytes of the dataset."""
        self.length += len(data)
        self._scanner.feed(data)
        if self.length > self._limit and not self.complete:
            self._search.end_early()
            self._scanner.stopped = True

    def close(self) -> None:
        """The dataset ends here; Part10Error if it cannot."""
        self._scanner.close()

    def value(self, tag: int) -> bytes:
        """The value as it is stored; empty if the header has no such element."""
        return bytes(self._search.values.get(tag, b""))

    def uid(self, tag: int) -> str:
        """A UID without its padding; empty if there is none."""
        return self.value(tag).decode("latin-1").strip("\0 ")


class _Search:
    """Told of each element. It does not know who tells it: in a circle of references, what was
    read would stay in memory for some time after it has been given up."""

    def __init__(self, wanted: frozenset[int], limit: int, until: int, optional: bool) -> None:
        self.values: dict[int, bytearray] = {}
        self._wanted = wanted
        self._last = max(wanted)
        self._limit = limit
        self._until = until
        self._optional = optional
        self._tag = 0
        """The element of the dataset itself that was met last."""
        self._value: bytearray | None = None
        """What is read of a value that is wanted."""

    def end_early(self) -> None:
        """No more is read: Part10Error if what is still to come is needed."""
        if not self._optional and self._tag <= self._last and self._is_any_missing():
            raise Part10Error(f"{self._limit} bytes are too long before the UIDs are known")

    def on_element(self, element: Element, encoding: Encoding, depth: int, offset: int) -> Reading:
        self._value = None
        if depth > 0:
            return Reading.VALUE
        self._tag = element.tag
        if self._is_behind_all(element.tag):
            return Reading.STOP
        if element.length != UNDEFINED and offset + element.length > self._limit:
            self.end_early()
            return Reading.STOP
        if element.tag in self._wanted:
            self._value = self._begin(element.tag)
        return Reading.VALUE

    def on_value(self, piece: bytes) -> None:
        if self._value is not None:
            self._value += piece

    def on_begin(self, kind: Kind) -> None:
        """Only the dataset's own elements are told apart."""

    def on_end(self, kind: Kind) -> None:
        """Only the dataset's own elements are told apart."""

    def _is_behind_all(self, tag: int) -> bool:
        return tag >= self._until or (tag > self._last and not self._is_any_missing())

    def _is_any_missing(self) -> bool:
        return len(self.values) < len(self._wanted)

    def _begin(self, tag: int) -> bytearray:
        if tag in self.values:
            # Readers do not agree on which one counts, so that each would see another object.
            raise Part10Error("an element that tells what the file is stands there twice")
        self.values[tag] = value = bytearray()
        return value
