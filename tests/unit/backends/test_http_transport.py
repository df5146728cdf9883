"""The transport against a PACS that misbehaves: admission, breaker, errors, and leaving early."""

import asyncio
import gzip
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest

from gateway.backends.base import CallContext, Health
from gateway.backends.http_transport import Peer
from gateway.backends.transport import Patience, Transport
from gateway.errors import BackendError, BackendNotFound, BackendRefused, StreamBroken
from gateway.net.request_body import BytesBody
from gateway.telemetry.metrics import BreakerState
from tests.fakes.pacs import Cut, Pacs, Raw, Reply, stay
from tests.fakes.transports import ANYBODY, SHORT, Bounds, Wired, ask, error_of, wired

PATH = "/dicom-web/studies"


@pytest.fixture
async def pacs() -> AsyncIterator[Pacs]:
    async with Pacs() as pacs:
        yield pacs


# -- what is asked


async def test_a_query_arrives_as_the_same_pairs(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(json=[]))
    pairs = [
        ("PatientName", "O'N*"),
        ("AccessionNumber", "A+B&C"),
        ("StudyInstanceUID", "1.2,1.3"),
        ("StudyDescription", "50%25"),
    ]
    async with wired(pacs) as w:
        await ask(w.transport, parameters=pairs)

    assert parse_qsl(pacs.requests[0].query) == pairs
    assert "+" not in pacs.requests[0].query


async def test_an_encoded_query_goes_untouched(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(json=[]))
    query = "sig=a%2b%2F'x'&n=%2525&k=%c3%bc"
    async with wired(pacs) as w:
        await ask(w.transport, raw_query=query)

    assert pacs.requests[0].query == query


async def test_no_compression_is_asked_for_unless_the_caller_does(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(json=[]))
    async with wired(pacs) as w:
        await ask(w.transport)
        await ask(w.transport, headers={"Accept-Encoding": "gzip", "Accept": "a/b"})

    assert [each.headers["Accept-Encoding"] for each in pacs.requests] == ["identity", "gzip"]
    assert pacs.requests[1].headers.getall("Accept") == ["a/b"]


async def test_the_operators_headers_and_the_trace_are_sent(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(json=[]))
    context = CallContext(ANYBODY.caller, "request-1", trace_parent="00-1-2-01")
    async with wired(pacs, Bounds(headers={"X-Api-Key": "s3cret"})) as w:
        await ask(w.transport, context=context)

    assert pacs.requests[0].headers["X-Api-Key"] == "s3cret"
    assert pacs.requests[0].headers["traceparent"] == "00-1-2-01"


def test_the_operators_headers_are_in_no_repr() -> None:
    peer = Peer("pacs", "http://pacs/", timedelta(1), {"X-Api-Key": "s3cret"})

    assert "s3cret" not in repr(peer)


# -- what is answered


async def test_a_compressed_answer_is_inflated_once(pacs: Pacs) -> None:
    text = b'[{"00080018":{"vr":"UI"}}]' * 50_000
    reply = Reply(headers={"Content-Encoding": "gzip"}, body=gzip.compress(text))
    pacs.on("GET", PATH, reply)
    async with wired(pacs) as w, w.transport.request("GET", "studies", context=ANYBODY) as answer:
        assert answer.length is None
        assert await answer.read(10_000_000) == text


async def test_an_answer_compressed_in_an_unknown_way_is_502(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(headers={"Content-Encoding": "br"}, body=b"\x0b\x01\x80[]\x03"))
    async with wired(pacs) as w:
        assert (await error_of(w.transport)).status == 502


async def test_an_answer_over_its_limit_is_502_and_read_no_further(pacs: Pacs) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    pacs.on("GET", PATH, Reply(headers={"Content-Encoding": "gzip"}, body=bomb))
    async with wired(pacs) as w, w.transport.request("GET", "studies", context=ANYBODY) as answer:
        with pytest.raises(BackendError) as caught:
            await answer.read(1_000_000)

    assert (caught.value.status, caught.value.category) == (502, "too_large")


