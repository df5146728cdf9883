"""The steps of a process's end, as connections see them."""

import asyncio

import pytest
from aiohttp import web

from gateway.config.server import ServerConfig
from gateway.serving.server import drain
from gateway.serving.stop import StopSignals
from gateway.web.state import DEADLINES, LIFE
from tests.fakes.gateway_app import Handler, Running, Served, running

REQUEST = b"GET /dicom-web/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPLOAD = b"POST /dicom-web/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"


def server(**settings: str) -> ServerConfig:
    patient = {"drain_delay": "30s", "shutdown_grace": "30s"}
    return ServerConfig.model_validate({**patient, **settings})


class Gate:
    """A handler that begins an answer and ends it when the gate is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = asyncio.Event(), asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        self.entered.set()
        await self.opened.wait()
        await response.write(b" last")
        return response


async def echo(request: web.Request) -> web.StreamResponse:
    return web.Response(body=await request.read())


def routes(gate: Gate) -> dict[str, Handler]:
    return {"/x": gate.answer, "POST /x": echo}


async def refuses(gateway: Running) -> None:
    """Until a new connection is refused."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:  # it closed before this connection was accepted
                continue
            writer.close()
            await asyncio.sleep(0.01)


async def test_sigterm_means_unready_but_served_until_the_delay_is_over() -> None:
    stop = StopSignals()
    stop.terminate()
    async with running(Served(routes(Gate()))) as gateway, asyncio.TaskGroup() as tasks:
        ending = tasks.create_task(drain(gateway.runner, server(), stop))
        await asyncio.sleep(0)
        async with gateway.client.get("/readyz") as response:
            assert response.status == 503
        async with gateway.client.post("/dicom-web/x", data=b"still") as response:
            assert await response.read() == b"still"
        assert not ending.done()
        stop.terminate()


async def test_after_the_delay_the_listener_closes_and_what_has_begun_may_end() -> None:
    stop, gate = StopSignals(), Gate()
    stop.terminate()
    async with running(Served(routes(gate))) as gateway, gateway.wire(REQUEST) as (reader, _):
        await gate.entered.wait()
        async with asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(drain(gateway.runner, server(drain_delay="100ms"), stop))
            await refuses(gateway)
            assert not ending.done()
            gate.opened.set()
            body = await reader.read()

    assert body.endswith(b"0\r\n\r\n")
    assert b" last" in body


async def test_an_upload_that_has_begun_may_end() -> None:
    """aiohttp's own gentle close throws away what still comes of a body."""
    stop = StopSignals()
    stop.interrupt()
    async with (
        running(Served(routes(Gate()))) as gateway,
        gateway.wire(UPLOAD + b"12345") as (reader, writer),
    ):
        await until_in_flight(gateway)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(drain(gateway.runner, server(), stop))
            await refuses(gateway)
            writer.write(b"67890")
            answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"1234567890")


async def until_in_flight(gateway: Running) -> None:
    """Until a request is being answered."""
    async with asyncio.timeout(10):
        while not len(gateway.app[DEADLINES]):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_an_interrupt_skips_the_delay() -> None:
    stop = StopSignals()
    stop.interrupt()
    async with running(Served(routes(Gate()))) as gateway:
        async with asyncio.timeout(10):
            await drain(gateway.runner, server(), stop)
        await refuses(gateway)


async def test_idle_connections_are_closed_and_delay_nothing() -> None:
    stop = StopSignals()
    stop.interrupt()
    async with (
        running(Served(routes(Gate()))) as gateway,
        gateway.wire(UPLOAD + b"0123456789") as (
            reader,
            _,
        ),
    ):
        await reader.readuntil(b"0123456789")
        async with asyncio.timeout(10):
            await drain(gateway.runner, server(), stop)
            assert await reader.read() == b""


@pytest.mark.parametrize("how", ["grace", "second signal"])
async def test_in_the_end_patience_is_over_and_what_is_left_is_aborted(how: str) -> None:
    stop, gate = StopSignals(), Gate()
    stop.interrupt()
    grace = "100ms" if how == "grace" else "30s"
    async with running(Served(routes(gate))) as gateway, gateway.wire(REQUEST) as (reader, _):
        await gate.entered.wait()
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(drain(gateway.runner, server(shutdown_grace=grace), stop))
            if how != "grace":
                stop.interrupt()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        (line,) = await gateway.log.requests()

    assert line["failure"] == "shutdown"


async def test_an_answer_that_begins_while_draining_is_the_last_of_its_connection() -> None:
    """The balancer opens its next connection elsewhere, and meets no connection just closing."""
    async with running(Served(routes(Gate()))) as gateway:
        gateway.app[LIFE].draining = True
        async with gateway.client.post("/dicom-web/x", data=b"x") as response:
            assert response.headers["Connection"] == "close"


async def test_a_second_signal_ends_the_delay_too() -> None:
    stop = StopSignals()
    stop.terminate()
    async with (
        running(Served(routes(Gate()))) as gateway,
        asyncio.timeout(10),
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(drain(gateway.runner, server(), stop))
        stop.terminate()
