"""What reaches the event loop because nobody waits for it, as log lines."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

_ONCE_IN_SECONDS = 1.0

_log = logging.getLogger(__name__)


class LoopFailures:
    """The event loop's exception handler: the same failure again within a second is not logged.

    Where descriptors run out, the loop tells so for each connection that waits.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_kind, self._last_at = "", 0.0

    def __call__(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failure = context.get("exception")
        now, kind = self._clock(), f"{context['message']} {type(failure)}"
        if kind == self._last_kind and now - self._last_at < _ONCE_IN_SECONDS:
            return
        self._last_kind, self._last_at = kind, now
        # The loop's own words for a failure quote the arguments of what failed.
        message = context["message"] if failure is None else "A failure reached the event loop"
        _log.error("%s", message, exc_info=failure)
