"""The whole gateway in front of an archive that is stored into, and stores on the wire."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from gateway.dicom.resources import Dataset
from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.pacs import Pacs, Recorded
from tests.fakes.store_requests import (
    BOUNDARY,
    dicom_file,
    instance_uid,
)

JSON, XML = "application/dicom+json", "application/dicom+xml"
RELATED = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'
STORE = "/dicom-web/studies"
ONE, TWO, THREE = dicom_file(1), dicom_file(2), dicom_file(3)


def report(stored: Sequence[int], failed: Sequence[int] = ()) -> Dataset:
    """An archive's answer, with its own address in it."""
    failures = [_item(number) | {"00081197": {"vr": "US", "Value": [0xA900]}} for number in failed]
    return {
        "00081190": {"vr": "UR", "Value": ["http://archive.internal:8042/studies/null"]},
        "00081198": {"vr": "SQ", "Value": failures},
        "00081199": {"vr": "SQ", "Value": [_item(number) for number in stored]},
    }


def _item(number: int) -> Dataset:
    return {
        "00081155": {"vr": "UI", "Value": [instance_uid(number)]},
        "00081190": {"vr": "UR", "Value": ["http://archive.internal:8042/x"]},
    }


@asynccontextmanager
async def running(
    *replies: Any, path: str = STORE, **limits: Any
) -> AsyncIterator[tuple[Gateway, Pacs]]:
    async with (
        Pacs() as pacs,
        gateway_before(pacs.base, server={"limits": limits}) as gateway,
    ):
        pacs.on("POST", path, *replies)
        yield gateway, pacs


def stores(pacs: Pacs) -> list[Recorded]:
    return [request for request in pacs.requests if request.method == "POST"]


async def post(
    gateway: Gateway, body: Any, path: str = "/studies", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a store; a header is named with _ for -, and "" leaves it out."""
    named = {"Content_Type": RELATED} | headers
    sent = {name.replace("_", "-"): value for name, value in named.items() if value}
    skip = () if "Content-Type" in sent else ("Content-Type",)
    async with gateway.post(path, data=body, headers=sent, skip_auto_headers=skip) as response:
        return response.status, dict(response.headers), await response.read()


@asynccontextmanager
async def wire(
    gateway: Gateway, request: bytes
) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """A connection on which `request` has been written, byte for byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def uids(dataset: Dataset, tag: str) -> list[str]:
    items = dataset.get(tag, {}).get("Value", [])
    return [item["00081155"]["Value"][0].rpartition(".")[2] for item in items]
