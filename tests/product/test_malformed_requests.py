"""Requests that nobody should send, byte for byte over real sockets, each of them another.

Whatever comes, the answer is 4xx, or 2xx where the request is in truth fine: never a 5xx, never a
wait without end, never a request or a connection that stays behind; and the next request of
somebody else is answered as if nothing had been.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.web.state import DEADLINES, PLACES
from tests.fakes.gateway import Gateway
from tests.fakes.odd_requests import (
    ACCEPTS,
    BODIES,
    CONTENT_TYPES,
    CUTS,
    EXPECTATIONS,
    FILE,
    GARBAGE,
    GOOD_BODY,
    GOOD_CHUNKS,
    GOOD_TARGETS,
    HEADER_LINES,
    LAST_CHUNKS,
    METHODS,
    ODD_CHUNKS,
    PATHS,
    RANGES,
    STORE_TYPE,
    TARGETS,
    VERSIONS,
    Sent,
    one_line,
    queries,
    stored,
    with_headers,
)
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.pacs_answers import (
    DICOM_JSON,
    INSTANCE_PATH,
    ROOT,
    SERIES_PATH,
    STUDY_PATH,
    Part,
    asked,
    behind_a_pacs,
    counts,
    frames_reply,
    metadata,
    multipart_reply,
    study_row,
)

ANSWERED_WITHIN = 10.0
PLACES_IN_ALL = 64


@dataclass(frozen=True)
class Answer:
    """What came of a request."""

    status: int
    head: bytes
    body: bytes


@dataclass
class Standing:
    """A gateway that stands through many requests."""

    pacs: Pacs
    gateway: Gateway

    async def send(self, sent: Sent) -> Answer | None:
        """The final answer; None for a request that is left before its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                # It may be refused, and the connection closed, before all of it is sent.
                with suppress(ConnectionError):
                    for piece in sent.pieces():
                        writer.write(piece)
                        await writer.drain()
                        await asyncio.sleep(0)
                return await _answer(reader, sent.method) if sent.whole else None
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def judge(self, sent: Sent) -> None:
        """Send it, and see that it is answered as it should and that nothing stays behind."""
        answer = await self.send(sent)
        if answer is not None:
            assert 200 <= answer.status < 300 or 400 <= answer.status < 500, answer
            assert b"\r\nServer: dicomweb-gateway\r\n" in answer.head
            if answer.status >= 400 and answer.status != 409:
                assert b"\r\nContent-Type: application/problem+json\r\n" in answer.head
        await self.is_well()

    async def is_well(self) -> None:
        """Nothing stays behind, and the next one is answered."""
        app = self.gateway.runner.app
        async with asyncio.timeout(ANSWERED_WITHIN):
            # Nobody tells when the connection of a client that left is found closed.
            while len(app[DEADLINES]) or self.pacs.active:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert app[PLACES].free == PLACES_IN_ALL
        async with self.gateway.get("/studies?limit=1") as response:
            assert response.status == 200
            await response.read()


async def _answer(reader: asyncio.StreamReader, method: bytes) -> Answer:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status >= 200:
            return Answer(status, head, b"" if method == b"HEAD" else await _body(reader, head))


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """The body, where its length is told."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name.lower() == b"content-length":
            return await reader.readexactly(int(value))
    return b""


@pytest.fixture
async def standing() -> AsyncIterator[Standing]:
    limits = {"connections": 4, "in_flight": 4}
    server = {"limits": {"requests_in_flight": PLACES_IN_ALL}}
    async with behind_a_pacs(server, limits=limits, capabilities=["rendered", "thumbnail"]) as (
        pacs,
        gateway,
    ):
        fill(pacs)
        yield Standing(pacs, gateway)
        await pacs.wait_for(lambda pacs: pacs.active == 0)
        assert pacs.open_connections <= 4
        assert (await counts(gateway))["gateway_requests_in_flight", ""] == 1
        for line in gateway.log.events:
            assert line["level"] != "error", line


def fill(pacs: Pacs) -> None:
    """Something at every path, so that what is in truth fine is answered."""
    octets = multipart_reply(
        Part(b"12345678", "application/octet-stream"), type_="application/octet-stream"
    )
    jpeg = Reply(headers={"Content-Type": "image/jpeg"}, body=b"\xff\xd8")
    for path in PATHS:
        pacs.on("GET", ROOT + path, Reply(json=[metadata() | study_row()]))
    dataset = metadata(x00420011={"vr": "OB", "InlineBinary": "AAAA"})
    for path in (STUDY_PATH, SERIES_PATH, INSTANCE_PATH):
        pacs.on("GET", ROOT + path, multipart_reply(Part(FILE)))
        pacs.on("GET", f"{ROOT}{path}/metadata", Reply(json=[dataset]))
    pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/frames/1", frames_reply(b"12345678"))
    pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/bulk/1", octets)
    pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/frames/1/rendered", jpeg)
    pacs.on("GET", f"{ROOT}{SERIES_PATH}/thumbnail", jpeg)
    pacs.on("POST", f"{ROOT}/studies", Reply(headers={"Content-Type": DICOM_JSON}))


def examples(count: int) -> settings:
    """So many, the same ones each time."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@examples(70)
