"""How far the gateway's memory grows while two GiB go through it."""

import http.client
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.big_study import STUDY_OF_MANY, STUDY_OF_ONE, instances, multipart
from bench.processes import free_port, resident_bytes, running

_EVERY_SECONDS = 0.02
_STALL_SECONDS = 3.0
_READ_SIZE = 8 * 1024 * 1024
_PAUSE_SECONDS = 0.02
_BOUNDARY = "boundary-of-the-bench"
_TIMEOUT = 600


class Failed(Exception):
    """A transfer that did not succeed says nothing of memory."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Resident memory of the gateway's process, in bytes."""

    before: int
    peak: int
    transferred: int
    seconds: float

    @property
    def growth(self) -> int:
        return self.peak - self.before


def measure_memory() -> dict[str, Growth]:
    """A gateway of its own for each transfer: memory that one left behind would hide the next."""
    return {
        "a 2 GiB instance stored": _measured(_store),
        "a study of 64 instances, 2 GiB, slow reader": _measured(_reader(STUDY_OF_MANY)),
        "a study of one 2 GiB instance, slow reader": _measured(_reader(STUDY_OF_ONE)),
    }


def _measured(transfer: Callable[[int], int]) -> Growth:
    with _gateway() as (port, pid):
        _ask(port, "GET", "/dicom-web/studies")
        before, started = resident_bytes(pid), time.monotonic()
        with _watched(pid) as peak:
            transferred = transfer(port)
        return Growth(before, peak(), transferred, time.monotonic() - started)


@contextmanager
def _gateway() -> Iterator[tuple[int, int]]:
    """Port and process id of a gateway in front of an archive that holds nothing."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        behind, port = free_port(), free_port()
        archive = [sys.executable, "-m", "bench.archive", str(behind)]
        stack.enter_context(running(archive, behind, folder / "archive.log"))
        gateway = [sys.executable, "-m", "gateway", "serve", "--port", str(port)]
        gateway += ["--backend", f"http://127.0.0.1:{behind}/dicom-web"]
        yield port, stack.enter_context(running(gateway, port, folder / "gateway.log"))


@contextmanager
def _watched(pid: int) -> Iterator[Callable[[], int]]:
    """The most memory that the process has been seen with while this lasts."""
    seen = [resident_bytes(pid)]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY_SECONDS):
            seen.append(resident_bytes(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: max(seen)
    finally:
        ended.set()
        watcher.join()


def _store(port: int) -> int:
    (instance,) = instances(STUDY_OF_ONE)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}',
        "Accept": "application/dicom+json",
    }
    body = multipart(STUDY_OF_ONE, _BOUNDARY)
    answer = _ask(port, "POST", "/dicom-web/studies", headers, body)
    if instance.uid.encode() not in answer:
        raise Failed(answer.decode(errors="replace"))
    return instance.length


def _reader(study: str) -> Callable[[int], int]:
    """A client that stands still at first and then reads more slowly than the archive sends."""

    def read(port: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        connection.request(
            "GET",
            f"/dicom-web/studies/{study}",
            headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'},
        )
        response = connection.getresponse()
        time.sleep(_STALL_SECONDS)
        size = 0
        while piece := response.read(_READ_SIZE):
            size += len(piece)
            time.sleep(_PAUSE_SECONDS)
        connection.close()
        if size < sum(instance.length for instance in instances(study)):
            raise Failed(f"{response.status}: {size} bytes of {study}")
        return size

    return read


def _ask(
    port: int,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: Iterator[bytes] | None = None,
) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request(method, path, body, headers or {}, encode_chunked=body is not None)
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.client.OK:
            raise Failed(f"{response.status}: {answer[:1000]!r}")
        return answer
    finally:
        connection.close()
