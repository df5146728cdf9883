"""A request in which nothing moves ends; one in which something moves lives, however long."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientError, web

from gateway.web.deadline import Deadline, Deadlines
from gateway.web.scope import scope_of
from tests.fakes.gateway_app import Served, running

SHORT = {"limits": {"request_timeout": "400ms"}}


class TestOne:
    """Looked after at times that the test chooses; the timeout is ten seconds."""

    def request(self) -> Any:
        return SimpleNamespace(
            writer=SimpleNamespace(output_size=0, transport=None),
            content=SimpleNamespace(total_bytes=0),
        )

    async def started(self, request: Any) -> tuple[Deadline, asyncio.Task[None]]:
        """A deadline at time 0, and the task that it watches, which waits for ever."""
        deadline = Deadline(cast(web.Request, request))
        ready = asyncio.Event()

        async def work() -> None:
            deadline.start(0.0)
            ready.set()
            await asyncio.Event().wait()

        task = asyncio.get_running_loop().create_task(work())
        await ready.wait()
        return deadline, task

    async def end(self, task: asyncio.Task[None]) -> bool:
        """Whether the task had been cancelled already; it is afterwards."""
        was = task.cancelling() > 0
        task.cancel()
        await asyncio.wait([task])
        return was

    async def test_it_expires_after_the_timeout_without_progress(self) -> None:
        deadline, task = await self.started(self.request())
        deadline.look(9.9, 10.0)
        assert not deadline.expired
        deadline.look(10.0, 10.0)

        assert deadline.expired
        assert await self.end(task)

    @pytest.mark.parametrize("part", ["output_size", "total_bytes", "extend"])
    async def test_progress_of_any_kind_restarts_it(self, part: str) -> None:
        request = self.request()
        deadline, task = await self.started(request)
        for now in (9.0, 18.0, 27.0):
            if part == "output_size":
                request.writer.output_size += 1
            elif part == "total_bytes":
                request.content.total_bytes += 1
            else:
                deadline.extend()
            deadline.look(now, 10.0)
        deadline.look(36.9, 10.0)
        assert not deadline.expired
        deadline.look(37.0, 10.0)

        assert deadline.expired
        assert await self.end(task)

    async def test_a_request_is_cancelled_once_only(self) -> None:
        deadline, task = await self.started(self.request())
        deadline.look(10.0, 10.0)
        deadline.look(20.0, 10.0)

        assert task.cancelling() == 1
        await self.end(task)

    async def test_what_is_finished_is_not_looked_after_any_more(self) -> None:
        deadlines = Deadlines(timedelta(seconds=10))
        deadline = Deadline(cast(web.Request, self.request()))
        deadlines.start(deadline)
        assert len(deadlines) == 1
        deadlines.finish(deadline)
        deadlines.look(1e12)

        assert len(deadlines) == 0
        assert not deadline.expired


async def test_a_handler_that_stands_still_is_504() -> None:
    async def wait(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with running(Served({"/x": wait}, SHORT)) as gateway:
        async with gateway.client.get("/dicom-web/x") as response:
            problem = await response.json()
        (line,) = await gateway.log.requests()

    assert (response.status, problem["detail"]) == (504, "The request made no progress.")
    assert line["failure"] == "timeout"


async def test_after_the_headers_a_stall_aborts_the_connection() -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        await asyncio.Event().wait()
        raise AssertionError

    async with running(Served({"/x": stall}, SHORT)) as gateway:
        with pytest.raises(ClientError):
            await (await gateway.client.get("/dicom-web/x")).read()
        (line,) = await gateway.log.requests()

    assert (line["status"], line["failure"]) == (200, "timeout")


async def test_a_download_longer_than_the_timeout_lives_while_bytes_flow() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(12):
            await response.write(b"x")
            await asyncio.sleep(0.1)
        return response

    async with (
        running(Served({"/x": drip}, SHORT)) as gateway,
        gateway.client.get("/dicom-web/x") as response,
    ):
        assert await response.read() == b"x" * 12


async def test_an_upload_longer_than_the_timeout_lives_while_bytes_flow() -> None:
    async def read(request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async def drip() -> Any:
        for _ in range(12):
            yield b"x"
            await asyncio.sleep(0.1)

    async with (
        running(Served({"POST /x": read}, SHORT)) as gateway,
        gateway.client.post("/dicom-web/x", data=drip()) as response,
    ):
        assert await response.read() == b"x" * 12


async def test_work_that_the_client_does_not_see_lives_by_extending() -> None:
    async def work(request: web.Request) -> web.StreamResponse:
        for _ in range(12):
            scope_of(request).deadline.extend()
            await asyncio.sleep(0.1)
        return web.Response(text="done")

    async with (
        running(Served({"/x": work}, SHORT)) as gateway,
        gateway.client.get("/dicom-web/x") as response,
    ):
        assert await response.text() == "done"


async def test_a_client_that_leaves_is_told_from_a_deadline() -> None:
    """Both cancel the handler; only one of them is an error."""
    begun = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with running(Served({"/x": wait})) as gateway:
        async with gateway.wire(b"GET /dicom-web/x HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            await begun.wait()
        (line,) = await gateway.log.requests()

    assert line["status"] == 499
