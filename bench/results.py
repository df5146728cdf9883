"""What was measured, where, and against which targets: kept as JSON in bench/results."""

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.memory import Growth
from bench.rounds import Scores

FOLDER = Path(__file__).parent / "results"
FRAMES, SEARCH = "525 KB frame", "1 KB search"
FRAMES_OF_ANY_SYNTAX = "525 KB frame, no syntax named"
GATEWAY, REFERENCE = "gateway, asyncio", "nginx"
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)+")


@dataclass(frozen=True, slots=True)
class Target:
    """What the gateway must reach of nginx's rate, and what it aims at."""

    least: float
    goal: float


TARGETS: Mapping[str, Target] = {FRAMES: Target(0.9, 1.0), SEARCH: Target(0.75, 0.9)}
MOST_GROWTH = 64 * 1024 * 1024


def write_speed(scores: Scores, rounds: int, seconds: int, busy: float) -> Path:
    """`busy` is the machine's load just before the run: numbers of a busy machine are no record."""
    tasks = {
        task: {name: asdict(score) for name, score in servers.items()}
        for task, servers in scores.items()
    }
    settings = {"rounds": rounds, "seconds": seconds, "load_before": round(busy, 2)}
    return _write("speed", {**settings, "machine": _machine(), "tasks": tasks})


def write_memory(growths: Mapping[str, Growth]) -> Path:
    transfers = {name: {**asdict(one), "growth": one.growth} for name, one in growths.items()}
    return _write("memory", {"machine": _machine(), "transfers": transfers})


def read(name: str) -> dict[str, Any]:
    """The results that are kept; empty where nothing was measured yet."""
    file = FOLDER / f"{name}.json"
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def ratio(tasks: Mapping[str, Any], task: str, of: str, to: str = REFERENCE) -> float | None:
    """The rate of one server as a part of another's."""
    servers = tasks.get(task, {})
    if of not in servers or to not in servers:
        return None
    return float(servers[of]["per_second"] / servers[to]["per_second"])


def _write(name: str, results: Mapping[str, Any]) -> Path:
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.json"
    file.write_text(json.dumps(results, indent=1) + "\n")
    return file


def _machine() -> dict[str, str]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpus": f"{os.cpu_count()} x {_cpu_name()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "aiohttp": version("aiohttp"),
        "nginx": _version_of("nginx", "-v"),
        "orthanc": _version_of("Orthanc", "--version"),
    }


def _cpu_name() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1].strip() if found else platform.machine()


def _version_of(program: str, argument: str) -> str:
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which(program, path=path)
    if found is None:
        return "not installed"
    told = subprocess.run([found, argument], capture_output=True, text=True, check=False)
    number = _VERSION.search(told.stdout + told.stderr)
    return number[0] if number else "unknown"
