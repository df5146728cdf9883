"""A circuit breaker: an archive that keeps failing is left alone for a while.

Failures are those of an archive that is not there: no connection, a timeout, a gateway before it
that says so. An answer, be it an error for one odd instance, shows that it is; otherwise a viewer
that opens such a series would close the archive for everybody.
"""

from collections.abc import Callable
from datetime import timedelta

from gateway.errors import BackendError
from gateway.telemetry.metrics import BreakerState


class Breaker:
    """Opens after `failures` in a row; after `open_for`, half open, one request probes whether to
    close.

    `clock` gives seconds that never go back.
    """

    def __init__(
        self,
        backend: str,
        failures: int,
        open_for: timedelta,
        clock: Callable[[], float],
        on_change: Callable[[BreakerState], None] = lambda state: None,
    ) -> None:
        self._backend = backend
        self._limit = failures
        self._open_for = open_for.total_seconds()
        self._clock = clock
        self._on_change = on_change
        self._failed = 0
        self._probe_at = 0.0
        self.state = BreakerState.CLOSED

    def check(self) -> None:
        """BackendError 503 while nothing is let through; a probe is not begun."""
        wait = self._probe_at - self._clock()
        if self.state is BreakerState.HALF_OPEN or (self.state is BreakerState.OPEN and wait > 0):
            raise BackendError(
                503,
                "The archive has failed repeatedly and is left alone for a while.",
                "breaker_open",
                backend=self._backend,
                retry_after=timedelta(seconds=max(wait, 1.0)),
            )

    def enter(self) -> "Passage":
        """Let one request through, or BackendError 503. Its end must be told to the passage."""
        self.check()
        probe = self.state is BreakerState.OPEN
        if probe:
            self._turn(BreakerState.HALF_OPEN)
        return Passage(self, probe)

    def settle(self, failed: bool | None, probe: bool) -> None:
        """How a request ended: None if it was given up before it could show anything."""
        if self.state is BreakerState.CLOSED:
            self._count(failed)
        elif probe and failed is not None and not failed:
            self._failed = 0
            self._turn(BreakerState.CLOSED)
        elif probe:
            # A probe that was given up leaves the next request to try, at once.
            self._open(0 if failed is None else self._open_for)

    def _count(self, failed: bool | None) -> None:
        if failed is None:
            return
        self._failed = self._failed + 1 if failed else 0
        if self._failed >= self._limit:
            self._open(self._open_for)

    def _open(self, seconds: float) -> None:
        self._probe_at = self._clock() + seconds
        self._turn(BreakerState.OPEN)

    def _turn(self, state: BreakerState) -> None:
        self.state = state
        self._on_change(state)


class Passage:
    """One request that the breaker let through; only the first word on its end counts.

    What began before the breaker opened changes nothing when it ends: the probe decides.
    """

    __slots__ = ("_breaker", "_probe", "_settled")

    def __init__(self, breaker: Breaker, probe: bool) -> None:
        self._breaker = breaker
        self._probe = probe
        self._settled = False

    def succeeded(self) -> None:
        self._settle(False)

    def failed(self) -> None:
        self._settle(True)

    def abandoned(self) -> None:
        """The request was given up, or refused by the gateway itself."""
        self._settle(None)

    def _settle(self, failed: bool | None) -> None:
        if not self._settled:
            self._settled = True
            self._breaker.settle(failed, self._probe)
