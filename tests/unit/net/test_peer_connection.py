"""Connections to a peer that says more, or less, than it was asked; each over a real socket.

What is tested rests on what the HTTP library calls inside of itself: an upgrade may change that.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from yarl import URL

from gateway.errors import StreamBroken
from gateway.net.failures import Trouble
from gateway.net.http_session import HttpSession
from gateway.net.request_body import BytesBody
from gateway.net.tls import client_context
from tests.fakes.calls import read
from tests.fakes.certificates import make_certificates
from tests.fakes.pacs import Cut, Pacs, Raw, Reply, Step, stay
from tests.fakes.sessions import (
    PATH,
    PATIENT,
    SHORT,
    Endless,
    Slow,
    fetch,
    trouble_of,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\n"
ASKED = HEAD + b"Content-Length: 5\r\n\r\nasked"
OF_ANOTHER = HEAD + b"Content-Length: 10\r\n\r\nof another"
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"


# -- an answer that nobody asked for


@pytest.mark.parametrize(
    "steps",
    [
        [ASKED, 0.05, OF_ANOTHER],
        [ASKED, 0.05, OF_ANOTHER[:30]],
        [ASKED, 0.05, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"],
        [ASKED, 0.05, HINT],
        [ASKED + OF_ANOTHER],
        [ASKED[:-2], 0.05, ASKED[-2:] + OF_ANOTHER],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nasked\r\n0\r\n\r\n", 0.05, OF_ANOTHER],
        [b"HTTP/1.1 204 No Content\r\n\r\n", 0.05, OF_ANOTHER],
    ],
    ids=["later", "half", "408", "1xx", "at once", "with the end", "chunked", "no body"],
)
async def test_what_arrives_on_an_idle_connection_answers_nothing(
    pacs: Pacs, steps: list[Step]
) -> None:
    pacs.on("GET", PATH, Raw([*steps, stay()]), Reply(body=b"next"))
    async with HttpSession(PATIENT) as session:
        assert await fetch(session, pacs) in (b"asked", b"")
        await asyncio.sleep(0.15)
        assert await fetch(session, pacs) == b"next"

    assert [each.connection for each in pacs.requests] == [1, 2]


async def test_what_has_arrived_unread_before_a_request_does_not_answer_it() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ASKED)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = URL.build(scheme="http", host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    async with HttpSession(PATIENT) as session:
        for _ in range(2):
            async with session.request("GET", url, {}) as response:
                assert await anext(response.chunks()) == b"asked"
            # Written at once; the loop does not come to read it before the next request is out.
            writers[0].write(OF_ANOTHER)
    server.close()

    assert len(writers) == 2


# -- a body that has no end but its connection's


@pytest.mark.parametrize("secure", [False, True])
async def test_a_body_without_a_length_is_whole_only_if_it_was_not_reset(
    secure: bool, tmp_path: Path
) -> None:
    certificates = make_certificates(tmp_path)
    body = HEAD + b"\r\n" + b"x" * 1000
    async with Pacs(certificates.server_context() if secure else None) as pacs:
        pacs.on("GET", PATH, Raw([body, 0.05, Cut.CLOSE]), Raw([body, 0.05, Cut.RESET]))
        async with HttpSession(PATIENT, client_context(certificates.ca)) as session:
            assert await fetch(session, pacs) == b"x" * 1000
            with pytest.raises(StreamBroken):
                await fetch(session, pacs)


async def test_under_tls_a_body_without_a_length_is_whole_only_if_its_end_is_signed(
    tmp_path: Path,
) -> None:
    certificates = make_certificates(tmp_path)
    unsigned: list[Step] = [0.05, Cut.UNSIGNED]
    async with Pacs(certificates.server_context()) as pacs:
        pacs.on(
            "GET",
            PATH,
            Raw([HEAD + b"\r\n" + b"x" * 1000, *unsigned]),
            Raw([HEAD + b"Content-Length: 5\r\n\r\nwhole", *unsigned]),
            Raw([HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n", *unsigned]),
        )
        async with HttpSession(PATIENT, client_context(certificates.ca)) as session:
            with pytest.raises(StreamBroken):
                await fetch(session, pacs)
            # Elsewhere the end of the body is known without the connection's.
            assert [await fetch(session, pacs) for _ in range(2)] == [b"whole"] * 2


# -- the first byte of an answer is that of its final head


def trickled(text: bytes) -> list[Step]:
    return [step for n in range(len(text)) for step in (text[n : n + 1], SHORT.total_seconds() / 3)]


SILENT: dict[str, list[Step]] = {
    "a hint": [HINT, 30.0],
    "a continue": [b"HTTP/1.1 100 Continue\r\n\r\n", 30.0],
    "hints": [HINT, SHORT.total_seconds() / 3] * 30,
    "half a head": [HEAD, 30.0],
    "drop by drop": trickled(HEAD),
    "hint by hint": [0.0, HINT] * 20_000,
}


@pytest.mark.parametrize("how", SILENT)
@pytest.mark.parametrize("body", [None, BytesBody(b"instance")])
async def test_what_is_no_answer_does_not_count_as_one(
    pacs: Pacs, how: str, body: BytesBody | None
) -> None:
    pacs.on("POST" if body else "GET", PATH, Raw(SILENT[how]))
    async with asyncio.timeout(2):
        trouble = await trouble_of(replace(PATIENT, first_byte=SHORT), pacs, body)

    assert trouble is Trouble.SLOW
    await pacs.wait_for(lambda pacs: pacs.open_connections == 0)


async def test_a_hint_during_an_upload_does_not_start_the_wait_for_the_answer(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Raw([HINT, 0.55, ASKED], read_body=False))
    body = Slow([b"a", b"b", b"c"], SHORT.total_seconds())
    async with HttpSession(replace(PATIENT, first_byte=3 * SHORT)) as session:
        assert await fetch(session, pacs, "POST", body) == b"asked"


async def test_a_connection_is_kept_for_longer_than_its_first_byte_may_take(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(body=b"[]"))
    async with HttpSession(replace(PATIENT, first_byte=SHORT)) as session:
        for _ in range(2):
            assert await fetch(session, pacs) == b"[]"
            await asyncio.sleep(2 * SHORT.total_seconds())

    assert [each.connection for each in pacs.requests] == [1, 1]


# -- an answer to a body that is not wanted


REFUSAL = b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig"


@dataclass
class RefusedInTheMiddle:
    """A body that goes on after its peer has refused it and gone, before the loop can see that."""

    listener: socket.socket
    more: int
    refusal: bytes = REFUSAL
    length: int = 1000

    async def open(self) -> AsyncIterator[bytes]:
        yield b"x" * (self.length - self.more)
        peer, _ = await asyncio.get_running_loop().sock_accept(self.listener)
        peer.sendall(self.refusal)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        for _ in range(self.more):
            yield b"y"


@pytest.mark.parametrize("more", [1, 10])
async def test_a_refusal_is_heard_although_the_rest_of_the_body_cannot_be_sent(more: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = URL.build(scheme="http", host="127.0.0.1", port=listener.getsockname()[1])
        async with (
            HttpSession(PATIENT) as session,
            session.request("POST", url, {}, RefusedInTheMiddle(listener, more)) as response,
        ):
            assert response.status == 413
            assert b"".join([chunk async for chunk in response.chunks()]) == b"big"


@pytest.mark.parametrize("more", [1, 10])
async def test_half_a_refusal_before_a_reset_is_broken_and_not_waited_for(more: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = URL.build(scheme="http", host="127.0.0.1", port=listener.getsockname()[1])
        body = RefusedInTheMiddle(listener, more, REFUSAL[:-1])
        async with (
            asyncio.timeout(5),
            HttpSession(PATIENT) as session,
            session.request("POST", url, {}, body) as response,
        ):
            assert response.status == 413
            with pytest.raises(StreamBroken):
                await read(response.chunks())


@dataclass
class AnsweredUnread:
    """A body that the system has taken, with a peer that reads none of it and answers."""

    listener: socket.socket
    length: int = 400_000

    async def open(self) -> AsyncIterator[bytes]:
        yield bytes(self.length)
        self.peer, _ = await asyncio.get_running_loop().sock_accept(self.listener)
        self.peer.sendall(ASKED)


async def test_an_answer_to_a_body_that_the_peer_cannot_have_is_early() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.setblocking(False)
        url = URL.build(scheme="http", host="127.0.0.1", port=listener.getsockname()[1])
        body = AnsweredUnread(listener)
        async with (
            HttpSession(PATIENT) as session,
            session.request("POST", url, {}, body) as response,
        ):
            assert response.early
        body.peer.close()


@dataclass
class Unread:
    """A body that goes out as far as the system takes it, to a peer that reads nothing."""

    length: int = 64 * 1024 * 1024
    handed_over: int = 0

    async def open(self) -> AsyncIterator[bytes]:
        piece = bytes(16 * 1024)
        while self.handed_over < self.length:
            self.handed_over += len(piece)
            yield piece

    async def stands_still(self) -> None:
        before = -1
        while before < self.handed_over:
            before = self.handed_over
            await asyncio.sleep(0.05)


async def refused(session: HttpSession, listener: socket.socket, body: Unread) -> int:
    """Refuse a body, in an answer without one, and then read: how many bytes come."""
    loop, size = asyncio.get_running_loop(), 0
    url = URL.build(scheme="http", host="127.0.0.1", port=listener.getsockname()[1])
    async with asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(session.open("POST", url, {}, body))
        await body.stands_still()
        peer, _ = await loop.sock_accept(listener)
        peer.sendall(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n")
    opening.result().close()
    with peer:
        while chunk := await loop.sock_recv(peer, 1024 * 1024):
            size += len(chunk)
    return size


async def test_what_is_unsent_of_a_refused_body_is_not_sent_and_keeps_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.setblocking(False)
        async with HttpSession(PATIENT) as session:
            longest = Unread()
            await refused(session, listener, longest)
            # All of these is handed over, and more than the system takes of it.
            lengths = [longest.handed_over - n * 16 * 1024 for n in (1, 2, 3)]
            received = [await refused(session, listener, Unread(length)) for length in lengths]

    assert all(size < length for size, length in zip(received, lengths, strict=True))


async def test_a_reset_without_a_refusal_is_disconnected(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Raw([0.05, Cut.RESET], read_body=False))

    assert await trouble_of(PATIENT, pacs, Endless()) is Trouble.DISCONNECTED
