"""Calls, parts and use-cases around an archive in memory."""

from collections.abc import AsyncIterator, Sequence

from gateway.access.policy import AllowAll, Policy
from gateway.access.principal import ANONYMOUS
from gateway.backends.base import Part
from gateway.dicom.links import Links
from gateway.dicom.media_types import MediaType
from gateway.dicom.streams import prepended
from gateway.services.call import Call
from gateway.services.locate import Locate
from gateway.services.plan import Planner
from gateway.services.representation import Retrieved
from gateway.services.routing import Routing
from tests.fakes.backend import MemoryBackend, each

BASE = "https://pacs.example/dicom-web"


def call(backend: str | None = None) -> Call:
    return Call(ANONYMOUS, "id", Links(BASE), backend)


def planner(*backends: MemoryBackend, policy: Policy | None = None) -> Planner:
    routing = Routing({backend.name: backend for backend in backends})
    return Planner(routing, Locate(routing), policy or AllowAll())


def part(media_type: str, *chunks: bytes, length: int | None = None, location: str = "") -> Part:
    return Part(MediaType.parse(media_type), each(chunks), length, location or None)


async def read(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def all_of(retrieved: Retrieved) -> Sequence[tuple[str, bytes, str | None]]:
    """(media type, body, location) of each representation."""
    representations = prepended(retrieved.first, retrieved.others or each([]))
    return [
        (str(one.media_type), await read(one.chunks), one.location) async for one in representations
    ]
