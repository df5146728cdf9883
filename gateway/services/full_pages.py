"""Whether a page that was full was cut, for a short while.

To find out costs a row more than the client asked for, which an archive may take as long for as
for the page: a search that is repeated within seconds is not asked so again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Generic, TypeVar

_LIFETIME = timedelta(seconds=5)
_CAPACITY = 256

Page = TypeVar("Page")
"""What a page is known by: its query, and perhaps more."""


class FullPages(Generic[Page]):
    """Bounded, and forgetful as the results of a search are short-lived."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pages: OrderedDict[Page, tuple[float, bool]] = OrderedDict()

    def is_cut(self, page: Page) -> bool | None:
        """None if it has to be found out."""
        until, is_cut = self._pages.get(page, (0.0, False))
        return is_cut if until > self._clock() else None

    def note(self, page: Page, *, is_cut: bool) -> None:
        """The page had as many rows as it could, and there are more or none."""
        self._pages[page] = (self._clock() + _LIFETIME.total_seconds(), is_cut)
        self._pages.move_to_end(page)
        if len(self._pages) > _CAPACITY:
            self._pages.popitem(last=False)
