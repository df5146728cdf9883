"""Log lines on their way to a file descriptor, written where the event loop cannot wait for them.

Lines are made where the event is, which costs a microsecond or two; only the write, which may
block for as long as the log's reader likes, is left to a thread. It gathers what came within a
moment: a wake-up a line would cost more than the line.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, Self

_CAPACITY = 10_000
_GATHER_SECONDS = 0.05
_FLUSH_SECONDS = 2.0
_ROOM_SECONDS = 1.0


class LineSink(Protocol):
    """Takes whole lines, each with its end."""

    def write(self, line: bytes) -> None: ...


class NoLines:
    """Takes lines to nowhere."""

    def write(self, line: bytes) -> None:
        return None


class DirectLines:
    """Writes at once: for processes without an event loop, and before there is one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, line: bytes) -> None:
        _write_all(self._descriptor, line)


class QueuedLines:
    """A bounded queue of lines and the thread that writes them; over the bound they are dropped.

    A context manager: leaving it writes what is left, but waits no longer than two seconds for a
    reader that does not read. The thread does not survive a fork: enter it in the worker process.
    """

    def __init__(
        self, descriptor: int, on_drop: Callable[[], None], capacity: int = _CAPACITY
    ) -> None:
        self._on_drop = on_drop
        self._descriptor = descriptor
        self._capacity = capacity
        self._lines: deque[bytes] = deque()
        self._waiting = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def write(self, line: bytes) -> None:
        if len(self._lines) >= self._capacity:
            self._on_drop()
            return
        self._lines.append(line)
        if not self._waiting.is_set():
            self._waiting.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._waiting.set()
        self._thread.join(_FLUSH_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._waiting.wait()
            self._closing.wait(_GATHER_SECONDS)
            self._waiting.clear()
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        while (piece := self.next_piece()) is not None:
            _write_all(self._descriptor, piece)

    def next_piece(self) -> bytes | None:
        """As many waiting lines as go out in one write, at least one; None where none waits.

        The workers share one pipe, and only a write of up to PIPE_BUF bytes is never cut in two by
        another's.
        """
        if not self._lines:
            return None
        piece = self._lines.popleft()
        while self._lines and len(piece) + len(self._lines[0]) <= select.PIPE_BUF:
            piece += self._lines.popleft()
        return piece


def _write_all(descriptor: int, data: bytes) -> None:
    """A log that nobody can read any more is no reason to stop serving."""
    try:
        while data:
            data = data[_write(descriptor, data) :]
    except OSError:
        return


def _write(descriptor: int, data: bytes) -> int:
    """Bytes written; 0 where the descriptor is non-blocking, as some parents leave it, and full."""
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        select.select([], [descriptor], [], _ROOM_SECONDS)
        return 0
