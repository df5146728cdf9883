"""Content codings of answers (RFC 9110 8.4), undone in pieces of a bounded size.

The HTTP library is told to leave bodies alone, so that each is inflated once and here, and so
that a small body which inflates to gigabytes never is in memory as a whole.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator

from gateway.errors import StreamBroken

PIECE = 256 * 1024
"""The most bytes that are inflated before they are handed on."""

# zlib's names of its containers: 16 and more is gzip, otherwise zlib (RFC 1950).
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": 15}
_GZIP_MEMBER = b"\x1f\x8b"


def known(coding: str) -> bool:
    """True for a Content-Encoding that `decoded` undoes."""
    return _normal(coding) in ("", "identity", *_WINDOW_BITS)


def is_identity(coding: str) -> bool:
    """True if the body is as it is, and its Content-Length its own."""
    return _normal(coding) in ("", "identity")


def decoded(chunks: AsyncIterator[bytes], coding: str) -> AsyncIterator[bytes]:
    """The body behind a coding that is `known`. StreamBroken if it is damaged or cut."""
    return chunks if is_identity(coding) else _inflated(chunks, _WINDOW_BITS[_normal(coding)])


async def _inflated(chunks: AsyncIterator[bytes], window_bits: int) -> AsyncIterator[bytes]:
    inflater = Inflater(window_bits)
    async for chunk in chunks:
        for number, piece in enumerate(inflater.feed(chunk)):
            if number:
                # One chunk may inflate a thousandfold; others get their turn in between.
                await asyncio.sleep(0)
            yield piece
    inflater.close()


class Inflater:
    """One compressed body, of one or several gzip members."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._inflate = zlib.decompressobj(window_bits)
        self._started = False
        self._held = b""
        """The beginning of what may be the next member's mark, whose rest is in the next piece."""
        self._over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` inflates to, in pieces of at most `PIECE` bytes."""
        while data := self._of_a_member(data):
            piece = self._decompress(data)
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            if piece:
                yield piece

    def close(self) -> None:
        """Raises StreamBroken if the body ended before its end."""
        if self._held or (self._started and not self._inflate.eof):
            raise _broken("The archive's answer was cut off.")

    def _of_a_member(self, data: bytes) -> bytes:
        """`data`, if it belongs to this member or opens the next one.

        Zeros between members are padding; whatever else stands there ends the body, wherever the
        pieces of it were cut.
        """
        if not self._inflate.eof:
            self._started = self._started or bool(data)
            return data
        data, self._held = (self._held + data).lstrip(b"\0"), b""
        if self._over or not data:
            return b""
        if data.startswith(_GZIP_MEMBER):
            self._inflate = zlib.decompressobj(self._window_bits)
            return data
        if data == _GZIP_MEMBER[:1]:
            self._held = data
        else:
            self._over = True
        return b""

    def _decompress(self, data: bytes) -> bytes:
        try:
            return self._inflate.decompress(data, PIECE)
        except zlib.error as error:
            raise _broken("The archive's answer cannot be decompressed.") from error


def _normal(coding: str) -> str:
    return coding.strip().lower()


def _broken(message: str) -> StreamBroken:
    return StreamBroken(502, message, "backend_answer")
