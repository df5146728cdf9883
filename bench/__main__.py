"""Measure speed and memory, and write bench/results and bench/RESULTS.md: `make bench`."""

import os
from argparse import ArgumentParser
from importlib.util import find_spec

from bench.contestants import OPENERS, contestants
from bench.memory import measure_memory
from bench.plot import write_plot
from bench.report import write_report
from bench.results import FRAMES, FRAMES_OF_ANY_SYNTAX, SEARCH, write_memory, write_speed
from bench.rounds import Task, measure
from bench.specimen import Specimen, make_specimen
from tests.fakes.orthanc import running_orthanc

_FRAME = "Accept: multipart/related; type=application/octet-stream"
# As OHIF, Cornerstone3D and Slim ask.
_FRAME_AS_STORED = f"{_FRAME}; transfer-syntax=*"


def main() -> None:
    parser = ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each server, task and round")
    parser.add_argument("--only", choices=("speed", "memory", "report"))
    asked = parser.parse_args()
    if asked.only in (None, "speed"):
        _speed(asked.rounds, asked.seconds)
    if asked.only in (None, "memory"):
        print(write_memory(measure_memory()))
    print(write_plot(), write_report())


def _speed(rounds: int, seconds: int) -> None:
    busy, specimen = os.getloadavg()[0], make_specimen()
    openers = {
        name: opener
        for name, opener in OPENERS.items()
        if name != "uvloop" or find_spec("uvloop") is not None
    }
    with running_orthanc() as orthanc:
        orthanc.load(specimen.content)
        with contestants(orthanc, openers) as servers:
            scores = measure(servers, _tasks(specimen), rounds, seconds)
    print(write_speed(scores, rounds, seconds, busy))


def _tasks(specimen: Specimen) -> tuple[Task, ...]:
    return (
        Task(FRAMES, specimen.frame_path, (_FRAME_AS_STORED,)),
        Task(FRAMES_OF_ANY_SYNTAX, specimen.frame_path, (_FRAME,)),
        Task(SEARCH, specimen.search_path),
    )


if __name__ == "__main__":
    main()
