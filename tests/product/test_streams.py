"""Bodies on their way: what breaks is never ended as if whole, and nobody runs ahead."""

import asyncio
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import overload

import pytest
from aiohttp import ClientPayloadError, ClientTimeout

from tests.fakes.gateway import Gateway
from tests.fakes.pacs import Cut, Pacs, Raw, Reply, Step
from tests.fakes.pacs_answers import (
    BULKDATA,
    DICOM_JSON,
    EXPLICIT_LE,
    FILES_AS_STORED,
    FRAMES_AS_STORED,
    INSTANCE_PATH,
    ROOT,
    STUDY_PATH,
    Part,
    asked,
    behind_a_pacs,
    counts,
    metadata,
    multipart_body,
    multipart_reply,
    study_row,
)
from tests.fakes.store_requests import BOUNDARY, dicom_file, multipart

MIB = 1024 * 1024
FILE = dicom_file(1, pixels=400_000)
TWO_FILES = multipart_body([Part(FILE), Part(dicom_file(2, pixels=400_000))])
FILES_TYPE = 'multipart/related; type="application/dicom"; boundary=a-boundary'
METADATA = json.dumps([metadata() for _ in range(2000)]).encode()
FRAME_TYPE = f"application/octet-stream; transfer-syntax={EXPLICIT_LE}"
PIXELS = bytes(800_000)

# Path, Accept, the archive's Content-Type and its whole body.
BODIES = {
    "a frame": (
        f"{INSTANCE_PATH}/frames/1",
        "application/octet-stream; transfer-syntax=*",
        FRAME_TYPE,
        PIXELS,
    ),
    "a frame in parts": (f"{INSTANCE_PATH}/frames/1", FRAMES_AS_STORED, FRAME_TYPE, PIXELS),
    "bulk data": (f"{INSTANCE_PATH}/bulk/1", BULKDATA, "application/octet-stream", PIXELS),
    "an instance": (INSTANCE_PATH, "application/dicom", "application/dicom", FILE * 2),
    "a study": (STUDY_PATH, FILES_AS_STORED, FILES_TYPE, TWO_FILES),
    "metadata": (f"{STUDY_PATH}/metadata", DICOM_JSON, DICOM_JSON, METADATA),
}


def cut_off(content_type: str, body: bytes, how: Step, *, length: bool) -> Reply:
    """Most of a body, sent with its length or chunked, and then the end of the connection."""
    sent = body[: len(body) * 3 // 4]
    headers = {"Content-Type": content_type}
    if length:
        headers["Content-Length"] = str(len(body))
    return Reply(headers=headers, steps=[sent, 0.05, how])


@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("how", list(Cut))
@pytest.mark.parametrize("length", [True, False])
async def test_a_body_that_the_archive_breaks_off_never_looks_whole(
    what: str, how: Cut, length: bool
) -> None:
    path, accept, content_type, body = BODIES[what]
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path, cut_off(content_type, body, how, length=length))
        async with gateway.get(path, headers={"Accept": accept}) as response:
            assert response.status == 200
            with pytest.raises(ClientPayloadError):
                await response.read()
        (line,) = await gateway.log.requests()
        assert line["status"] == 200
        assert line["level"] == "warning"
        assert line["failure"] == "disconnected"
        assert (await counts(gateway))["gateway_requests_in_flight", ""] == 1


