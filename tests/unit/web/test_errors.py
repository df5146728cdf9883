"""Every error has the same form, says nothing of the inside, and is found in the log by its id."""

import asyncio
from datetime import timedelta
from io import BytesIO
from typing import IO, Any

import aiohttp
import pytest
from aiohttp import web

from gateway.errors import BackendNotFound, GatewayError, StreamBroken, overloaded
from tests.fakes.gateway_app import Handler, Running, Served, running

PATIENT = "DOE^JANE"


def failing(error: Exception) -> Handler:
    async def fail(request: web.Request) -> web.StreamResponse:
        raise error

    return fail


def breaking(error: Exception, headers: dict[str, str]) -> Handler:
    """Fails after the headers and a piece of the body have left."""

    async def fail(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(b"half of it")
        raise error

    return fail


async def answered(error: Exception) -> tuple[int, dict[str, Any], dict[str, str], Running]:
    """Status, problem, headers, and the application, for what a handler raises."""
    async with running(Served({"/x": failing(error)})) as gateway:
        status, problem, headers = await ask(gateway, "GET", "/dicom-web/x")
        return status, problem, headers, gateway


async def ask(
    gateway: Running, method: str, path: str, body: IO[bytes] | None = None
) -> tuple[int, dict[str, Any], dict[str, str]]:
    async with gateway.client.request(method, path, data=body) as response:
        assert response.headers["Content-Type"] == "application/problem+json"
        return response.status, await response.json(), dict(response.headers)


async def test_a_gateway_error_is_a_problem_with_its_message_and_id() -> None:
    status, problem, headers, _ = await answered(GatewayError(406, "None of these.", "x"))

    assert status == 406
    assert problem == {
        "type": "about:blank",
        "title": "Not Acceptable",
        "status": 406,
        "detail": "None of these.",
        "id": headers["X-Request-ID"],
    }
    assert headers["Cache-Control"] == "no-store"


async def test_the_id_in_the_problem_is_that_of_the_log() -> None:
    _, problem, _, gateway = await answered(GatewayError(406, "None of these.", "not_acceptable"))

    (line,) = await gateway.log.requests()
    assert line["id"] == problem["id"]
    assert line["status"] == 406
    assert line["failure"] == "not_acceptable"


async def test_retry_after_is_in_whole_seconds_and_never_zero() -> None:
    for wait, seconds in ((1500, "2"), (1, "1")):
        error = overloaded("Later.", timedelta(milliseconds=wait))
        status, _, headers, _ = await answered(error)

        assert status == 503
        assert headers["Retry-After"] == seconds


async def test_headers_of_an_error_are_sent() -> None:
    error = GatewayError(416, "Outside.", "range", headers={"Content-Range": "bytes */7"})
    _, _, headers, _ = await answered(error)

    assert headers["Content-Range"] == "bytes */7"


async def test_a_backends_404_stays_404() -> None:
    error = BackendNotFound(404, "The archive has no such resource.", "not_found", backend="pacs")
    status, problem, _, _ = await answered(error)

    assert (status, problem["detail"]) == (404, "The archive has no such resource.")


@pytest.mark.parametrize(("broken", "expected"), [(500, 502), (502, 502), (504, 504), (406, 406)])
async def test_a_stream_that_breaks_before_anything_left_says_how(
    broken: int, expected: int
) -> None:
    status, problem, _, _ = await answered(StreamBroken(broken, "It broke.", "stream_broken"))

    assert (status, problem["detail"]) == (expected, "It broke.")


async def test_an_unexpected_error_is_a_bare_500_whose_log_has_place_but_no_words() -> None:
    status, problem, _, gateway = await answered(ValueError(f"cannot read {PATIENT}"))

    assert status == 500
    assert PATIENT not in str(problem)
    (event,) = [each for each in gateway.log.events if each["message"].endswith("failed")]
    assert event["message"] == f"Request {problem['id']} failed"
    assert event["level"] == "error"
    assert event["failure"][0] == "ValueError"
    assert PATIENT.encode() not in b"".join(gateway.log.raw)


async def test_a_connection_error_of_somebody_else_is_no_client_that_left() -> None:
    status, _, _, _ = await answered(ConnectionResetError("somewhere inside"))

    assert status == 500


async def test_an_unknown_path_is_404_in_the_same_form() -> None:
    async with running(Served()) as gateway:
        status, problem, _ = await ask(gateway, "GET", "/nowhere?PatientName=DOE")
        (line,) = await gateway.log.requests()

    assert (status, problem["detail"]) == (404, "There is no such resource.")
    assert line["route"] == "unmatched"
    assert "nowhere" not in str(line)


async def test_a_method_that_is_not_there_is_405_and_says_which_are() -> None:
    async with running(Served({"/x": failing(ValueError())})) as gateway:
        status, problem, headers = await ask(gateway, "PUT", "/dicom-web/x")

    assert (status, problem["title"]) == (405, "Method Not Allowed")
    assert headers["Allow"] == "GET,HEAD"


async def test_an_error_on_head_has_no_body_and_leaves_the_connection_usable() -> None:
    head = b"HEAD /dicom-web/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with (
        running(Served({"/x": failing(GatewayError(404, "None.", "x"))})) as gateway,
        gateway.wire(head + head) as (reader, _),
    ):
        for _ in range(2):
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 404 ")


