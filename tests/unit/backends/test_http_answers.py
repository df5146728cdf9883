"""What the transport takes for an answer: a whole one, of a known framing, to a whole request."""

import gzip
from collections.abc import AsyncIterator

import pytest

from gateway.net.request_body import BytesBody
from tests.fakes.pacs import Cut, Pacs, Raw, Reply, stay
from tests.fakes.transports import ANYBODY, ask, error_of, wired

PATH = "/dicom-web/studies"


@pytest.fixture
async def pacs() -> AsyncIterator[Pacs]:
    async with Pacs() as pacs:
        yield pacs


@pytest.mark.parametrize("length", ["1" * 18, "0000000000000005"])
async def test_a_length_is_believed_up_to_18_digits(pacs: Pacs, length: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n12345".encode()
    pacs.on("GET", PATH, Raw([head, stay()]))
    async with wired(pacs) as w, w.transport.request("GET", "studies", context=ANYBODY) as answer:
        assert answer.length == int(length)


@pytest.mark.parametrize(
    "length",
    ["1" * 19, "18446744073709551615", "9" * 20, "9" * 5000, "+5", "5, 5", "\u0665", "0x5", ""],
)
async def test_a_length_that_nothing_has_is_502(pacs: Pacs, length: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n12345".encode()
    pacs.on("GET", PATH, Raw([head, 0.05, Cut.CLOSE]))
    async with wired(pacs) as w:
        error = await error_of(w.transport)

    assert (error.status, error.category) == (502, "backend_answer")


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "chunked, chunked", "chunked, gzip"])
async def test_any_transfer_coding_but_chunked_is_502(pacs: Pacs, coding: str) -> None:
    packed = gzip.compress(b"[]")
    chunks = b"%x\r\n" % len(packed) + packed + b"\r\n0\r\n\r\n"
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n".encode()
    pacs.on("GET", PATH, Raw([head + chunks]))
    async with wired(pacs) as w:
        error = await error_of(w.transport)

    assert (error.status, error.category) == (502, "backend_answer")


async def test_chunked_is_read_in_any_case(pacs: Pacs) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
    pacs.on("GET", PATH, Raw([head + b"2\r\n[]\r\n0\r\n\r\n"]))
    async with wired(pacs) as w:
        assert await ask(w.transport) == b"[]"


@pytest.mark.parametrize(
    ("method", "status", "whole"),
    [
        *(("GET", status, True) for status in (200, 203, 204)),
        *(("GET", status, False) for status in (201, 202, 205, 206, 207, 226, 299)),
        *(("POST", status, True) for status in (200, 201, 202, 203, 204)),
        *(("POST", status, False) for status in (205, 206, 207, 299)),
    ],
)
async def test_a_success_that_gives_no_whole_answer_is_502(
    pacs: Pacs, method: str, status: int, whole: bool
) -> None:
    pacs.on(method, PATH, Raw([b"HTTP/1.1 %d Odd\r\nContent-Length: 0\r\n\r\n" % status]))
    async with wired(pacs) as w:
        if whole:
            assert await ask(w.transport, method=method) == b""
            return
        error = await error_of(w.transport, method=method)

    assert (error.status, error.category) == (502, "backend_answer")
    assert error.upstream_status == status


async def test_a_part_is_an_answer_to_who_asks_for_one(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(206, body=b"part"), Reply(207))
    async with wired(pacs) as w:
        assert await ask(w.transport, answers=frozenset({206})) == b"part"
        error = await error_of(w.transport, answers=frozenset({206}))

    assert error.upstream_status == 207


async def test_a_success_before_the_whole_request_was_sent_is_502(pacs: Pacs) -> None:
    body = BytesBody(bytes(20_000_000))
    pacs.on("POST", PATH, Reply(read_body=False), Reply(413, read_body=False))
    async with wired(pacs) as w:
        success = await error_of(w.transport, method="POST", body=body)
        refusal = await error_of(w.transport, method="POST", body=body)

    assert (success.status, success.category) == (502, "backend_answer")
    assert refusal.status == 413
