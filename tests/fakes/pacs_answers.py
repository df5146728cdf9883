"""What an archive answers, and a strict reading of what the gateway makes of it.

The reader of multipart bodies is not the gateway's: a body that only its own parser takes would
pass for well-formed.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import Message
from typing import Any

from aiohttp import ClientResponse
from multidict import CIMultiDict

from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.pacs import Pacs, Recorded, Reply
from tests.fakes.prometheus_text import samples

ROOT = "/dicom-web"
STUDY = "1.2.826.0.1.3680043.8.498.1"
SERIES = f"{STUDY}.2"
INSTANCE = f"{SERIES}.1"
"""The instance that `store_requests.dicom_file(1)` is."""
STUDY_PATH = f"/studies/{STUDY}"
SERIES_PATH = f"{STUDY_PATH}/series/{SERIES}"
INSTANCE_PATH = f"{SERIES_PATH}/instances/{INSTANCE}"

DICOM_JSON = "application/dicom+json"
FILES = 'multipart/related; type="application/dicom"'
FILES_AS_STORED = f"{FILES}; transfer-syntax=*"
FRAMES = 'multipart/related; type="application/octet-stream"'
FRAMES_AS_STORED = f"{FRAMES}; transfer-syntax=*"
BULKDATA = FRAMES

EXPLICIT_LE = "1.2.840.10008.1.2.1"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"

# Beginnings of codestreams (ISO/IEC 14495-1, 15444-1): enough to tell what they are.
JPEG_LS_FRAME = bytes.fromhex("ffd8fff7000b0800020002010111 00".replace(" ", "")) + b"ls" * 40
JPEG_2000_FRAME = bytes.fromhex("ff4fff51002f0000") + b"j2" * 40


@asynccontextmanager
async def behind_a_pacs(
    server: Mapping[str, Any] | None = None, **backend: Any
) -> AsyncIterator[tuple[Pacs, Gateway]]:
    """A PACS that has nothing yet but its health, and the gateway before it."""
    settings = {"health": {"path": "/alive", "every": "1h"}, **backend}
    async with Pacs() as pacs:
        pacs.on("GET", f"{ROOT}/alive", Reply(json=[]))
        async with gateway_before(pacs.base, server=server, **settings) as gateway:
            yield pacs, gateway


def asked(pacs: Pacs) -> list[Recorded]:
    """What the PACS was asked, but for whether it is alive."""
    return [each for each in pacs.requests if each.path != f"{ROOT}/alive"]


@dataclass(frozen=True)
class Part:
    """One part of a multipart body."""

    body: bytes
    content_type: str = "application/dicom"
    headers: Sequence[tuple[str, str]] = ()


def multipart_body(parts: Sequence[Part], boundary: str = "a-boundary") -> bytes:
    """The body, as a careful archive writes it."""
    pieces = []
    for part in parts:
        headers = [("Content-Type", part.content_type), *part.headers]
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        pieces.append(f"--{boundary}\r\n{head}\r\n".encode() + part.body + b"\r\n")
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def multipart_reply(
    *parts: Part, boundary: str = "a-boundary", type_: str = "application/dicom"
) -> Reply:
    """The parts in one answer."""
    content_type = f'multipart/related; type="{type_}"; boundary={boundary}'
    return Reply(headers={"Content-Type": content_type}, body=multipart_body(parts, boundary))


def frames_reply(*frames: bytes, syntax: str = EXPLICIT_LE, type_: str = "") -> Reply:
    """Frames of one transfer syntax, labelled."""
    essence = type_ or "application/octet-stream"
    parts = [Part(frame, f"{essence}; transfer-syntax={syntax}") for frame in frames]
    return multipart_reply(*parts, type_=essence)


def metadata(**changes: Any) -> dict[str, Any]:
    """One instance's metadata in the JSON model; keyword arguments are `x00280008=...`."""
    dataset: dict[str, Any] = {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00080018": {"vr": "UI", "Value": [INSTANCE]},
        "0020000D": {"vr": "UI", "Value": [STUDY]},
        "0020000E": {"vr": "UI", "Value": [SERIES]},
        "00280010": {"vr": "US", "Value": [2]},
    }
    return dataset | {name.removeprefix("x"): value for name, value in changes.items()}


def study_row(uid: str = STUDY, **changes: Any) -> dict[str, Any]:
    """One row of a search for studies."""
    row: dict[str, Any] = {"0020000D": {"vr": "UI", "Value": [uid]}}
    return row | {name.removeprefix("x"): value for name, value in changes.items()}


def parameter(content_type: str, name: str) -> str | None:
    """A parameter of a media type, read by Python's own library."""
    message = Message()
    message["Content-Type"] = content_type
    value = message.get_param(name)
    return value if isinstance(value, str) else None


def parts_in(content_type: str, body: bytes) -> list[Part]:
    """The parts of a body without preamble and epilogue; anything loose in it fails the test."""
    boundary = parameter(content_type, "boundary")
    assert boundary is not None
    delimiter = b"--" + boundary.encode()
    assert body.startswith(delimiter + b"\r\n"), body[:80]
    assert body.endswith(b"\r\n" + delimiter + b"--\r\n"), body[-80:]
    inner = (b"\r\n" + body)[: -len(delimiter) - 6]
    return [_part(piece) for piece in inner.split(b"\r\n" + delimiter + b"\r\n")[1:]]


def _part(piece: bytes) -> Part:
    head, separator, payload = piece.partition(b"\r\n\r\n")
    assert separator
    lines = [line.split(": ", 1) for line in head.decode("ascii").split("\r\n")]
    headers = CIMultiDict((name, value) for name, value in lines)
    return Part(payload, headers["Content-Type"], tuple(headers.items()))


async def parts_of(response: ClientResponse) -> list[Part]:
    """The parts of an answer of 200."""
    assert response.status == 200, await response.text()
    return parts_in(response.headers["Content-Type"], await response.read())


async def counts(gateway: Gateway) -> dict[tuple[str, str], float]:
    """What /metrics says; the request for it is itself in flight."""
    async with gateway.client.get(f"{gateway.origin}/metrics") as response:
        return samples(await response.read())
