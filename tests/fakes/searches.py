"""Searches of a PACS of the tests, through the adapter and its transport."""

from urllib.parse import parse_qsl

from gateway.backends.base import SearchPage
from gateway.backends.capabilities import Learned
from gateway.backends.dicomweb_search import search
from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search.query import SearchQuery, parse_search
from tests.fakes.pacs import Pacs
from tests.fakes.transports import ANYBODY, Bounds, wired

STUDIES = "/dicom-web/studies"


def study(number: int) -> Dataset:
    """A row of the study 2.25.<number>."""
    return {"0020000D": {"vr": "UI", "Value": [f"2.25.{number}"]}}


ROWS = [study(1), study(2)]


def search_for(text: str = "", level: Level = Level.STUDY, scope: str | None = None) -> SearchQuery:
    """The query of an encoded text, below the study `scope` if there is one."""
    return parse_search(level, scope, None, parse_qsl(text, keep_blank_values=True))


async def search_in(
    pacs: Pacs, query: SearchQuery, learned: Learned | None = None, bounds: Bounds | None = None
) -> SearchPage:
    """One page of the PACS."""
    async with wired(pacs, bounds) as made:
        return await search(made.transport, query, ANYBODY, learned or Learned())


def asked(pacs: Pacs) -> list[list[tuple[str, str]]]:
    """The pairs of each request that the PACS got, decoded."""
    return [parse_qsl(each.query, keep_blank_values=True) for each in pacs.requests]
