"""The folder through which worker processes share their metrics.

prometheus_client asks the environment for it when it is imported, so the folder is made first and
the process then starts itself again. An open lock, which survives that, says that a folder is in
use: what a killed gateway left behind is found by it and removed.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_PREFIX = "dicomweb-gateway-metrics-"
_LOCK = "in-use.lock"


def make_metrics_folder(temp: Path | None) -> Path:
    """A new folder in `temp` (None: the system's), locked for as long as this process lives."""
    parent = Path(tempfile.gettempdir() if temp is None else temp)
    for left in parent.glob(f"{_PREFIX}*"):
        if _is_ours(left) and _lock(left) is not None:
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    descriptor = _lock(folder)
    if descriptor is not None:
        os.set_inheritable(descriptor, True)
    return folder


def remove_metrics_folder(environ: Mapping[str, str]) -> None:
    """Remove the folder that the environment names, if this very process has made it.

    Not if the operator has chosen it, and not at the end of a worker.
    """
    folder = Path(environ.get(VARIABLE, ""))
    if folder.name.startswith(f"{_PREFIX}{os.getpid()}-"):
        shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    return not folder.is_symlink() and folder.is_dir() and folder.stat().st_uid == os.getuid()


def _lock(folder: Path) -> int | None:
    """The descriptor of the folder's lock; None where another process holds it."""
    descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
