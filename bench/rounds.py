"""Rounds that alternate between the servers, and the medians of what they measured."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contestants import Contestant
from bench.processes import cpu_seconds
from bench.wrk import load

_WARM_UP_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Task:
    """What the servers are asked for."""

    name: str
    path: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """Of one server and task, the medians of all rounds, and each round."""

    per_second: float
    cpu_microseconds: float | None
    """CPU time of the server's process for each request."""
    rounds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    per_second: float
    cpu_microseconds: float | None


Scores = Mapping[str, Mapping[str, Score]]
"""By task and server."""


def measure(
    servers: Sequence[Contestant], tasks: Sequence[Task], rounds: int, seconds: int
) -> Scores:
    """Each round asks every server in turn: what disturbs the machine disturbs them all."""
    runs: dict[tuple[str, str], list[_Run]] = {}
    for server in servers:
        for task in tasks:
            load(server.base + task.path, _WARM_UP_SECONDS, task.headers)
    for number in range(rounds):
        for task in tasks:
            # Nobody is always the one who comes after the same other.
            for server in (*servers[number % len(servers) :], *servers[: number % len(servers)]):
                run = _run(server, task, seconds)
                runs.setdefault((task.name, server.name), []).append(run)
                print(f"round {number + 1}: {task.name}, {server.name}: {run.per_second:.0f}/s")
    return {
        task.name: {server.name: _score(runs[task.name, server.name]) for server in servers}
        for task in tasks
    }


def _run(server: Contestant, task: Task, seconds: int) -> _Run:
    before = None if server.pid is None else cpu_seconds(server.pid)
    done = load(server.base + task.path, seconds, task.headers)
    if server.pid is None or before is None:
        return _Run(done.per_second, None)
    spent = cpu_seconds(server.pid) - before
    return _Run(done.per_second, spent / done.requests * 1e6)


def _score(runs: Sequence[_Run]) -> Score:
    cpu = [run.cpu_microseconds for run in runs if run.cpu_microseconds is not None]
    return Score(
        statistics.median(run.per_second for run in runs),
        statistics.median(cpu) if cpu else None,
        tuple(run.per_second for run in runs),
    )
