"""Whether a short page was the last one, or the most that an archive gives at once."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import TypeAlias

Shape: TypeAlias = Hashable
"""The limit, and whatever else may decide how many rows come at once."""

_NEVER_A_CAP = 9
"""Rows; no archive is known that gives no more than these at once."""
_LIFETIME = timedelta(hours=1)
"""An archive may be told to give less at once; so long its pages are then taken for whole."""
_CAPACITY = 64


class PageLengths:
    """How long the pages have been that one backend gave of one kind of resource.

    An archive may cap a page without saying so, and not every page alike: where it is asked for
    no limit, or for one above its greatest, it gives as many rows as it likes, and fewer of wide
    ones. So the longest page that a shape of search has brought within an hour shows what that
    shape brings, and no other: a shorter page was not cut, one as long has to be followed to find
    out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._longest: OrderedDict[Shape, tuple[float, int]] = OrderedDict()

    def may_be_cut(self, shape: Shape, length: int) -> bool:
        """True unless a page of this length, shorter than asked for, is known to be the last."""
        return length > _NEVER_A_CAP and length >= self._longest_of(shape)

    def saw(self, shape: Shape, length: int) -> None:
        """A page of this length came: what is shorter was not cut."""
        if length <= _NEVER_A_CAP or length < self._longest_of(shape):
            return
        self._longest[shape] = (self._clock() + _LIFETIME.total_seconds(), length)
        self._longest.move_to_end(shape)
        if len(self._longest) > _CAPACITY:
            self._longest.popitem(last=False)

    def _longest_of(self, shape: Shape) -> int:
        until, length = self._longest.get(shape, (0.0, 0))
        return length if until > self._clock() else 0