async def read_body(request: web.Request) -> web.StreamResponse:
    return web.Response(body=await request.read())


async def test_a_body_over_aiohttps_bound_is_413() -> None:
    async with running(Served({"POST /x": read_body})) as gateway:
        status, problem, _ = await ask(
            gateway, "POST", "/dicom-web/x", BytesIO(b"x" * (1024**2 + 1))
        )

    assert (status, problem["detail"]) == (413, "The body is too large.")


async def test_a_request_body_that_is_no_http_is_400() -> None:
    started = asyncio.Event()

    async def read(request: web.Request) -> web.StreamResponse:
        started.set()
        return await read_body(request)

    head = b"POST /dicom-web/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with (
        running(Served({"POST /x": read})) as gateway,
        gateway.wire(head) as (reader, writer),
    ):
        await asyncio.wait_for(started.wait(), 5)
        writer.write(b"not a length\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        answer = await reader.read()

    assert b"The request's body is malformed or broke off." in answer


BROKEN = StreamBroken(502, "Broken.", "stream_broken")
REQUEST = b"GET /dicom-web/x HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "100"}], ids=["chunked", "length"])
async def test_after_the_headers_an_error_aborts_the_connection(headers: dict[str, str]) -> None:
    async with running(Served({"/x": breaking(BROKEN, headers)})) as gateway:
        with pytest.raises(aiohttp.ClientError):
            await (await gateway.client.get("/dicom-web/x")).read()
        (line,) = await gateway.log.requests()

    assert (line["status"], line["level"]) == (200, "warning")
    assert line["failure"] == "stream_broken"


async def test_a_body_that_ends_with_the_connection_is_not_taken_for_whole() -> None:
    """To HTTP/1.0 an orderly end of the connection is the end of the body: it must be a reset."""
    async with (
        running(Served({"/x": breaking(BROKEN, {})})) as gateway,
        gateway.wire(REQUEST.replace(b"1.1", b"1.0")) as (reader, _),
    ):
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_a_client_that_leaves_is_499_and_no_error() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    async with running(Served({"/x": wait})) as gateway:
        async with gateway.wire(REQUEST):
            await asyncio.wait_for(started.wait(), 5)
        await asyncio.wait_for(cancelled.wait(), 5)
        (line,) = await gateway.log.requests()

    assert (line["status"], line["level"], line["failure"]) == (499, "info", "client_left")
    assert len(gateway.log.events) == 1


async def test_a_client_that_leaves_in_mid_body_is_499_too() -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async with running(Served({"/x": pour})) as gateway:
        async with gateway.wire(REQUEST) as (reader, _):
            await reader.readexactly(100_000)
        (line,) = await gateway.log.requests()

    assert (line["status"], line["failure"]) == (499, "client_left")
    assert line["bytes"] > 100_000


async def test_a_whole_body_that_nobody_reads_is_ended_by_the_deadline() -> None:
    """aiohttp sends what a handler returned after all middleware; here it is sent inside."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * 50_000_000)

    limits = {"limits": {"request_timeout": "300ms"}}
    async with (
        running(Served({"/x": answer}, limits)) as gateway,
        gateway.wire(REQUEST) as (reader, _),
    ):
        await reader.readline()
        (line,) = await gateway.log.requests()

    assert line["failure"] == "timeout"
