"""What a backend refused before, so that the next request does not fail first."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import timedelta

_LIFETIME = timedelta(hours=1)
_CAPACITY = 256


class Refusals:
    """A bounded memory that forgets: an archive may be taught, or wrongly blamed.

    `never` are what is not asked at all, for as long as the process lives.
    """

    def __init__(
        self,
        never: frozenset[Hashable] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._never = never
        self._clock = clock
        self._until: OrderedDict[Hashable, float] = OrderedDict()

    def remember(self, what: Hashable) -> None:
        """The backend answers without this, and did not with it."""
        self._until[what] = self._clock() + _LIFETIME.total_seconds()
        self._until.move_to_end(what)
        if len(self._until) > _CAPACITY:
            self._until.popitem(last=False)

    def holds(self, what: Hashable) -> bool:
        """True for what the backend is not asked for now."""
        return what in self._never or self._until.get(what, 0.0) > self._clock()
