"""A failure told without its words: an exception's text may quote what must not be told."""

import traceback
from collections import deque
from collections.abc import Iterator
from pathlib import Path

_FRAMES = 20
_CAUSES = 5
_MEMBERS = 5
_PARTS_OF_A_PATH = 3


def describe_failure(failure: BaseException) -> list[str]:
    """Types and places, the innermost frame last; then the same of causes and members of groups.

    An OSError also gives its error number, which holds nothing but what went wrong.
    """
    return list(_describe(failure, _CAUSES))


def _describe(failure: BaseException, causes: int) -> Iterator[str]:
    yield _name(failure)
    # Not `extract_tb`: it reads the source files, and the event loop would wait for the disk.
    for frame, line in deque(traceback.walk_tb(failure.__traceback__), _FRAMES):
        code = frame.f_code
        yield f"  {_place(code.co_filename)}:{line} in {code.co_qualname}"
    if isinstance(failure, BaseExceptionGroup):
        for member in failure.exceptions[:_MEMBERS]:
            yield from _describe(member, causes)
    cause = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)
    if cause is not None and causes:
        yield "caused by"
        yield from _describe(cause, causes - 1)


def _name(failure: BaseException) -> str:
    kind = type(failure)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    return f"{name} (errno {failure.errno})" if isinstance(failure, OSError) else name


def _place(filename: str) -> str:
    """The end of a path: where it is installed says nothing of the failure."""
    return "/".join(Path(filename).parts[-_PARTS_OF_A_PATH:])
