"""A PACS for tests of outbound sessions."""

from collections.abc import AsyncIterator

import pytest

from tests.fakes.pacs import Pacs


@pytest.fixture
async def pacs() -> AsyncIterator[Pacs]:
    async with Pacs() as pacs:
        yield pacs
