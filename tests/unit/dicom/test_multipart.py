"""The streaming reader of multipart bodies, boundaries, and what a writer writes."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from gateway.dicom.media_types import MediaType
from gateway.dicom.multipart import (
    BodyPart,
    body_length,
    boundary_of,
    closing,
    part_head,
    read_parts,
)
from gateway.dicom.multipart_parser import MultipartError

BODY = b"--b\r\nContent-Type: a/b\r\n\r\none\r\n--b\r\nX: 1\r\n\r\ntwo\r\n--b\r\n\r\n\r\n--b--\r\n"


class Source:
    """Chunks that count how far they were read and tell whether they were closed."""

    def __init__(self, body: bytes, size: int = 4, failure: Exception | None = None) -> None:
        self.read = 0
        self.closed = False
        self.chunks = self._chunks(body, size, failure)

    async def _chunks(
        self, body: bytes, size: int, failure: Exception | None
    ) -> AsyncGenerator[bytes, None]:
        try:
            for start in range(0, len(body), size):
                self.read = start + size
                yield body[start : start + size]
            if failure is not None:
                raise failure
        finally:
            self.closed = True


async def read(part: BodyPart) -> bytes:
    return b"".join([chunk async for chunk in part.chunks])


@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_parts_come_in_order_with_their_headers(size: int) -> None:
    source = Source(BODY, size)
    parts = [
        (dict(part.headers), await read(part)) async for part in read_parts(source.chunks, "b")
    ]
    assert parts == [({"content-type": "a/b"}, b"one"), ({"x": "1"}, b"two"), ({}, b"")]
    assert source.closed


@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_a_part_that_nobody_reads_is_skipped(size: int) -> None:
    parts = [part async for part in read_parts(Source(BODY, size).chunks, "b")]
    assert [dict(part.headers) for part in parts] == [{"content-type": "a/b"}, {"x": "1"}, {}]
    assert [await read(part) for part in parts] == [b"", b"", b""]


async def test_a_part_read_in_half_does_not_take_from_the_next() -> None:
    async with aclosing(read_parts(Source(BODY, 1).chunks, "b")) as parts:
        first = await anext(parts)
        assert await anext(aiter(first.chunks)) == b"o"
        second = await anext(parts)
        assert await read(first) == b""
        assert await read(second) == b"two"


async def test_no_more_is_read_than_was_asked_for() -> None:
    source = Source(b"--b\r\n\r\n" + bytes(100_000) + b"\r\n--b--", 100)
    async with aclosing(read_parts(source.chunks, "b")) as parts:
        part = await anext(parts)
        await anext(aiter(part.chunks))
        assert source.read <= 200
    assert source.closed


@pytest.mark.parametrize("end", range(1, len(BODY) - 5))
async def test_a_cut_body_is_never_taken_for_a_whole_one(end: int) -> None:
    source = Source(BODY[:end])
    with pytest.raises(MultipartError):
        [await read(part) async for part in read_parts(source.chunks, "b")]
    assert source.closed


async def test_a_cut_is_told_again_to_who_asks_again() -> None:
    async with aclosing(read_parts(Source(b"--b\r\n\r\ndata").chunks, "b")) as parts:
        part = await anext(parts)
        with pytest.raises(MultipartError):
            await read(part)
        with pytest.raises(MultipartError):
            await anext(parts)


async def test_a_failure_of_the_source_comes_through() -> None:
    source = Source(b"--b\r\n\r\ndata", failure=ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError, match="gone"):
        [await read(part) async for part in read_parts(source.chunks, "b")]


async def test_a_few_bytes_behind_the_end_are_read_so_that_the_connection_lives() -> None:
    source = Source(BODY + bytes(1000), 100)
    assert len([part async for part in read_parts(source.chunks, "b")]) == 3
    assert source.read >= len(BODY) + 1000


async def test_an_endless_epilogue_is_not_read() -> None:
    source = Source(BODY + bytes(10**6), 1000)
    assert len([part async for part in read_parts(source.chunks, "b")]) == 3
    assert source.read < 100_000
    assert source.closed


async def test_a_source_that_cannot_be_closed_is_fine() -> None:
    class Plain:
        def __init__(self) -> None:
            self.left = [BODY]

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    assert len([part async for part in read_parts(Plain(), "b")]) == 3


async def test_the_bound_of_a_head_is_the_callers() -> None:
    with pytest.raises(MultipartError, match="too long"):
        [part async for part in read_parts(Source(BODY).chunks, "b", max_header=10)]


def test_a_quoted_boundary_is_used_without_its_quotes() -> None:
    quoted = MediaType.parse('multipart/related; type="application/dicom"; boundary="my:1"')
    plain = MediaType.parse("multipart/related; type=application/dicom; boundary=my:1")
    assert boundary_of(quoted) == boundary_of(plain) == "my:1"


@pytest.mark.parametrize("value", ["", " ", "x" * 71, "a\tb", "a\r\nb", "bø", "a\x7f"])
def test_a_content_type_without_a_valid_boundary_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="boundary"):
        boundary_of(MediaType("multipart/related", (("boundary", value),)))
    with pytest.raises(ValueError, match="boundary"):
        boundary_of(MediaType("multipart/related"))


def test_blanks_within_a_boundary_are_kept_and_those_behind_it_are_not() -> None:
    assert boundary_of(MediaType("multipart/mixed", (("boundary", "a b  "),))) == "a b"
    assert boundary_of(MediaType("multipart/mixed", (("boundary", "x" * 70),))) == "x" * 70


def test_a_body_begins_with_its_delimiter_and_content_type_in_title_case() -> None:
    headers = [("content-location", "/i/1"), ("content-type", "application/dicom")]
    assert part_head("b", headers, first=True) == (
        b"--b\r\nContent-Type: application/dicom\r\nContent-Location: /i/1\r\n\r\n"
    )
    assert part_head("b", headers, first=False).startswith(b"\r\n--b\r\nContent-Type: ")
    assert closing("b") == b"\r\n--b--\r\n"


def test_the_length_of_a_body_is_known_before_its_payloads() -> None:
    heads = [part_head("b", [("Content-Type", "a/b")], first=number == 0) for number in range(3)]
    payloads = [b"x" * 10, b"", b"y"]
    body = b"".join(head + payload for head, payload in zip(heads, payloads, strict=True))
    assert body_length("b", heads, [10, 0, 1]) == len(body + closing("b"))


@pytest.mark.parametrize("first", [True, False])
def test_a_head_stays_short_enough_for_viewers(first: bool) -> None:
    headers = [("Content-Type", "application/dicom"), ("Content-Location", "/x" * 600)]
    head = part_head("b" * 70, headers, first=first)
    assert len(head) < 1000
    assert head.endswith(b"Content-Type: application/dicom\r\n\r\n")
    fitting = "/" * (999 - len(head) - len("Content-Location: \r\n"))
    longest = part_head("b" * 70, [headers[0], ("Content-Location", fitting)], first=first)
    assert len(longest) == 999


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\nb", "\x00", "ü", ""])
def test_a_header_that_would_break_the_head_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        part_head("b", [("Content-Type", value)], first=True)
    with pytest.raises(ValueError, match="ASCII"):
        part_head("b", [(value, "a/b")], first=True)
