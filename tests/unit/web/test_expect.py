"""Stores that are refused early, or end early, on the wire."""

import asyncio
from io import BytesIO

import pytest

from tests.fakes.gateway import gateway_before
from tests.fakes.pacs import Pacs, Reply, stay
from tests.fakes.store_gateway import (
    ONE,
    RELATED,
    STORE,
    TWO,
    post,
    report,
    running,
    stores,
    wire,
)
from tests.fakes.store_requests import (
    multipart,
)


def head(method: str, path: str, **headers: str) -> bytes:
    """The head of a request that waits to be asked for its body."""
    named = {
        "Host": "localhost",
        "Content-Type": RELATED,
        "Content-Length": "5000",
        "Expect": "100-continue",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} /dicom-web{path} HTTP/1.1", *(f"{n}: {v}" for n, v in named.items() if v)]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (head("POST", "/studies", Content_Length="20000"), 413),
        (
            head("POST", "/studies", Content_Type="application/dicom", Content_Length="8000"),
            413,
        ),
        (head("POST", "/studies", Content_Type="text/plain"), 415),
        (head("POST", "/studies", Content_Encoding="gzip"), 415),
        (head("POST", "/studies", Accept="text/csv"), 406),
        (head("POST", "/studies", Content_Type="multipart/related"), 400),
        (head("POST", "/studies/not;a;uid"), 400),
        (head("POST", "/backends/unknown/studies"), 404),
        (head("POST", "/no/such/thing"), 404),
        (head("POST", "/series"), 405),
        (head("PUT", "/studies"), 405),
        (head("POST", "/studies", Host="evil.example.org"), 421),
        (head("POST", "/studies", Expect="200-ok"), 417),
    ],
)
async def test_a_refusal_comes_before_100_continue_and_ends_the_connection(
    request_head: bytes, status: int
) -> None:
    async with (
        running(store_request="10KiB", store_instance="6KiB") as (gateway, _),
        wire(gateway, request_head) as (reader, _),
    ):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "\r\nConnection: close\r\n" in answer


async def test_what_follows_a_refusal_is_taken_for_nothing() -> None:
    """Neither as another request nor for ever: the rest is read, and the connection closed."""
    refused = head("POST", "/studies", Content_Type="text/plain", Content_Length="5000")
    async with running() as (gateway, _), wire(gateway, refused) as (reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes(5000) + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP/1.1" not in await reader.read()


async def test_a_store_to_a_backend_that_takes_none_is_405_before_100_continue() -> None:
    async with (
        Pacs() as pacs,
        gateway_before(pacs.base, services=["search"]) as gateway,
        wire(gateway, head("POST", "/studies")) as (reader, _),
    ):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert answer.startswith("HTTP/1.1 405 ")
    assert "\r\nAllow: GET, HEAD\r\n" in answer


async def test_a_store_that_is_taken_is_asked_for_its_body() -> None:
    body = multipart([ONE])
    async with running(Reply(json=report([1]))) as (gateway, _):
        asked = head("POST", "/studies", Content_Length=str(len(body)))
        async with wire(gateway, asked) as (reader, writer):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_client_that_sends_on_after_a_refusal_still_reads_it() -> None:
    async with running(store_request="1MiB") as (gateway, _):
        status, headers, _ = await post(gateway, BytesIO(bytes(8_000_000)))
    assert status == 413
    assert headers["Connection"] == "close"


async def test_a_body_with_broken_framing_is_not_waited_for() -> None:
    chunked = head("POST", "/studies", Content_Length="", Transfer_Encoding="chunked")
    async with running() as (gateway, pacs), wire(gateway, chunked) as (reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"%x\r\n" % len(ONE) + ONE + b"\r\nno length\r\n")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"framing" in answer
        assert stores(pacs) == []


async def test_an_instance_that_was_whole_is_stored_although_the_client_left() -> None:
    sent = multipart([ONE, TWO])[:-100]
    asked = head("POST", "/studies", Expect="", Content_Length="100000")
    async with running(Reply(json=report([1]))) as (gateway, pacs):
        async with wire(gateway, asked + sent) as (_, writer):
            await writer.drain()
        await pacs.wait_for(lambda pacs: len(stores(pacs)) == 1 and not pacs.active)
    body = stores(pacs)[0].body or b""
    assert ONE in body
    assert body.count(b"DICM") == 1


async def test_a_client_that_leaves_while_the_archive_thinks_costs_nothing() -> None:
    async with running(Reply(steps=[stay()])) as (gateway, pacs):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await post(gateway, multipart([ONE]))
        await pacs.wait_for(lambda pacs: pacs.active == 1)
        pacs.on("POST", STORE, Reply(json=report([2])))
        status, _, _ = await post(gateway, multipart([TWO]))
    assert status == 200
