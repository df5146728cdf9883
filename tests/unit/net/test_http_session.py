"""The outbound session against a PACS that misbehaves: each timeout, each way to break off."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from yarl import URL

from gateway.errors import StreamBroken
from gateway.net.failures import NoAnswer, Trouble
from gateway.net.http_session import HttpSession
from gateway.net.request_body import BytesBody
from tests.fakes.pacs import Cut, Pacs, Raw, Recorded, Reply, Step, stay
from tests.fakes.sessions import PATH, PATIENT, SHORT, failure_of, fetch, trouble_of

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"


# -- what is sent, and what is not done in silence


async def test_a_body_arrives_whole_and_the_connection_is_used_again(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(body=b"x" * 3_000_000))
    async with HttpSession(PATIENT) as session:
        for _ in range(3):
            assert await fetch(session, pacs) == b"x" * 3_000_000

        assert [each.connection for each in pacs.requests] == [1, 1, 1]


async def test_redirects_are_not_followed(pacs: Pacs) -> None:
    async with Pacs() as elsewhere:
        pacs.on("GET", PATH, Reply(302, {"Location": f"{elsewhere.base}/studies"}))
        async with HttpSession(PATIENT) as session:
            headers = {"Authorization": "Bearer secret"}
            async with session.request("GET", URL(pacs.base + "/studies"), headers) as response:
                assert response.status == 302

        assert elsewhere.requests == []


async def test_cookies_are_not_kept(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(headers={"Set-Cookie": "session=1; Path=/"}))
    async with HttpSession(PATIENT) as session:
        await fetch(session, pacs)
        await fetch(session, pacs)

    assert "Cookie" not in pacs.requests[1].headers


async def test_the_proxies_of_the_environment_are_not_used(
    pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    pacs.on("GET", PATH, Reply(body=b"[]"))
    async with HttpSession(PATIENT) as session:
        assert await fetch(session, pacs) == b"[]"


async def test_an_encoded_body_is_left_alone(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(headers={"Content-Encoding": "gzip"}, body=b"not gzip at all"))
    async with HttpSession(PATIENT) as session:
        assert await fetch(session, pacs) == b"not gzip at all"


async def test_header_names_are_in_lower_case_and_repeated_ones_joined(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([HEAD + b"WARNING: 299 a\r\nWarning: 299 b\r\n\r\n[]", Cut.CLOSE]))
    async with (
        HttpSession(PATIENT) as session,
        session.request("GET", URL(pacs.base + "/studies"), {}) as response,
    ):
        assert response.headers["warning"] == "299 a, 299 b"


# -- timeouts, each by itself


async def test_a_peer_that_does_not_accept_is_a_connect_timeout() -> None:
    # A listener whose queue is full does not complete another connection.
    timeouts = replace(PATIENT, connect=SHORT)
    async with full_listener() as port, HttpSession(timeouts) as session:
        with pytest.raises(NoAnswer) as caught:
            async with session.request("GET", URL(f"http://127.0.0.1:{port}/"), {}):
                pass

    assert caught.value.trouble is Trouble.CONNECT_TIMEOUT


async def test_a_peer_that_does_not_answer_is_slow(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([stay()]))

    assert await trouble_of(replace(PATIENT, first_byte=SHORT), pacs) is Trouble.SLOW
    await pacs.wait_for(lambda pacs: pacs.open_connections == 0)


async def test_a_body_may_take_longer_than_the_first_byte(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(steps=[b"a", 0.25, b"b", 0.25, b"c"]))
    async with HttpSession(replace(PATIENT, first_byte=SHORT)) as session:
        assert await fetch(session, pacs) == b"abc"


async def test_a_body_that_stands_still_is_broken(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(steps=[b"a", stay()]))

    assert (await failure_of(replace(PATIENT, idle=SHORT), pacs)).status == 504
    await pacs.wait_for(lambda pacs: pacs.requests[0].gone.is_set())


async def test_the_idle_timer_starts_anew_with_each_chunk(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(steps=[step for n in range(5) for step in (b"%d" % n, 0.15)]))
    async with HttpSession(replace(PATIENT, idle=timedelta(milliseconds=500))) as session:
        assert await fetch(session, pacs) == b"01234"


async def test_a_slow_reader_is_not_the_peers_fault(pacs: Pacs) -> None:
    body = b"x" * 5_000_000
    pacs.on("GET", PATH, Reply(body=body))
    size = 0
    async with (
        HttpSession(replace(PATIENT, idle=SHORT)) as session,
        session.request("GET", URL(pacs.base + "/studies"), {}) as response,
    ):
        async for chunk in response.chunks():
            if not size:
                await asyncio.sleep(0.4)
            size += len(chunk)

    assert size == len(body)


# -- no answer


async def test_a_closed_port_is_no_connection() -> None:
    async with Pacs() as pacs:
        pass
    assert await trouble_of(PATIENT, pacs) is Trouble.NO_CONNECTION


async def test_a_name_that_does_not_resolve_is_no_connection() -> None:
    async with HttpSession(PATIENT) as session:
        with pytest.raises(NoAnswer) as caught:
            async with session.request("GET", URL("http://pacs.invalid/"), {}):
                pass

    assert caught.value.trouble is Trouble.NO_CONNECTION


@pytest.mark.parametrize("cut", list(Cut))
async def test_a_connection_that_ends_before_the_answer_is_disconnected(
    pacs: Pacs, cut: Cut
) -> None:
    pacs.on("GET", PATH, Raw([cut]))

    assert await trouble_of(PATIENT, pacs) is Trouble.DISCONNECTED


@pytest.mark.parametrize("wire", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
async def test_an_answer_in_another_protocol_is_not_http(pacs: Pacs, wire: bytes) -> None:
    pacs.on("GET", PATH, Raw([wire]))

    assert await trouble_of(PATIENT, pacs) is Trouble.NOT_HTTP


def test_what_is_told_of_a_failure_names_nobody() -> None:
    assert str(NoAnswer(Trouble.TLS)) == "tls"


# -- broken bodies


@pytest.mark.parametrize(
    "steps",
    [
        [HEAD + b"Content-Length: 10\r\n\r\nshort", Cut.CLOSE],
        [HEAD + b"Content-Length: 10\r\n\r\nshort", 0.05, Cut.RESET],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n", Cut.CLOSE],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nshort", Cut.CLOSE],
    ],
    ids=["short", "reset", "no-last-chunk", "short-chunk"],
)
async def test_a_body_that_is_cut_is_never_taken_for_whole(pacs: Pacs, steps: list[Step]) -> None:
    pacs.on("GET", PATH, Raw(steps))

    assert (await failure_of(PATIENT, pacs)).status == 502


async def test_a_body_with_a_broken_chunk_is_never_taken_for_whole(pacs: Pacs) -> None:
    wire = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\nxyz\r\n"
    pacs.on("GET", PATH, Raw([wire, Cut.CLOSE]))
    async with HttpSession(PATIENT) as session:
        # Its head and its first chunk arrive together, so that it is no answer at all.
        with pytest.raises((NoAnswer, StreamBroken)):
            await fetch(session, pacs)


# -- connections that die between two requests


def dies_when_used_again(recorded: Recorded) -> Reply | Raw:
    """Keeps each connection for one request and drops it at the second, as an archive that closes
    idle connections does to whoever is late."""
    return Reply(body=b"[]") if recorded.on_connection == 1 else Raw([Cut.CLOSE], read_body=False)


async def test_a_get_on_a_connection_that_died_idle_is_sent_again(pacs: Pacs) -> None:
    pacs.on("GET", PATH, dies_when_used_again)
    async with HttpSession(PATIENT) as session:
        for _ in range(3):
            assert await fetch(session, pacs) == b"[]"

    assert [(each.connection, each.on_connection) for each in pacs.requests] == [
        *((1, 1), (1, 2), (2, 1)),
        *((3, 1),),
    ]


async def test_a_get_is_not_sent_a_third_time(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([Cut.CLOSE]))

    await trouble_of(PATIENT, pacs)

    assert len(pacs.requests) == 2


async def test_a_get_that_crossed_a_408_on_its_connection_is_sent_again(pacs: Pacs) -> None:
    """An idle connection is closed so by some (RFC 9110 15.5.9), and the request never read."""

    def tired(recorded: Recorded) -> Reply:
        return Reply(200 if recorded.on_connection == 1 else 408, body=b"[]")

    pacs.on("GET", PATH, tired)
    async with HttpSession(PATIENT) as session:
        for _ in range(3):
            async with session.request("GET", URL(pacs.base + "/studies"), {}) as response:
                assert response.status == 200


async def test_a_408_to_a_request_that_was_read_is_the_answer(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(408))
    async with (
        HttpSession(PATIENT) as session,
        session.request("GET", URL(pacs.base + "/studies"), {}) as response,
    ):
        assert response.status == 408

    assert len(pacs.requests) == 2


async def test_a_post_never_goes_out_on_a_used_connection(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(body=b"[]"))
    pacs.on("POST", PATH, dies_when_used_again)
    async with HttpSession(PATIENT) as session:
        for _ in range(3):
            await fetch(session, pacs)
            assert await fetch(session, pacs, "POST", BytesBody(b"instance")) == b"[]"

    posts = [each for each in pacs.requests if each.method == "POST"]
    assert [each.on_connection for each in posts] == [1, 1, 1]
    assert [each.body for each in posts] == [b"instance"] * 3


async def test_a_post_is_sent_once_whatever_happens(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Raw([Cut.CLOSE]))

    assert await trouble_of(PATIENT, pacs, BytesBody(b"instance")) is Trouble.DISCONNECTED
    assert len(pacs.requests) == 1


# -- leaving early


async def test_leaving_in_the_middle_of_a_body_closes_the_connection(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(steps=[b"a", stay()]))
    async with HttpSession(PATIENT) as session:
        async with session.request("GET", URL(pacs.base + "/studies"), {}) as response:
            assert await anext(aiter(response.chunks())) == b"a"

        await pacs.wait_for(lambda pacs: pacs.requests[0].gone.is_set())
        await pacs.wait_for(lambda pacs: pacs.open_connections == 0)


async def test_cancelling_before_the_first_byte_closes_the_connection(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([stay()]))
    async with HttpSession(PATIENT) as session, asyncio.TaskGroup() as group:
        asked = group.create_task(fetch(session, pacs))
        await pacs.wait_for(lambda pacs: pacs.active == 1)
        asked.cancel()
        await pacs.wait_for(lambda pacs: pacs.requests[0].gone.is_set())
        await pacs.wait_for(lambda pacs: pacs.open_connections == 0)


@asynccontextmanager
async def full_listener() -> AsyncIterator[int]:
    """A port where connections queue up and nobody takes them."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port
