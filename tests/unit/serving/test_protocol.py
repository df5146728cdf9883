"""What aiohttp answers by itself has the gateway's form and repeats nothing of what it got."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway.serving.protocol import GatewayServer
from gateway.telemetry.lines import NoLines
from gateway.telemetry.logging import EventLog
from tests.fakes.gateway_app import Served, running

SECRET = b"DOE-JANE"


async def answer_to(request: bytes, **limits: str) -> tuple[bytes, dict[str, object], list[object]]:
    """Status line, problem and log events."""
    served = Served(server={"limits": limits} if limits else {})
    async with running(served) as gateway, gateway.wire(request) as (reader, _):
        async with asyncio.timeout(10):
            answer = await reader.read()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"Content-Type: application/problem+json" in head
        assert b"Server: dicomweb-gateway\r\n" in head
        problem = json.loads(body)
        assert f"X-Request-ID: {problem['id']}".encode() in head
        assert SECRET not in answer
        assert SECRET not in b"".join(gateway.log.raw)
        return head.partition(b"\r\n")[0], problem, list(gateway.log.events)
    raise AssertionError


@pytest.mark.parametrize(
    "request_",
    [
        b"DOE-JANE\r\n\r\n",
        b"GET /DOE-JANE HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nDOE-JANE : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: DOE-JANE\x00\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: DOE-JANE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello DOE-JANE\r\n\r\n",
    ],
    ids=["no http", "version", "field name", "nul", "length", "tls"],
)
async def test_what_is_no_http_is_400(request_: bytes) -> None:
    status, problem, events = await answer_to(request_)

    assert b" 400 " in status
    assert problem["detail"] == "The request is not well-formed HTTP."
    (event,) = events
    assert isinstance(event, dict)
    assert (event["message"], event["failure"]) == ("unreadable request", "malformed")
    assert event["id"] == problem["id"]


async def test_a_line_over_the_limit_is_431() -> None:
    for request in (
        b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 5000 + b"\r\n\r\n",
    ):
        status, problem, _ = await answer_to(request, request_header="4KiB")

        assert b" 431 " in status
        assert problem["title"] == "Request Header Fields Too Large"


async def test_the_server_goes_on_after_nonsense() -> None:
    async def say_ok(request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    async with running(Served({"/x": say_ok})) as gateway:
        async with gateway.wire(b"nonsense\r\n\r\n") as (reader, _):
            await reader.read()
        async with gateway.client.get("/dicom-web/x") as response:
            assert await response.text() == "ok"


async def test_a_body_that_turns_out_malformed_fails_its_request_at_once() -> None:
    """aiohttp leaves the handler waiting for the rest of the body."""
    begun = asyncio.Event()

    async def read(request: web.Request) -> web.StreamResponse:
        begun.set()
        return web.Response(body=await request.read())

    head = (
        b"POST /dicom-web/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n"
    )
    async with (
        running(Served({"POST /x": read})) as gateway,
        gateway.wire(head) as (reader, writer),
    ):
        await begun.wait()
        writer.write(b"no length\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        (line,) = await gateway.log.requests()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert line["status"] == 400


async def test_nonsense_behind_a_whole_request_does_not_harm_its_answer() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        begun.set()
        await go_on.wait()
        return web.Response(text=f"read {len(await request.read())}")

    async with (
        running(Served({"/x": wait})) as gateway,
        gateway.wire(b"GET /dicom-web/x HTTP/1.1\r\nHost: localhost\r\n\r\n") as (reader, writer),
    ):
        await begun.wait()
        writer.write(b"nonsense\r\n\r\n")
        go_on.set()
        async with asyncio.timeout(10):
            answers = await reader.read()

    first, second = answers.split(b"read 0")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert b" 400 " in second.partition(b"\r\n")[0]


async def test_pipelined_requests_are_answered_in_turn() -> None:
    async def say(request: web.Request) -> web.StreamResponse:
        return web.Response(text=request.query["n"])

    pipeline = b"".join(
        b"GET /dicom-web/x?n=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n for n in range(50)
    )
    async with running(Served({"/x": say})) as gateway, gateway.wire(pipeline) as (reader, _):
        async with asyncio.timeout(10):
            for n in range(50):
                await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(len(str(n))) == str(n).encode()


HEAD_SECONDS = 0.2
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def listening(most: int = 100) -> AsyncIterator[Callable[[], Awaitable[Connection]]]:
    """Opens connections on which a head may take HEAD_SECONDS, and its answer takes twice as
    long; `most` of them at once."""

    async def say_ok(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(2 * HEAD_SECONDS)
        return web.Response(text="ok")

    async def connect() -> Connection:
        opened.append(await asyncio.open_connection(*listener.sockets[0].getsockname()))
        return opened[-1]

    opened: list[Connection] = []
    log = EventLog(NoLines(), "json", "error")
    server = GatewayServer(web.Server(say_ok), log, {}, most, HEAD_SECONDS)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    async with listener, asyncio.timeout(10):
        try:
            yield connect
        finally:
            for _, writer in opened:
                writer.close()
            await server.shutdown()


@asynccontextmanager
async def connected() -> AsyncIterator[Connection]:
    async with listening() as connect:
        yield await connect()


async def say_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte of a head now and then, until the other side hangs up."""
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    while not reader.at_eof():
        writer.write(b"y")
        try:
            async with asyncio.timeout(HEAD_SECONDS / 4):
                assert await reader.read() == b""
        except TimeoutError:
            continue
        except ConnectionResetError:
            return


async def test_a_head_that_comes_byte_by_byte_ends_its_connection_in_time() -> None:
    async with connected() as (reader, writer):
        await say_slowly(reader, writer)


async def test_a_connection_on_which_nothing_comes_is_closed_in_time() -> None:
    async with connected() as (reader, _):
        assert await reader.read() == b""


async def test_neither_an_answer_nor_the_pause_after_it_counts_for_the_head() -> None:
    async with connected() as (reader, writer):
        for _ in range(2):
            writer.write(HEAD)
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"ok"
            await asyncio.sleep(2 * HEAD_SECONDS)


async def test_the_head_of_a_later_request_must_come_in_time_too() -> None:
    async with connected() as (reader, writer):
        writer.write(HEAD)
        await reader.readuntil(b"ok")
        await say_slowly(reader, writer)


async def test_a_head_in_two_pieces_is_a_whole_one() -> None:
    async with connected() as (reader, writer):
        for _ in range(2):
            writer.write(HEAD[:9])
            await writer.drain()
            await asyncio.sleep(HEAD_SECONDS / 8)
            writer.write(HEAD[9:])
            await reader.readuntil(b"ok")


async def test_idle_connections_make_room_for_a_new_one() -> None:
    async with listening(most=2) as connect:
        idle = [await connect() for _ in range(2)]
        reader, writer = await connect()
        writer.write(HEAD)
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        assert [await each.read() for each, _ in idle] == [b"", b""]


async def test_a_connection_too_many_is_closed_and_hurts_none_at_work() -> None:
    async with listening(most=2) as connect:
        busy = [await connect() for _ in range(2)]
        for _, writer in busy:
            writer.write(HEAD)
        await asyncio.sleep(HEAD_SECONDS / 4)
        reader, _ = await connect()
        assert await reader.read() == b""
        for reader, _ in busy:
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