@pytest.mark.parametrize(
    ("what", "sent"),
    [
        ("a study", TWO_FILES.removesuffix(b"--\r\n")),
        ("a study", TWO_FILES[: len(TWO_FILES) // 2]),
        ("metadata", METADATA[:-1]),
        ("metadata", METADATA[: len(METADATA) // 2]),
        ("metadata", METADATA + b"]"),
    ],
)
async def test_a_body_that_ends_in_good_order_before_its_end_never_looks_whole(
    what: str, sent: bytes
) -> None:
    path, accept, content_type, _ = BODIES[what]
    async with behind_a_pacs() as (pacs, gateway):
        headers = {"Content-Type": content_type}
        pacs.on("GET", ROOT + path, Reply(headers=headers, steps=[sent]))
        async with gateway.get(path, headers={"Accept": accept}) as response:
            assert response.status == 200
            with pytest.raises(ClientPayloadError):
                await response.read()


@pytest.mark.parametrize("size", [1, 4096, 100_000])
async def test_what_the_archive_has_sent_does_not_wait_for_what_it_has_not(size: int) -> None:
    go_on = asyncio.Event()
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(2 * size + 1)}
    async with behind_a_pacs() as (pacs, gateway):
        reply = Reply(headers=headers, steps=[b"a" * size, 0.05, b"b" * size, go_on, b"c"])
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/bulk/1", reply)
        accept = {"Accept": BULKDATA}
        async with gateway.get(f"{INSTANCE_PATH}/bulk/1", headers=accept) as response:
            async with asyncio.timeout(10):
                await response.content.readuntil(b"\r\n\r\n")
                assert await response.content.readexactly(2 * size) == b"a" * size + b"b" * size
            go_on.set()
            assert (await response.read()).startswith(b"c\r\n--")


async def wire(gateway: Gateway, path: str, accept: str, version: str) -> tuple[bytes, bool]:
    """All bytes that came, and whether the connection was reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"GET {ROOT}{path} HTTP/{version}\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n"
    writer.write(head.encode())
    received = b""
    try:
        async with asyncio.timeout(10):
            while chunk := await reader.read(65536):
                received += chunk
    except ConnectionResetError:
        return received, True
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return received, False


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("what", ["a study", "metadata", "a frame"])
async def test_what_broke_off_ends_in_a_reset_without_a_last_chunk(version: str, what: str) -> None:
    path, accept, content_type, body = BODIES[what]
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path, cut_off(content_type, body, Cut.CLOSE, length=False))
        received, reset = await wire(gateway, path, accept, version)
        assert received.startswith(f"HTTP/{version} 200".encode())
        assert not received.endswith(b"\r\n0\r\n\r\n")
        assert b"problem" not in received
        assert reset


async def test_what_breaks_before_its_first_byte_is_a_whole_error() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        for path, accept, content_type, _ in BODIES.values():
            headers = {"Content-Type": content_type, "Content-Length": "1000"}
            pacs.on("GET", ROOT + path, Reply(headers=headers, steps=[Cut.CLOSE]))
            async with gateway.get(path, headers={"Accept": accept}) as response:
                assert response.status == 502
                assert (await response.json(content_type=None))["status"] == 502


class Counted(Sequence[Step]):
    """So many pieces of one MiB, made as they are taken."""

    def __init__(self, count: int, head: bytes = b"") -> None:
        self.taken = 0
        self._count = count
        self._head = head

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        return bytes(MIB)

    def __iter__(self) -> Iterator[Step]:
        if self._head:
            yield self._head
        for _ in range(self._count):
            self.taken += 1
            yield bytes(MIB)

    async def stands_still(self) -> int:
        """How many were taken, once nothing has moved for a while."""
        still, before = 0, -1
        while still < 40:
            still = still + 1 if self.taken == before else 0
            before = self.taken
            await asyncio.sleep(0.005)
        return self.taken


PIECES = 256
# What four buffers of the system may hold on the way, and the gateway's own.
ON_THE_WAY = 32


def file_of(size: int) -> bytes:
    """The beginning of a file whose pixel data has that many bytes."""
    start = dicom_file(1, pixels=2000)[:-2000]
    return start[:-4] + size.to_bytes(4, "little")


@pytest.mark.parametrize("what", ["a frame", "a study", "bulk data"])
async def test_a_slow_client_stops_the_archive(what: str) -> None:
    path, accept, content_type, _ = BODIES[what]
    head = b""
    if what == "a study":
        head = b"--a-boundary\r\nContent-Type: application/dicom\r\n\r\n" + file_of(PIECES * MIB)
    pieces = Counted(PIECES, head)
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path, Reply(headers={"Content-Type": content_type}, steps=pieces))
        async with gateway.get(path, headers={"Accept": accept}) as response:
            assert response.status == 200
            first = await pieces.stands_still()
            assert first < ON_THE_WAY
            for _ in range(64):
                await response.content.readexactly(MIB)
            second = await pieces.stands_still()
            assert 60 < second < 64 + ON_THE_WAY
            response.close()
        await asked(pacs)[0].gone.wait()
        assert pieces.taken < PIECES


async def test_a_slow_archive_stops_a_client_that_stores() -> None:
    body = multipart([dicom_file(1, pixels=1_000_000)])
    async with behind_a_pacs() as (pacs, gateway):
        go_on = asyncio.Event()
        headers = {"Content-Type": DICOM_JSON}
        reply = Reply(headers=headers, steps=[go_on, b"{}"], read_body=True)
        pacs.on("POST", f"{ROOT}/studies", reply)
        content_type = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'
        asking = gateway.post("/studies", data=body, headers={"Content-Type": content_type})
        async with asyncio.TaskGroup() as tasks:

            async def status() -> int:
                async with asking as response:
                    return response.status

            answer = tasks.create_task(status())
            await pacs.wait_for(lambda pacs: len(asked(pacs)) == 1)
            assert not answer.done()
            go_on.set()
        assert answer.result() == 409


@pytest.mark.parametrize("times", [20])
async def test_clients_that_never_read_and_leave_keep_nothing_open(times: int) -> None:
    path, accept, content_type, _ = BODIES["a frame"]
    async with behind_a_pacs(limits={"connections": 2, "in_flight": 2}) as (pacs, gateway):
        for number in range(times):
            pieces = Counted(PIECES)
            reply = Reply(headers={"Content-Type": content_type}, steps=pieces)
            pacs.on("GET", ROOT + path, reply)
            deaf = socket.create_connection(("127.0.0.1", gateway.port))
            head = f"GET {ROOT}{path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n"
            deaf.sendall(head.encode())
            await until(pacs, number + 1)
            deaf.close()
            async with asyncio.timeout(5):
                await asked(pacs)[number].gone.wait()
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row()]))
        async with gateway.get("/studies", timeout=ClientTimeout(total=2)) as response:
            assert response.status == 200
        assert pacs.active == 0


async def until(pacs: Pacs, count: int) -> None:
    await pacs.wait_for(lambda pacs: len(asked(pacs)) >= count)


async def test_a_client_that_leaves_while_storing_leaves_no_request_behind() -> None:
    content_type = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'
    body = multipart([dicom_file(1)])
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("POST", f"{ROOT}/studies", Reply(headers={"Content-Type": DICOM_JSON}))
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            head = (
                f"POST {ROOT}/studies HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body[: len(body) // 2])
            await writer.drain()
            writer.close()
            assert await reader.read() == b""
        await until_idle(gateway)
        assert asked(pacs) == []


async def until_idle(gateway: Gateway) -> None:
    """Until no request is in flight but the one that asks."""
    async with asyncio.timeout(5):
        # A request ends when its connection is found closed, which nobody is told.
        while (await counts(gateway))["gateway_requests_in_flight", ""] != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_archive_that_answers_and_lingers_is_no_reason_to_wait() -> None:
    """A whole answer by its length: what the archive does with the connection then is its own."""
    async with behind_a_pacs() as (pacs, gateway):
        wire_bytes = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"
        wire_bytes += b"Content-Length: 2\r\n\r\n[]"
        pacs.on("GET", f"{ROOT}/studies", Raw([wire_bytes, 5.0]))
        async with gateway.get("/studies", timeout=ClientTimeout(total=2)) as response:
            assert await response.read() == b"[]"


async def test_two_clients_of_one_archive_do_not_get_each_others_bytes() -> None:
    """One leaves in mid-body on a connection that the other's answer could come on next."""
    path, accept, content_type, _ = BODIES["a frame"]
    other = f"{INSTANCE_PATH}/frames/2"
    async with behind_a_pacs(limits={"connections": 1}) as (pacs, gateway):
        slow = multipart_reply(Part(b"A" * MIB, FRAME_TYPE), type_="application/octet-stream")
        steps: list[Step] = [slow.body[:-1000], 0.2, slow.body[-1000:]]
        pacs.on("GET", ROOT + path, Reply(headers=slow.headers, steps=steps))
        body = b"B" * 1000
        pacs.on("GET", ROOT + other, Reply(headers={"Content-Type": content_type}, body=body))
        for _ in range(5):
            async with gateway.get(path, headers={"Accept": accept}) as response:
                await response.content.readany()
                response.close()
            async with gateway.get(other, headers={"Accept": accept}) as response:
                assert await response.read() == body
