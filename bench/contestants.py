"""The servers that are compared, each a process of its own in front of the same archive."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.nginx import TUNED, write_config
from bench.processes import children, free_port, running
from tests.fakes.orthanc import Orthanc

_PATH = "/dicom-web"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server under load."""

    name: str
    base: str
    """Its DICOMweb base URL."""
    pid: int | None
    """The process that answers; None where it is not looked at."""


Opener = Callable[[ExitStack, Orthanc, Path], Contestant]


@contextmanager
def contestants(orthanc: Orthanc, openers: dict[str, Opener]) -> Iterator[list[Contestant]]:
    """All of them, running side by side."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        yield [opener(stack, orthanc, folder) for opener in openers.values()]


def direct(stack: ExitStack, orthanc: Orthanc, folder: Path) -> Contestant:
    return Contestant("Orthanc direct", orthanc.dicom_web, None)


def gateway(loop: str) -> Opener:
    """The gateway as `serve` starts it, on another event loop than its own if `loop` names one."""

    def start(stack: ExitStack, orthanc: Orthanc, folder: Path) -> Contestant:
        name, port = f"gateway, {loop}", free_port()
        command = [sys.executable, "-m", "bench.gateway_on", loop, "serve"]
        command += ["--backend", orthanc.dicom_web, "--port", str(port)]
        pid = stack.enter_context(running(command, port, folder / f"{loop}.log"))
        return Contestant(name, f"http://127.0.0.1:{port}{_PATH}", pid)

    return start


def bare(stack: ExitStack, orthanc: Orthanc, folder: Path) -> Contestant:
    port = free_port()
    command = [sys.executable, "-m", "bench.bare_proxy", str(port), orthanc.url]
    pid = stack.enter_context(running(command, port, folder / "bare.log"))
    return Contestant("bare aiohttp", f"http://127.0.0.1:{port}{_PATH}", pid)


def nginx(name: str, directives: tuple[str, ...]) -> Opener:
    """nginx with its own defaults for the rest."""

    def start(stack: ExitStack, orthanc: Orthanc, folder: Path) -> Contestant:
        port, own = free_port(), folder / name.replace(" ", "-")
        own.mkdir()
        # Its worker may be another user, who needs a way into the folder.
        folder.chmod(0o755)
        own.chmod(0o777)
        config = write_config(own, port, urlsplit(orthanc.url).netloc, directives)
        program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "nginx"
        master = stack.enter_context(
            running([program, "-c", str(config)], port, own / "output.log")
        )
        return Contestant(name, f"http://127.0.0.1:{port}{_PATH}", children(master)[0])

    return start


OPENERS: dict[str, Opener] = {
    "orthanc": direct,
    "nginx": nginx("nginx", ()),
    "nginx-tuned": nginx("nginx, tuned buffers", TUNED),
    "bare": bare,
    "asyncio": gateway("asyncio"),
    "uvloop": gateway("uvloop"),
}
