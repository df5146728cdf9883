"""Log lines on their way out: all of them, whole, and never at the cost of serving."""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.telemetry.lines import DirectLines, QueuedLines


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """The reading and the writing end."""
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        for end in (reading, writing):
            os.close(end)


def never() -> None:
    raise AssertionError("a line was dropped")


def test_lines_come_out_whole_and_in_order() -> None:
    with pipe() as (reading, writing):
        with QueuedLines(writing, never) as lines:
            for number in range(100):
                lines.write(b"%d\n" % number)

        assert os.read(reading, 10_000).split() == [b"%d" % number for number in range(100)]


def test_what_was_written_before_the_start_is_not_lost() -> None:
    with pipe() as (reading, writing):
        lines = QueuedLines(writing, never)
        lines.write(b"early\n")
        with lines:
            pass

        assert select.select([reading], [], [], 0)[0] == [reading]
        assert os.read(reading, 100) == b"early\n"


def test_a_line_is_written_while_serving_and_not_only_at_the_end() -> None:
    with pipe() as (reading, writing), QueuedLines(writing, never) as lines:
        lines.write(b"now\n")

        assert select.select([reading], [], [], 5.0)[0] == [reading]
        assert os.read(reading, 100) == b"now\n"


def test_over_the_bound_lines_are_dropped_and_counted() -> None:
    dropped: list[int] = []
    with pipe() as (_, writing):
        lines = QueuedLines(writing, lambda: dropped.append(1), capacity=3)
        for _ in range(5):
            lines.write(b"x\n")

    assert len(dropped) == 2


def test_a_reader_that_does_not_read_delays_neither_the_writer_nor_the_end() -> None:
    dropped: list[int] = []
    reading, writing = os.pipe()
    with QueuedLines(writing, lambda: dropped.append(1), capacity=1000) as lines:
        for _ in range(5000):
            lines.write(b"x" * 1000 + b"\n")

    assert len(dropped) >= 3000  # a pipe holds 64 KiB, the queue 1000 lines
    os.close(reading)  # which ends the thread's write
    while any(thread.name == "log" for thread in threading.enumerate()):
        threading.Event().wait(0.01)
    os.close(writing)


def test_no_piece_is_larger_than_what_a_pipe_takes_undivided() -> None:
    """Otherwise lines of several workers on one pipe could be cut into each other."""
    with pipe() as (reading, writing):
        lines = QueuedLines(writing, never)
        for _ in range(100):
            lines.write(b"y" * 299 + b"\n")
        pieces = []
        while (piece := lines.next_piece()) is not None:
            pieces.append(piece)
        assert not select.select([reading], [], [], 0)[0]

    assert sum(map(len, pieces)) == 30_000
    assert max(map(len, pieces)) <= select.PIPE_BUF
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert len(pieces) == 8


def test_a_log_that_nobody_can_read_any_more_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    DirectLines(writing).write(b"lost\n")
    with QueuedLines(writing, never) as lines:
        lines.write(b"lost\n")
    os.close(writing)


def test_a_descriptor_that_does_not_block_loses_nothing() -> None:
    """Some parents leave the standard output non-blocking; a full pipe then refuses a write."""
    with pipe() as (reading, writing):
        os.set_blocking(writing, False)
        received = b""
        with QueuedLines(writing, never) as lines:
            for number in range(4000):
                lines.write(b"%099d\n" % number)
            while len(received) < 400_000:
                received += os.read(reading, 65536)

    assert [int(line) for line in received.split()] == list(range(4000))
