"""Bodies that have to be held whole: in memory while they are small, else in a file.

A file has no name from its first moment on, so that nothing of a patient is left behind by a
crash. It is written and read in threads: the event loop never waits for the disk.
"""

import asyncio
import io
import logging
import os
import tempfile
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType

_BLOCK = 256 * 1024
"""Bytes that one trip to a thread writes or reads."""

DISK_MAY_BE_FREE_AFTER = timedelta(seconds=30)
"""When what the disk had no room for may be sent again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Where bodies are held, and how many bytes of them in memory."""

    folder: Path | None = None
    """`server.temp`; None is the system's folder for temporary files."""
    in_memory: int = 1024 * 1024
    """Of one body; beyond it the body goes to a file."""
    memory: int = 64 * 1024 * 1024
    """Of all bodies of the process; beyond it every further body goes to a file."""


class Spool:
    """The bodies that a process holds at one time, and the memory that they share."""

    def __init__(self, settings: SpoolSettings | None = None) -> None:
        self.settings = settings or SpoolSettings()
        self.memory_used = 0

    def new(self) -> "SpooledBody":
        """An empty body; whoever asks for it closes it."""
        return SpooledBody(self)

    def take(self, size: int) -> bool:
        """Reserve memory; False if there is not enough left."""
        if self.memory_used + size > self.settings.memory:
            return False
        self.memory_used += size
        return True

    def give_back(self, size: int) -> None:
        """What `take` reserved."""
        self.memory_used -= size


class SpooledBody:
    """Bytes that are written once, from the first to the last, and then read any number of times.

    `write` and `finish` raise OSError when the disk is full or fails.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._reserved = 0
        self._file: _UnnamedFile | None = None
        self._whole = b""
        self.length = 0

    async def __aenter__(self) -> "SpooledBody":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def in_memory(self) -> bool:
        """False once the body has a file."""
        return self._file is None

    async def write(self, chunk: bytes) -> None:
        """Add the next bytes."""
        self._pending.append(chunk)
        self._pending_size += len(chunk)
        self.length += len(chunk)
        if self._file is None and self._fits(len(chunk)):
            return
        if self._file is None or self._pending_size >= _BLOCK:
            await self._flush()

    async def finish(self) -> None:
        """The last byte has been written; `chunks` may be read from now on."""
        if self._file is not None:
            await self._flush()
        else:
            self._whole = b"".join(self._pending)
            self._pending.clear()

    async def chunks(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to but without `stop`, in pieces of at most 256 KiB."""
        end = self.length if stop is None else min(stop, self.length)
        while start < end:
            size = min(_BLOCK, end - start)
            yield await self._read(start, size)
            start += size

    async def close(self) -> None:
        """Forget the body and free what it holds; may be called again.

        A file that cannot be closed, as on a network share that is over its quota, is nobody's
        failure any more: what it held has been read, or given up.
        """
        self._pending.clear()
        self._whole = b""
        self._give_back()
        file, self._file = self._file, None
        if file is not None:
            try:
                await asyncio.to_thread(file.close)
            except OSError as error:
                _log.error("A spooled file could not be closed", exc_info=error)

    def _fits(self, size: int) -> bool:
        """True if the chunk may stay in memory."""
        if self.length > self._spool.settings.in_memory or not self._spool.take(size):
            return False
        self._reserved += size
        return True

    async def _flush(self) -> None:
        if self._file is None:
            self._file = _UnnamedFile(self._spool.settings.folder)
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_size = 0
        self._give_back()
        await asyncio.to_thread(self._file.append, data)

    async def _read(self, start: int, size: int) -> bytes:
        if self._file is None:
            return self._whole[start : start + size]
        return await asyncio.to_thread(self._file.read, start, size)

    def _give_back(self) -> None:
        self._spool.give_back(self._reserved)
        self._reserved = 0


class _UnnamedFile:
    """Called from threads, of which one may still be at work when its caller was cancelled.

    The lock keeps `close` from freeing a descriptor that a write is about to use.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: io.FileIO | None = None
        self._closed = False
        self._lock = threading.Lock()

    def append(self, data: bytes) -> None:
        left = memoryview(data)
        with self._lock:
            if self._file is None:
                self._file = self._open()
            while left:
                left = left[self._file.write(left) :]

    def read(self, start: int, size: int) -> bytes:
        with self._lock:
            data = os.pread(self._open_file().fileno(), size, start)
        if len(data) != size:
            raise OSError("a spooled file is shorter than what was written to it")
        return data

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()

    def _open(self) -> io.FileIO:
        if self._closed:
            raise ValueError("this spooled body has been closed")
        return tempfile.TemporaryFile(dir=self._folder, buffering=0)

    def _open_file(self) -> io.FileIO:
        if self._file is None:
            raise ValueError("this spooled body has no file")
        return self._file
