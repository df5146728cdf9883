"""Bodies on their way to a PACS that reads them, or does not."""

import asyncio
from dataclasses import replace

import pytest
from yarl import URL

from gateway.errors import StreamBroken
from gateway.net.failures import Trouble
from gateway.net.http_session import HttpSession
from gateway.net.request_body import Body, BytesBody
from tests.fakes.pacs import Pacs, Raw, Reply, Step, stay
from tests.fakes.sessions import (
    PATH,
    PATIENT,
    SHORT,
    Endless,
    Failing,
    Short,
    Sized,
    Slow,
    fetch,
    trouble_of,
)


async def test_a_body_of_known_length_is_sent_with_it(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Reply())
    async with HttpSession(PATIENT) as session:
        await fetch(session, pacs, "POST", BytesBody(b"12345"))

    assert pacs.requests[0].headers["Content-Length"] == "5"
    assert "Transfer-Encoding" not in pacs.requests[0].headers


async def test_a_body_of_unknown_length_is_sent_chunked(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Reply())
    async with HttpSession(PATIENT) as session:
        await fetch(session, pacs, "POST", Slow([b"123", b"45"], 0))

    assert pacs.requests[0].headers["Transfer-Encoding"] == "chunked"
    assert pacs.requests[0].body == b"12345"


async def test_a_failure_of_the_bodys_source_is_raised_as_it_is(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Reply())
    async with HttpSession(PATIENT) as session:
        with pytest.raises(StreamBroken, match="client left"):
            await fetch(session, pacs, "POST", Failing(StreamBroken(400, "client left", "x")))
        with pytest.raises(OSError, match="disk"):
            await fetch(session, pacs, "POST", Failing(OSError("disk")))

    await pacs.wait_for(lambda pacs: pacs.open_connections == 0)
    assert all(each.body is None for each in pacs.requests)


async def test_a_body_that_is_shorter_than_it_said_is_not_sent_as_whole(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Reply())
    async with HttpSession(PATIENT) as session:
        with pytest.raises(StreamBroken):
            await fetch(session, pacs, "POST", Short())

    await pacs.wait_for(lambda pacs: pacs.open_connections == 0)
    assert [each for each in pacs.requests if each.body is not None] == []


async def test_an_answer_before_the_body_is_out_is_taken(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Reply(413, body=b"too large", read_body=False))
    async with (
        HttpSession(PATIENT) as session,
        session.request("POST", URL(pacs.base + "/studies"), {}, Endless()) as response,
    ):
        assert response.status == 413

    await pacs.wait_for(lambda pacs: pacs.open_connections == 0)


@pytest.mark.parametrize(
    "body",
    [Endless(), BytesBody(bytes(20_000_000)), Sized(bytes(100), bytes(100))],
    ids=["being written", "handed over and unsent", "its source is waited for"],
)
async def test_an_answer_before_the_body_is_out_is_known_as_early(pacs: Pacs, body: Body) -> None:
    pacs.on("POST", PATH, Reply(json={}, read_body=False))
    async with (
        HttpSession(PATIENT) as session,
        session.request("POST", URL(pacs.base + "/studies"), {}, body) as response,
    ):
        assert response.early


@pytest.mark.parametrize(
    "body",
    [
        *(BytesBody(bytes(size)) for size in (0, 1, 65_536, 5_000_000)),
        Slow([b"1"] * 20, 0),
        Sized(bytes(5_000_000)),
    ],
    ids=["empty", "a byte", "a buffer", "many buffers", "chunks", "its source has not ended"],
)
async def test_an_answer_to_the_last_byte_is_not_early(pacs: Pacs, body: Body) -> None:
    pacs.on("POST", PATH, Reply(json={}))
    async with HttpSession(PATIENT) as session:
        for _ in range(10):
            url = URL(pacs.base + "/studies")
            async with session.request("POST", url, {}, body) as response:
                assert not response.early


async def test_a_peer_that_stops_reading_is_stalled(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Raw([stay()], read_body=False))

    assert await trouble_of(replace(PATIENT, idle=SHORT), pacs, Endless()) is Trouble.STALLED


async def test_a_slow_source_of_a_body_is_not_the_peers_fault(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Reply(body=b"stored"))
    body = Slow([b"a", b"b", b"c"], 2 * SHORT.total_seconds())
    async with HttpSession(replace(PATIENT, first_byte=SHORT, idle=SHORT)) as session:
        assert await fetch(session, pacs, "POST", body) == b"stored"

    assert pacs.requests[0].body == b"abc"


async def test_cancelling_an_upload_that_stands_still_closes_the_connection(pacs: Pacs) -> None:
    left = asyncio.Event()
    # It reads nothing, and so learns only by writing, twice, that the other side is gone.
    early = b"HTTP/1.1 102 Processing\r\n\r\n"
    again: list[Step] = [early, 0.02]
    steps: list[Step] = [left, *again * 10, stay()]
    pacs.on("POST", PATH, Raw(steps, read_body=False))
    async with HttpSession(PATIENT) as session, asyncio.TaskGroup() as group:
        sent = group.create_task(fetch(session, pacs, "POST", Endless()))
        await pacs.wait_for(lambda pacs: pacs.active == 1)
        sent.cancel()
        await asyncio.wait([sent])
        left.set()
        await pacs.wait_for(lambda pacs: pacs.open_connections == 0)