async def test_a_length_is_known_where_the_archive_said_it(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(body=b"12345"), Reply(steps=[b"123", b"45"]))
    lengths = []
    async with wired(pacs) as w:
        for _ in range(2):
            async with w.transport.request("GET", "studies", context=ANYBODY) as answer:
                lengths.append(answer.length)
                assert await answer.read(5) == b"12345"

    assert lengths == [5, None]


async def test_a_redirect_is_502_and_its_target_gets_nothing(pacs: Pacs) -> None:
    async with Pacs() as elsewhere:
        pacs.on("GET", PATH, Reply(307, {"Location": f"{elsewhere.base}/studies"}))
        async with wired(pacs, Bounds(headers={"Authorization": "Bearer secret"})) as w:
            assert (await error_of(w.transport)).status == 502

        assert elsewhere.requests == []


async def test_an_error_is_raised_as_its_kind_and_its_text_told_to_nobody(
    pacs: Pacs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = b'{"Message": "no patient DOE^JOHN", "Host": "10.1.2.3"}'
    pacs.on("GET", PATH, Reply(404, body=text), Reply(406, body=text), Reply(500, body=text))
    async with wired(pacs) as w:
        errors = [await error_of(w.transport) for _ in range(3)]

    assert [type(error) for error in errors] == [BackendNotFound, BackendRefused, BackendError]
    assert [error.status for error in errors] == [404, 406, 502]
    assert not any("DOE" in str(error) or "10.1" in str(error) for error in errors)
    assert "DOE" not in caplog.text


async def test_after_an_error_the_connection_is_used_again(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(404, body=b"x" * 1000), Reply(json=[]))
    async with wired(pacs) as w:
        await error_of(w.transport)
        await ask(w.transport)

    assert [each.connection for each in pacs.requests] == [1, 1]


async def test_an_endless_error_does_not_hold_the_client(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(500, steps=[b"x" * 100_000, stay()]))
    async with wired(pacs) as w, asyncio.timeout(5):
        assert (await error_of(w.transport)).status == 502


async def test_statuses_that_are_asked_for_are_answers(pacs: Pacs) -> None:
    pacs.on("POST", PATH, Reply(409, body=b"report"))
    async with wired(pacs) as w:
        answers = frozenset({409})
        body = BytesBody(b"x")
        assert await ask(w.transport, method="POST", body=body, answers=answers) == b"report"
        assert (await error_of(w.transport, method="POST", body=body)).status == 502


@pytest.mark.parametrize(
    ("bounds", "reply", "status"),
    [
        (Bounds(first_byte=SHORT), Raw([stay()]), 504),
        (Bounds(), Raw([Cut.CLOSE]), 502),
        (Bounds(), Raw([b"nonsense\r\n\r\n"]), 502),
    ],
    ids=["slow", "disconnected", "not-http"],
)
async def test_silence_has_a_status(pacs: Pacs, bounds: Bounds, reply: Raw, status: int) -> None:
    pacs.on("GET", PATH, reply)
    async with wired(pacs, bounds) as w:
        error = await error_of(w.transport)

    assert (error.status, error.upstream_status) == (status, None)


async def test_an_archive_that_is_off_is_502(pacs: Pacs) -> None:
    async with Pacs() as off:
        pass
    async with wired(off) as w:
        assert (await error_of(w.transport)).category == "unreachable"


async def test_a_body_that_breaks_off_is_a_broken_stream(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(steps=[b"[", Cut.CLOSE]))
    async with wired(pacs) as w:
        with pytest.raises(StreamBroken):
            await ask(w.transport)


# -- a whole search has one timeout


@pytest.mark.parametrize(
    "reply",
    [Raw([stay()]), Reply(steps=[b"[", stay()]), Reply(steps=[b"x", 0.1] * 100)],
    ids=["no-head", "no-body", "drop-by-drop"],
)
async def test_a_search_ends_in_its_time_wherever_it_is(pacs: Pacs, reply: Reply | Raw) -> None:
    pacs.on("GET", PATH, reply)
    async with wired(pacs, Bounds(search=SHORT)) as w, asyncio.timeout(5):
        error = await error_of(w.transport, patience=Patience.SEARCH)

    assert (error.status, error.category) == (504, "timeout")
    await pacs.wait_for(lambda pacs: pacs.open_connections == 0)


async def test_a_searchs_time_counts_the_wait_for_a_connection(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([stay()]))
    bounds = Bounds(search=SHORT, connections=1)
    async with wired(pacs, bounds) as w, asyncio.TaskGroup() as group:
        stream = group.create_task(ask(w.transport))
        await pacs.wait_for(lambda pacs: pacs.active == 1)
        error = await error_of(w.transport, patience=Patience.SEARCH)
        stream.cancel()

    assert error.status == 504
    assert len(pacs.requests) == 1


async def test_a_timeout_of_the_callers_own_is_not_the_archives(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(json=[]))
    async with wired(pacs) as w:
        with pytest.raises(TimeoutError):
            async with w.transport.request(
                "GET", "studies", context=ANYBODY, patience=Patience.SEARCH
            ):
                raise TimeoutError


# -- limits and breaker


async def test_an_archive_sees_no_more_requests_at_once_than_connections(pacs: Pacs) -> None:
    go = asyncio.Event()
    pacs.on("GET", PATH, Reply(steps=[go, b"[]"]))
    async with wired(pacs, Bounds(connections=2)) as w, asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(ask(w.transport))
        await pacs.wait_for(lambda pacs: pacs.active == 2)
        go.set()

    assert (len(pacs.requests), pacs.most_active) == (6, 2)


async def test_over_the_limit_a_request_is_503_in_a_bounded_time(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([stay()]))
    bounds = Bounds(in_flight=1, patience=SHORT)
    async with wired(pacs, bounds) as w, asyncio.TaskGroup() as group:
        first = group.create_task(ask(w.transport))
        await pacs.wait_for(lambda pacs: pacs.active == 1)
        error = await error_of(w.transport)
        first.cancel()

    assert (error.status, error.retry_after) == (503, timedelta(seconds=1))


async def test_an_archive_that_is_away_is_left_alone(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(502))
    async with wired(pacs, Bounds(failures=3)) as w:
        errors = [await error_of(w.transport) for _ in range(5)]

        assert w.breaker.state is BreakerState.OPEN
    assert [error.status for error in errors] == [502, 502, 502, 503, 503]
    assert len(pacs.requests) == 3
    assert errors[4].retry_after is not None


async def test_an_archive_that_is_there_again_is_asked_again(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([Cut.CLOSE]), Raw([Cut.CLOSE]), Reply(json=[]))
    async with wired(pacs, Bounds(failures=1, open_for=SHORT)) as w:
        await error_of(w.transport)
        await error_of(w.transport)
        await asyncio.sleep(SHORT.total_seconds())
        assert await ask(w.transport) == b"[]"

        assert w.breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize(
    "reply",
    [Reply(404), Reply(400), Reply(500), Reply(401), Reply(503, {"Retry-After": "1"})],
    ids=["404", "400", "500", "401", "busy"],
)
async def test_an_archive_that_answers_is_not_left_alone(pacs: Pacs, reply: Reply) -> None:
    pacs.on("GET", PATH, reply)
    async with wired(pacs, Bounds(failures=1)) as w:
        for _ in range(3):
            await error_of(w.transport)

        assert w.breaker.state is BreakerState.CLOSED
        assert w.vitals.health is Health.UP


async def test_requests_that_clients_give_up_do_not_open_the_breaker(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([stay()]))
    async with wired(pacs, Bounds(failures=1)) as w:
        for _ in range(3):
            await give_up_before_the_first_byte(w.transport, pacs)

        assert w.breaker.state is BreakerState.CLOSED


async def test_a_probe_that_is_given_up_leaves_the_next_request_to_probe(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(502), Raw([stay()]), Reply(json=[]))
    async with wired(pacs, Bounds(failures=1, open_for=SHORT)) as w:
        await error_of(w.transport)
        await asyncio.sleep(SHORT.total_seconds())
        await give_up_before_the_first_byte(w.transport, pacs)

        assert await ask(w.transport) == b"[]"


async def test_while_the_breaker_is_open_nobody_waits_for_a_place(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Raw([stay()]))
    bounds = Bounds(failures=1, connections=1, in_flight=1)
    async with wired(pacs, bounds) as w, asyncio.TaskGroup() as group, asyncio.timeout(5):
        stream = group.create_task(ask(w.transport))
        await pacs.wait_for(lambda pacs: pacs.active == 1)
        w.breaker.enter().failed()

        assert (await error_of(w.transport)).category == "breaker_open"
        stream.cancel()


# -- leaving early (field failure 59)


async def test_twenty_clients_that_leave_before_the_first_byte_leak_nothing(pacs: Pacs) -> None:
    pacs.on("GET", PATH, *[Raw([stay()])] * 20, Reply(json=[]))
    async with wired(pacs, Bounds(connections=2, patience=SHORT)) as w:
        for _ in range(20):
            await give_up_before_the_first_byte(w.transport, pacs)
        await pacs.wait_for(lambda pacs: pacs.open_connections == 0)
        assert await ask(w.transport) == b"[]"

    assert all(each.gone.is_set() for each in pacs.requests[:20])


async def test_twenty_clients_that_leave_in_the_middle_leak_nothing(pacs: Pacs) -> None:
    pacs.on("GET", PATH, *[Reply(steps=[b"x" * 100_000, stay()])] * 20, Reply(json=[]))
    async with wired(pacs, Bounds(connections=2, patience=SHORT)) as w:
        for number in range(20):
            async with w.transport.request("GET", "studies", context=ANYBODY) as answer:
                await anext(answer.chunks())
            await pacs.requests[number].gone.wait()
        assert await ask(w.transport) == b"[]"


async def give_up_before_the_first_byte(transport: Transport, pacs: Pacs) -> None:
    active = len(pacs.requests)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(ask(transport))
        await pacs.wait_for(lambda pacs: len(pacs.requests) == active + 1)
        asked.cancel()
    await pacs.requests[-1].gone.wait()


# -- what is counted


async def test_each_request_is_counted_with_how_it_ended(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(json=[]), Reply(404), Raw([stay()]))
    async with wired(pacs) as w:
        await ask(w.transport, patience=Patience.SEARCH)
        await error_of(w.transport)
        await give_up_before_the_first_byte(w.transport, pacs)

    assert counted(w) == {("search", "ok"), ("retrieve", "not_found"), ("retrieve", "cancelled")}


async def test_who_leaves_after_the_whole_body_has_not_given_up(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(body=b"all of it"))
    async with wired(pacs) as w:
        part = only_chunk(w.transport)
        await anext(part)
        await part.aclose()

    assert counted(w) == {("retrieve", "ok")}


async def test_a_body_that_breaks_off_is_counted_so_whoever_notices(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(steps=[b"a", Cut.CLOSE]))
    async with wired(pacs) as w, w.transport.request("GET", "studies", context=ANYBODY) as answer:
        with pytest.raises(StreamBroken):
            await answer.read(100)

    assert counted(w) == {("retrieve", "disconnected")}


async def only_chunk(transport: Transport) -> AsyncGenerator[bytes, None]:
    """The body, in a generator that is closed while it waits to be asked again."""
    async with transport.request("GET", "studies", context=ANYBODY) as answer:
        yield await answer.read(100)


def counted(w: Wired) -> set[tuple[str, str]]:
    lines = re.findall(
        r'gateway_upstream_requests_total\{backend="pacs",operation="(.*)",outcome="(.*)"\} 1\.0',
        w.metrics.render().decode(),
    )
    return set(lines)
