"""A real Orthanc with its DICOMweb plugin, on free ports and in a folder of its own.

The installed one is used. Where the environment variable GATEWAY_ORTHANC_ROOT names a folder
that holds a whole Debian system, the Orthanc of that system is run inside of it (as root), which
is how the same tests run against a newer version.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_TIMEOUT = 60.0
ANSWER_TIMEOUT = 60.0
ATTEMPTS = 3

_PLUGIN = "libOrthancDicomWeb.so"
_PLUGIN_FOLDERS = (
    "usr/share/orthanc/plugins",
    "usr/local/share/orthanc/plugins",
    "usr/lib/orthanc",
)
_PROGRAM_FOLDERS = ("usr/sbin", "usr/bin", "usr/local/sbin", "usr/local/bin")


class OrthancMissing(Exception):
    """Orthanc or its DICOMweb plugin is not installed."""


class OrthancFailed(Exception):
    """Orthanc did not start, or did not take what a test had to load into it."""


@dataclass(frozen=True, slots=True)
class Orthanc:
    """A running Orthanc."""

    port: int
    aet: str
    dicom_port: int
    log: Path

    @property
    def url(self) -> str:
        """The root of Orthanc's own REST API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def dicom_web(self) -> str:
        """The base URL of its DICOMweb services."""
        return f"{self.url}/dicom-web"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """The status and body of one request to Orthanc itself, past the gateway."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_TIMEOUT)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def offer(self, source: Path | bytes) -> tuple[int, bytes]:
        """What Orthanc answers when it is given a file: 200 and its ids, or why not."""
        content = source if isinstance(source, bytes) else source.read_bytes()
        return self.request("POST", "/instances", content)

    def load(self, source: Path | bytes) -> str:
        """Store a file and return Orthanc's own id of the instance."""
        status, answer = self.offer(source)
        if status != http.client.OK:
            what = "bytes" if isinstance(source, bytes) else source.name
            raise OrthancFailed(f"Orthanc refused {what}: {status} {answer[:500]!r}")
        return str(json.loads(answer)["ID"])

    def instances(self) -> list[str]:
        """Orthanc's own ids of every instance that it has."""
        return list(json.loads(self.request("GET", "/instances")[1]))

    def file(self, instance_id: str) -> bytes:
        """An instance as Orthanc stored it."""
        return self.request("GET", f"/instances/{instance_id}/file")[1]

    def clear(self) -> None:
        """Delete every patient."""
        for patient in json.loads(self.request("GET", "/patients")[1]):
            self.request("DELETE", f"/patients/{patient}")


@dataclass(frozen=True, slots=True)
class _Installed:
    """Where Orthanc lies: `root` is `/`, or the folder of a whole system to run it in."""

    root: Path
    program: Path
    plugin: Path

    @property
    def temp(self) -> Path:
        return Path(tempfile.gettempdir()) if self.root == Path("/") else self.root / "tmp"

    def inside(self, path: Path) -> str:
        """The path as Orthanc itself sees it."""
        return f"/{path.resolve().relative_to(self.root.resolve())}"

    def command(self, settings: Path) -> list[str]:
        program = [self.inside(self.program), self.inside(settings)]
        return program if self.root == Path("/") else ["chroot", str(self.root), *program]


def _find_installed() -> _Installed:
    root = Path(os.environ.get("GATEWAY_ORTHANC_ROOT", "/"))
    programs = [root / folder / "Orthanc" for folder in _PROGRAM_FOLDERS]
    plugins = [root / folder / _PLUGIN for folder in _PLUGIN_FOLDERS]
    program = next((found for found in programs if found.is_file()), None)
    plugin = next((found for found in plugins if found.is_file()), None)
    if program is None or plugin is None:
        raise OrthancMissing(
            "Orthanc and its DICOMweb plugin are needed: install `orthanc` and `orthanc-dicomweb`."
        )
    return _Installed(root, program, plugin)


def orthanc_is_installed() -> bool:
    """True where `running_orthanc` finds what it needs."""
    try:
        _find_installed()
    except OrthancMissing:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _settings(installed: _Installed, folder: Path, ports: list[int]) -> dict[str, Any]:
    return {
        "Name": "Test archive",
        "StorageDirectory": installed.inside(folder / "storage"),
        "IndexDirectory": installed.inside(folder / "storage"),
        "Plugins": [installed.inside(installed.plugin)],
        "HttpPort": ports[0],
        "DicomPort": ports[1],
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "OverwriteInstances": True,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": True},
    }


def _answers(orthanc: Orthanc) -> bool:
    try:
        return orthanc.request("GET", "/dicom-web/studies?limit=1")[0] == http.client.OK
    except OSError:
        return False


def _wait_until_it_answers(orthanc: Orthanc, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not _answers(orthanc):
        if process.poll() is not None or time.monotonic() > deadline:
            end = orthanc.log.read_text(errors="replace")[-2000:]
            raise OrthancFailed(f"Orthanc did not start (exit {process.poll()}):\n{end}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it at once: asked politely it takes seconds to close files that nobody needs."""
    process.kill()
    process.wait()


def _start(
    installed: _Installed, folder: Path, settings: Mapping[str, Any]
) -> tuple[Orthanc, subprocess.Popen[bytes]]:
    """Start and wait; the ports may be taken by another program in between, so try again."""
    for attempt in range(ATTEMPTS):
        ports = _free_ports(2)
        written = folder / "orthanc.json"
        written.write_text(json.dumps(_settings(installed, folder, ports) | dict(settings)))
        orthanc = Orthanc(ports[0], "ORTHANC", ports[1], folder / "orthanc.log")
        with orthanc.log.open("wb") as log:
            process = subprocess.Popen(
                installed.command(written), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            _wait_until_it_answers(orthanc, process)
        except BaseException as problem:
            _stop(process)
            if isinstance(problem, OrthancFailed) and attempt + 1 < ATTEMPTS:
                continue
            raise
        return orthanc, process
    raise AssertionError("unreachable: the last attempt returns or raises")


@contextmanager
def running_orthanc(settings: Mapping[str, Any] | None = None) -> Iterator[Orthanc]:
    """An empty Orthanc that answers; stopped, and its files removed, at the end.

    `settings` are added to its configuration file, over what is written there already.
    """
    installed = _find_installed()
    folder = Path(tempfile.mkdtemp(prefix="orthanc-", dir=installed.temp))
    try:
        orthanc, process = _start(installed, folder, settings or {})
        try:
            yield orthanc
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
