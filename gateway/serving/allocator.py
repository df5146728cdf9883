"""How the C library keeps freed memory, on which the speed of large bodies depends."""

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MIB = 1024 * 1024


def keep_freed_memory() -> None:
    """Keep up to 16 MiB for the next chunks of a body, where the C library is glibc.

    It would give a chunk's pages back with each chunk that is freed and fault them in anew for the
    next: 3 to 7 % of the CPU time of a frame, as measured.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    for option, size in (
        (_MMAP_THRESHOLD, 4 * _MIB),
        (_TRIM_THRESHOLD, 16 * _MIB),
        (_TOP_PAD, 1 * _MIB),
    ):
        mallopt(option, size)
