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
        look_on: int = 0,
    ) -> None:
        """`wanted` are tags of the dataset itself, not of its items.

        The scan ends before the first tag that is higher than all of them, once all are known; if
        some are not, before the first tag from `until` on, by default the pixel data: some
        writers do not sort. It also ends before the element that does not fit into `limit`
        bytes; unless the tags are `optional`, that is an error as long as one may be still to come.

        Once all are known, a dataset of which no more than `look_on` bytes were met is looked
        through up to there, or to `until`, for a tag that is there again; if it breaks or ends
        meanwhile, that is no error.
        """
        self._search = _Search(frozenset(wanted), limit, until, optional, look_on)
        self._scanner = DatasetScanner(encoding, self._search)
        self.length = 0
        """Bytes that were fed."""

    @property
    def complete(self) -> bool:
        return self._scanner.stopped

    def feed(self, data: bytes) -> None:
        """The next bytes of the dataset."""
        self.length += len(data)
        try:
            self._scanner.feed(data)
        except Part10Error:
            if not self._search.has_all:
                raise
            self._scanner.stopped = True
        if self.length > self._search.limit and not self.complete:
            self._search.end_early()
            self._scanner.stopped = True

    def close(self) -> None:
        """The dataset ends here; Part10Error if it cannot."""
        if not self._search.has_all:
            self._scanner.close()

    def values(self, tag: int) -> tuple[bytes, ...]:
        """The value as it is stored; none if the header has no such element, and two if it is
        there again with another value: readers do not agree on which one counts."""
        return tuple(dict.fromkeys(map(bytes, self._search.values.get(tag, ()))))

    def value(self, tag: int) -> bytes:
        """The value; empty if there is none, Part10Error if there are two."""
        values = self.values(tag)
        if len(values) > 1:
            raise Part10Error("an element that tells what the file is stands there twice")
        return values[0] if values else b""

    def uid(self, tag: int) -> str:
        """A UID without its padding; empty if there is none, Part10Error if there are two."""
        uids = self.uids(tag)
        if len(uids) > 1:
            raise Part10Error("an element that tells what the file is stands there twice")
        return uids[0] if uids else ""

    def uids(self, tag: int) -> tuple[str, ...]:
        """Each of `values` without its padding."""
        return tuple(dict.fromkeys(map(_uid, self.values(tag))))


class _Search:
    """Told of each element. It does not know who tells it: in a circle of references, what was
    read would stay in memory for some time after it has been given up."""

    def __init__(
        self, wanted: frozenset[int], limit: int, until: int, optional: bool, look_on: int
    ) -> None:
        self.limit = limit
        """Bytes in which all has to be; `look_on` once it is only looked on."""
        self.values: dict[int, list[bytearray]] = {}
        """Of each tag the first value, and another one behind it."""
        self.has_all = False
        """What is wanted is known, and what is met now stands behind it."""
        self._wanted = wanted
        self._last = max(wanted)
        self._until = until
        self._optional = optional
        self._look_on = look_on
        self._tag = 0
        """The element of the dataset itself that was met last."""
        self._value: bytearray | None = None
        """What is read of a value that is wanted."""

    def end_early(self) -> None:
        """No more is read: Part10Error if what is still to come is needed."""
        if not self._optional and self._tag <= self._last and self._is_any_missing():
            raise Part10Error(f"{self.limit} bytes are too long before the UIDs are known")

    def on_element(self, element: Element, encoding: Encoding, depth: int, offset: int) -> Reading:
        self._value = None
        if depth > 0:
            return self._if_within_limit(offset)
        self._tag = element.tag
        if element.tag >= self._until:
            return Reading.STOP
        if element.tag > self._last and not self._is_any_missing():
            self.has_all = True
            self.limit = min(self.limit, self._look_on)
        length = 0 if element.length == UNDEFINED else element.length
        reading = self._if_within_limit(offset + length)
        if reading is Reading.VALUE and element.tag in self._wanted:
            self._value = self._begin(element.tag)
        return reading

    def on_value(self, piece: bytes) -> None:
        if self._value is not None:
            self._value += piece

    def on_begin(self, kind: Kind) -> None:
        """Only the dataset's own elements are told apart."""

    def on_end(self, kind: Kind) -> None:
        """Only the dataset's own elements are told apart."""

    def _if_within_limit(self, end: int) -> Reading:
        if end <= self.limit:
            return Reading.VALUE
        self.end_early()
        return Reading.STOP

    def _is_any_missing(self) -> bool:
        return len(self.values) < len(self._wanted)

    def _begin(self, tag: int) -> bytearray | None:
        """Where a value is kept: of those behind the first, only one that differs from it is."""
        values = self.values.setdefault(tag, [])
        if len(values) > 1 and _uid(values[1]) == _uid(values[0]):
            values.pop()
        if len(values) > 1:
            return None
        values.append(bytearray())
        return values[-1]


def _uid(value: bytes | bytearray) -> str:
    return value.decode("latin-1").strip("\0 ")
