"""One run of wrk, and what it counted."""

import re
import subprocess
from dataclasses import dataclass

THREADS, CONNECTIONS = 1, 8
_COUNT = re.compile(r"(\d+) requests in ([\d.]+)(m|s)")
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")


class Failed(Exception):
    """A run in which not every answer was a success says nothing of speed."""


@dataclass(frozen=True, slots=True)
class Load:
    """How many requests were answered, and how many a second."""

    requests: int
    per_second: float


def load(url: str, seconds: int, headers: tuple[str, ...] = ()) -> Load:
    """Ask for `url` over and over, from eight connections."""
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command += [word for header in headers for word in ("-H", header)]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    count, rate = _COUNT.search(done.stdout), _RATE.search(done.stdout)
    if count is None or rate is None or _FAILED.search(done.stdout):
        raise Failed(f"{url}\n{done.stdout}")
    return Load(int(count[1]), float(rate[1]))