@given(target=TARGETS, query=st.none() | queries(), cuts=CUTS)
async def test_any_target_is_answered(
    standing: Standing, target: bytes, query: bytes | None, cuts: Sequence[int]
) -> None:
    target = one_line(target) + (b"" if query is None else b"?" + query)
    await standing.judge(Sent(target=target, cuts=cuts))


@examples(70)
@given(target=GOOD_TARGETS, query=queries())
async def test_any_query_is_answered(standing: Standing, target: bytes, query: bytes) -> None:
    await standing.judge(Sent(target=target + b"?" + query))


@examples(60)
@given(target=GOOD_TARGETS, accepts=st.lists(ACCEPTS, min_size=1, max_size=2))
async def test_any_accept_is_answered(
    standing: Standing, target: bytes, accepts: list[bytes]
) -> None:
    lines = [b"Accept: " + accept for accept in accepts]
    await standing.judge(with_headers(Sent(target=target), *lines))


@examples(90)
@given(
    target=GOOD_TARGETS,
    lines=st.lists(HEADER_LINES, min_size=1, max_size=3),
    method=METHODS | st.just(b"GET"),
    version=VERSIONS | st.just(b"HTTP/1.1"),
    cuts=CUTS,
)
async def test_any_head_is_answered(
    standing: Standing,
    target: bytes,
    lines: list[bytes],
    method: bytes,
    version: bytes,
    cuts: Sequence[int],
) -> None:
    # What follows makes up for the body that some of these heads promise.
    sent = Sent(method, target, version, body=b"0\r\n\r\n" * 4, cuts=cuts)
    await standing.judge(with_headers(sent, b"Connection: close", *lines))


@examples(60)
@given(target=GOOD_TARGETS, range_=RANGES, method=st.sampled_from([b"GET", b"HEAD"]))
async def test_any_range_is_answered(
    standing: Standing, target: bytes, range_: bytes, method: bytes
) -> None:
    accept = b"Accept: multipart/related; type=application/octet-stream, */*;q=0.1"
    sent = with_headers(Sent(method, target), accept, b"Range: " + range_)
    await standing.judge(sent)


@examples(70)
@given(body=BODIES, target=st.sampled_from(["/studies", STUDY_PATH, "/studies/x y"]), cuts=CUTS)
async def test_any_body_is_answered(
    standing: Standing, body: bytes, target: str, cuts: Sequence[int]
) -> None:
    sent = stored(STORE_TYPE, body, b"Content-Length: %d" % len(body), target=target)
    await standing.judge(replace(sent, cuts=cuts))


@examples(40)
@given(content_type=CONTENT_TYPES, body=BODIES)
async def test_any_type_of_body_is_answered(
    standing: Standing, content_type: bytes, body: bytes
) -> None:
    await standing.judge(stored(content_type, body, b"Content-Length: %d" % len(body)))


@examples(40)
@given(body=BODIES, missing=st.integers(1, 10_000), cuts=CUTS)
async def test_a_body_that_the_client_does_not_finish_leaves_nothing_behind(
    standing: Standing, body: bytes, missing: int, cuts: Sequence[int]
) -> None:
    sent = stored(STORE_TYPE, body, b"Content-Length: %d" % (len(body) + missing))
    await standing.judge(replace(sent, whole=False, cuts=cuts))


@examples(50)
@given(chunks=st.lists(GOOD_CHUNKS, max_size=4), last=LAST_CHUNKS, cuts=CUTS)
async def test_any_end_of_a_chunked_body_is_answered(
    standing: Standing, chunks: list[bytes], last: bytes, cuts: Sequence[int]
) -> None:
    sent = stored(STORE_TYPE, b"".join(chunks) + last, b"Transfer-Encoding: chunked")
    await standing.judge(replace(sent, cuts=cuts))


