"""Byte ranges of a body (RFC 9110 14), as PS3.18 8.4 lets clients ask for them."""

import re
from collections.abc import AsyncGenerator, AsyncIterator

from gateway import errors

_SINGLE_RANGE = re.compile(r"bytes[ \t]*=[ \t,]*([0-9]*)-([0-9]*)[ \t,]*", re.IGNORECASE | re.ASCII)
_MAX_DIGITS = 18
_BEYOND = 10**_MAX_DIGITS
"""Behind the end of any body, as is every number of more digits: not worth converting."""


def parse_range(header: str | None, length: int) -> tuple[int, int] | None:
    """The `(start, stop)` that a Range header asks of a body of `length` bytes, stop exclusive.

    None if the whole body is to be sent: no header, another unit, a malformed one, or several
    ranges (RFC 9110 14.2 lets a server ignore what it does not want to serve).
    GatewayError 416 if the range lies outside of the body.
    """
    match = _SINGLE_RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    first, last = match.groups()
    if first:
        return _from_first(_number(first), _number(last) if last else None, length)
    return _suffix(_number(last), length) if last else None


def _number(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MAX_DIGITS else _BEYOND


def _from_first(first: int, last: int | None, length: int) -> tuple[int, int] | None:
    if last is not None and last < first:
        return None
    if first >= length:
        raise errors.range_not_satisfiable(length)
    return first, length if last is None else min(last + 1, length)


def _suffix(count: int, length: int) -> tuple[int, int]:
    if count == 0 or length == 0:
        raise errors.range_not_satisfiable(length)
    return max(length - count, 0), length


async def slice_chunks(
    chunks: AsyncIterator[bytes], start: int, stop: int
) -> AsyncGenerator[bytes, None]:
    """The bytes from `start` to before `stop`; nothing is read behind them.

    The source stays the caller's to close. It ending early is the source's error to raise: what
    is there is yielded.
    """
    position = 0
    if start >= stop:
        return
    async for chunk in chunks:
        piece = chunk[max(start - position, 0) : stop - position]
        position += len(chunk)
        if piece:
            yield piece
        if position >= stop:
            return
