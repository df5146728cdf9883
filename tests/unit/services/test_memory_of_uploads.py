"""What a client has sent is not held any longer than its request, garbage collector or not."""

import asyncio
import gc
import tracemalloc
import weakref
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress

import pytest

from gateway.access.policy import AccessRequest, AllowAll
from gateway.dicom.multipart import BodyPart
from gateway.dicom.multipart_parser import MultipartError
from gateway.errors import GatewayError, bad_request, forbidden
from tests.fakes.part10_files import explicit
from tests.fakes.store_requests import dicom_file, multipart, with_element
from tests.fakes.store_setup import Setup, away, end_of_deliveries

CHUNK = 64 * 1024
LONG = with_element(dicom_file(1), explicit(0x00191001, b"OB", bytes(150_000)) * 10)


class Client:
    """Sends so much of a file, and then fails, or without an error says nothing more."""

    def __init__(self, length: int, error: Callable[[str], Exception] | None) -> None:
        self._data = LONG[:length]
        self._error = error

    def __aiter__(self) -> "Client":
        return self

    async def __anext__(self) -> bytes:
        chunk, self._data = self._data[:CHUNK], self._data[CHUNK:]
        if chunk:
            return chunk
        if self._error is not None:
            raise self._error("gone")
        await asyncio.Event().wait()
        raise StopAsyncIteration


class Closed(AllowAll):
    """Lets nobody store an instance."""

    def __init__(self) -> None:
        self.said: list[weakref.ref[Exception]] = []

    async def authorise(self, request: AccessRequest) -> None:
        if request.resource is not None:
            refusal = forbidden("no")
            self.said.append(weakref.ref(refusal))
            try:
                raise refusal
            finally:
                del refusal


async def upload(client: Client, setup: Setup) -> None:
    async def parts() -> AsyncGenerator[BodyPart, None]:
        yield BodyPart({}, client)

    with suppress(GatewayError, TimeoutError):
        async with asyncio.timeout(0.1), aclosing(parts()) as body:
            await setup.store(body)
    await end_of_deliveries()


@pytest.fixture
def without_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def held_after(client: Client, policy: AllowAll) -> tuple[int, int]:
    """Bytes that are still held after an upload, and the most that were held during it."""
    await upload(Client(100, None), Setup())
    tracemalloc.start()
    try:
        await upload(client, Setup(policy=policy, max_instance=10_000_000))
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("without_gc")
@pytest.mark.parametrize("policy", [AllowAll(), Closed()])
@pytest.mark.parametrize("length", [len(LONG) - 1_000_000, len(LONG) - 1000])
@pytest.mark.parametrize("error", [bad_request, MultipartError, None])
async def test_what_was_received_is_given_back_at_once(
    error: Callable[[str], Exception] | None, length: int, policy: AllowAll
) -> None:
    held, most = await held_after(Client(length, error), policy)
    assert most > 500_000
    assert held < 2 * CHUNK


@pytest.mark.usefixtures("without_gc")
@pytest.mark.parametrize("policy", [AllowAll(), Closed()])
@pytest.mark.parametrize("length", [100, len(LONG) - 1000])
@pytest.mark.parametrize("kind", [bad_request, MultipartError])
async def test_no_error_leads_back_to_itself(
    kind: Callable[[str], Exception], length: int, policy: AllowAll
) -> None:
    """In a circle, what it leads to would stay until the collector comes."""
    left: list[weakref.ref[Exception]] = []

    def error(text: str) -> Exception:
        raised = kind(text)
        left.append(weakref.ref(raised))
        return raised

    await upload(Client(length, error), Setup(policy=policy, max_instance=10_000_000))
    assert not any(each() for each in left)


@pytest.mark.usefixtures("without_gc")
async def test_a_refusal_that_is_the_answer_does_not_lead_back_to_itself() -> None:
    policy = Closed()
    await upload(Client(len(LONG) - 1000, bad_request), Setup(policy=policy))
    for react in (away(502), away(503)):
        setup = Setup(policy=policy)
        setup.archive.react = react
        with suppress(GatewayError):
            await setup.send(multipart([dicom_file(1)]))
    assert [each() for each in policy.said] == [None] * 3


@pytest.mark.usefixtures("without_gc")
@pytest.mark.parametrize("length", [100, len(LONG) - 1_000_000, len(LONG) - 1000])
async def test_nothing_leads_back_to_a_client_that_has_left(length: int) -> None:
    client = Client(length, None)
    left = weakref.ref(client)
    await upload(client, Setup(max_instance=10_000_000))
    del client
    assert left() is None