@examples(50)
@given(
    chunks=st.lists(GOOD_CHUNKS | ODD_CHUNKS, min_size=1, max_size=4), last=LAST_CHUNKS, cuts=CUTS
)
async def test_any_chunked_framing_leaves_nothing_behind(
    standing: Standing, chunks: list[bytes], last: bytes, cuts: Sequence[int]
) -> None:
    sent = stored(STORE_TYPE, b"".join(chunks) + last, b"Transfer-Encoding: chunked")
    await standing.judge(replace(sent, whole=False, cuts=cuts))


@examples(60)
@given(
    expect=EXPECTATIONS,
    target=GOOD_TARGETS | st.sampled_from([b"/nowhere", b"/healthz", b"/"]),
    method=st.sampled_from([b"POST", b"GET", b"PUT"]),
    length=st.sampled_from([b"0", b"10", b"99999999999999"]),
)
async def test_any_expectation_is_answered(
    standing: Standing, expect: bytes, target: bytes, method: bytes, length: bytes
) -> None:
    sent = Sent(method, target, body=b"0123456789" if length == b"10" else b"")
    lines = (b"Content-Type: application/dicom", b"Content-Length: " + length)
    sent = with_headers(sent, *lines, b"Expect: " + expect)
    # A body of which nothing comes is waited for where it was asked for.
    await standing.judge(replace(sent, whole=length != b"99999999999999"))


@examples(40)
@given(garbage=GARBAGE, cuts=CUTS)
async def test_any_garbage_leaves_nothing_behind(
    standing: Standing, garbage: bytes, cuts: Sequence[int]
) -> None:
    await standing.judge(Sent(b"", b"", b"", (), garbage, whole=False, cuts=cuts))


async def test_right_and_wrong_requests_are_told_apart_here(standing: Standing) -> None:
    """The harness itself."""
    right = await standing.send(Sent())
    wrong = await standing.send(Sent(target=b"/dicom-web/studies/x%20y"))
    good = stored(STORE_TYPE, GOOD_BODY, b"Content-Length: %d" % len(GOOD_BODY))
    store = await standing.send(good)

    statuses = [answer.status for answer in (right, wrong, store) if answer is not None]
    assert statuses == [200, 400, 200]
    assert len([each for each in asked(standing.pacs) if each.method == "POST"]) == 1
    await standing.is_well()


async def on_one_connection(standing: Standing, wire: bytes) -> bytes:
    """All that comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", standing.gateway.port)
    writer.write(wire)
    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            return await reader.read()
    finally:
        writer.close()


GET = f"GET {ROOT}%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"


async def test_requests_that_come_at_once_are_answered_each_in_its_turn(
    standing: Standing,
) -> None:
    paths = [f"/studies/1.2.{number}/series" for number in range(5)]
    for number, path in enumerate(paths):
        row = study_row(f"1.2.{number}", x0020000E={"vr": "UI", "Value": [f"9.{number}"]})
        standing.pacs.on("GET", ROOT + path, Reply(json=[row]))
    lines = [""] * 4 + ["Connection: close\r\n"]
    wire = "".join(GET % (path, line) for path, line in zip(paths, lines, strict=True))

    answer = await on_one_connection(standing, wire.encode())

    assert answer.count(b"HTTP/1.1 200 OK") == 5
    found = [answer.index(f'"9.{number}"'.encode()) for number in range(5)]
    assert found == sorted(found)
    await standing.is_well()


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
    ],
)
async def test_no_request_hides_in_the_body_of_another(standing: Standing, framing: str) -> None:
    hidden = GET % ("/studies?limit=7", "")
    head = f"POST {ROOT}/studies HTTP/1.1\r\nHost: localhost\r\n{framing}"
    wire = f"{head}Content-Type: application/dicom\r\n\r\n0\r\n\r\n{hidden}"

    answer = await on_one_connection(standing, wire.encode("latin-1"))

    # What is no HTTP/1.1 is answered as to an older client.
    assert answer[8:].startswith(b" 400 ")
    assert answer.count(b"HTTP/1.") == 1
    assert "limit=7" not in [request.query for request in standing.pacs.requests]
    await standing.is_well()
