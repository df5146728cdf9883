"""bench/RESULTS.md: the tables that people read, made of what bench/results holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.results import (
    FRAMES_OF_ANY_SYNTAX,
    GATEWAY,
    MOST_GROWTH,
    REFERENCE,
    TARGETS,
    ratio,
    read,
)

FILE = Path(__file__).parent / "RESULTS.md"
_MIB = 1024 * 1024
_QUIET = 0.5
_HEAD = """\
# The gateway beside nginx

One run, one machine, one process each, all in front of the same Orthanc: nginx (one worker,
access log, 32 connections kept to Orthanc, no cache; once with its own buffers, once with buffers
that hold a frame) against the gateway (access log, limits and metrics on). `wrk` asks from eight
connections. The rounds go from server to server; the numbers are medians. The rates are of this
machine, which Orthanc and wrk share with the servers: what carries over is the ratio within one
run, and the CPU time of each server's own process.

![Rates and CPU time](results/speed.svg)
"""
_REPEAT = """\
## Repeat it

    make bench                                 # everything, in about eight minutes
    make bench ARGS='--only speed --rounds 9'  # or --only memory

On Debian and Ubuntu, as root or with sudo, it installs Orthanc, nginx and wrk. Let the machine do
nothing else meanwhile. The row of uvloop is there where uvloop can be imported; the gateway itself
does not use it (`gateway/serving/loops.py`). `bench/results` has each round; this page and the plot
are made of it.
"""
_NO_SYNTAX_NAMED = """\
No target: the two ask Orthanc for different work. nginx passes the request on as it is; the gateway
makes `transfer-syntax=*` of it, since a frame goes out as it is stored, and Orthanc takes longer to
answer that (compare the rows of Orthanc itself with those above)."""
_BOUNDS = """\
## What bounds it

The CPU of the two cores, of which Orthanc takes most: about 1 ms for a search and 2 ms for a frame,
whoever asks. Of what the gateway adds a third is for sockets (of frames: 40 %), by a sampling
profiler, a quarter for aiohttp, and the rest for its own work: reading each row or part and
checking it, the limits, breaker and timeouts of the archive, metrics and the log line. No function
of that takes more than 2 %, so that only doing less would lift it: an answer from a cache asks
Orthanc nothing. More cores are used by `server.workers`, which this comparison leaves out.
"""
_MEMORY = """\
## Memory

Resident memory of the gateway's process, looked at every 20 ms while 2 GiB go through it. The slow
reader first stands still for 3 s, then reads more slowly than the archive sends.

| | before | at most | grew by |
|---|---|---|---|"""


def write_report() -> Path:
    FILE.write_text(
        "\n".join([_HEAD, *_speed(read("speed")), _BOUNDS, *_memory(read("memory")), _REPEAT])
    )
    return FILE


def _speed(speed: Mapping[str, Any]) -> Iterator[str]:
    if not speed:
        return
    yield _where(speed["machine"])
    rounds = f"{speed['rounds']} rounds of {speed['seconds']} s"
    yield f"{rounds}; the machine's load before them: {speed['load_before']}.\n"
    if speed["load_before"] > _QUIET:
        yield "**The machine was busy with other work: compare CPU times, not rates.**\n"
    for task, servers in speed["tasks"].items():
        yield f"## {task}\n"
        yield f"| | answers/s | of {REFERENCE} | CPU per answer |"
        yield "|---|---|---|---|"
        for name, score in servers.items():
            part = ratio(speed["tasks"], task, name)
            cpu = score["cpu_microseconds"]
            spent = "" if cpu is None else f"{cpu:.0f} us"
            yield f"| {name} | {score['per_second']:.0f} | {part:.2f} | {spent} |"
        yield f"\n{_verdict(speed['tasks'], task)}\n"


def _verdict(tasks: Mapping[str, Any], task: str) -> str:
    if task == FRAMES_OF_ANY_SYNTAX:
        return _NO_SYNTAX_NAMED
    target, reached = TARGETS[task], ratio(tasks, task, GATEWAY) or 0.0
    least = "reached" if reached >= target.least else "missed"
    goal = "reached" if reached >= target.goal else "missed"
    return f"At least {target.least} of nginx: {least}. The goal of {target.goal}: {goal}."


def _memory(memory: Mapping[str, Any]) -> Iterator[str]:
    if not memory:
        return
    yield _MEMORY
    for name, one in memory["transfers"].items():
        cells = (f"{one[key] / _MIB:.1f} MiB" for key in ("before", "peak", "growth"))
        yield f"| {name} | {' | '.join(cells)} |"
    grown = max(one["growth"] for one in memory["transfers"].values())
    verdict = "kept" if grown <= MOST_GROWTH else "broken"
    yield f"\nNo more than {MOST_GROWTH // _MIB} MiB: {verdict}.\n"


def _where(machine: Mapping[str, str]) -> str:
    return (
        f"{machine['date']}; {machine['cpus']}; {machine['system']}; Python {machine['python']}, "
        f"aiohttp {machine['aiohttp']}, nginx {machine['nginx']}, Orthanc {machine['orthanc']}."
    )
