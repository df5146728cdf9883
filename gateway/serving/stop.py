"""The signals that end a process, and the steps of its end."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class StopSignals:
    """What has been asked of this process by signals.

    SIGTERM, as orchestrators send it, asks for a gentle end; SIGINT and SIGQUIT, as people do, skip
    the wait for balancers. A second signal of any kind ends at once.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()
        self.gentle = False

    def terminate(self) -> None:
        self._ask(gentle=True)

    def interrupt(self) -> None:
        self._ask(gentle=False)

    def _ask(self, *, gentle: bool) -> None:
        if self.asked.is_set():
            self.at_once.set()
            return
        self.gentle = gentle
        self.asked.set()

    @contextmanager
    def heard(self, signals: tuple[signal.Signals, ...]) -> Iterator[None]:
        """Listen to `signals` on the running event loop; what came while blocked comes now."""
        loop = asyncio.get_running_loop()
        for each in signals:
            gentle = each is signal.SIGTERM
            loop.add_signal_handler(each, self.terminate if gentle else self.interrupt)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        try:
            yield
        finally:
            for each in signals:
                loop.remove_signal_handler(each)


async def happens_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event` for so long; whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
