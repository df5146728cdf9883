"""Whether a short page was the last one, or the most that an archive gives at once."""

import time
from collections.abc import Callable

from gateway.dicom.search.query import SearchQuery
from gateway.services.full_pages import FullPages

_NEVER_A_CAP = 9
"""Rows; no archive is known that gives no more than these at once."""


class PageLengths:
    """What the pages of one backend, at one level, have shown.

    An archive may cap a page without saying so. A page shorter than one seen before was not cut;
    one as long as the longest has to be followed to find out. That it was not cut says nothing of
    another search whose page is as long: it is remembered for its own search, and for seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._whole = _NEVER_A_CAP
        self._followed = FullPages[tuple[SearchQuery, int]](clock)

    def may_be_cut(self, query: SearchQuery, length: int) -> bool:
        """True unless a page of this length, shorter than asked for, is known to be the last."""
        return length > self._whole and self._followed.is_cut((query, length)) is not False

    def saw(self, length: int) -> None:
        """A page of this length came: what is shorter was not cut."""
        self._whole = max(self._whole, length - 1)

    def followed(self, query: SearchQuery, length: int, *, by_more: bool) -> None:
        """After this query's page, of this length, came another with rows, or none."""
        self._followed.note((query, length), is_cut=by_more)
