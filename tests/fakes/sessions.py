"""Requests through an outbound session, and bodies to send, for tests of both."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from yarl import URL

from gateway.errors import StreamBroken
from gateway.net.failures import NoAnswer, Trouble
from gateway.net.http_session import HttpSession, Timeouts
from gateway.net.request_body import Body
from tests.fakes.pacs import Pacs

LONG, SHORT = timedelta(seconds=30), timedelta(milliseconds=150)
PATIENT = Timeouts(connect=LONG, first_byte=LONG, idle=LONG)
PATH = "/dicom-web/studies"


async def fetch(
    session: HttpSession, pacs: Pacs, method: str = "GET", body: Body | None = None
) -> bytes:
    async with session.request(method, URL(pacs.base + "/studies"), {}, body) as response:
        return b"".join([chunk async for chunk in response.chunks()])


async def trouble_of(timeouts: Timeouts, pacs: Pacs, body: Body | None = None) -> Trouble:
    async with HttpSession(timeouts) as session:
        with pytest.raises(NoAnswer) as caught:
            await fetch(session, pacs, "POST" if body else "GET", body)
    return caught.value.trouble


async def failure_of(timeouts: Timeouts, pacs: Pacs) -> StreamBroken:
    async with HttpSession(timeouts) as session:
        with pytest.raises(StreamBroken) as caught:
            await fetch(session, pacs)
    return caught.value


@dataclass
class Slow:
    pieces: list[bytes]
    pause: float
    length: None = None

    async def open(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await asyncio.sleep(self.pause)
            yield piece


class Endless:
    length = None

    async def open(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536


@dataclass
class Failing:
    error: Exception
    length: None = None

    async def open(self) -> AsyncIterator[bytes]:
        yield b"the beginning"
        raise self.error


class Short:
    length = 100

    async def open(self) -> AsyncIterator[bytes]:
        yield b"not a hundred bytes"


class Sized:
    """Pieces of which the length is known; after each its source takes a while."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.length = sum(map(len, pieces))

    async def open(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
            await asyncio.sleep(0.2)
