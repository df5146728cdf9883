"""The short memory of pages that were full."""

from gateway.dicom.resources import Level
from gateway.dicom.search.query import SearchQuery
from gateway.services.full_pages import FullPages
from tests.fakes.clock import Clock


def _page(offset: int) -> SearchQuery:
    return SearchQuery(Level.STUDY, limit=1, offset=offset)


def test_a_page_is_remembered_for_seconds() -> None:
    clock = Clock()
    pages = FullPages[SearchQuery](clock)
    pages.note(_page(0), is_cut=True)
    pages.note(_page(1), is_cut=False)

    assert [pages.is_cut(_page(offset)) for offset in (0, 1, 2)] == [True, False, None]
    clock.now += 4.9
    assert pages.is_cut(_page(0)) is True
    clock.now += 0.2
    assert [pages.is_cut(_page(offset)) for offset in (0, 1)] == [None, None]


def test_the_oldest_page_is_forgotten_before_the_memory_grows() -> None:
    pages = FullPages[SearchQuery](Clock())
    for offset in range(256):
        pages.note(_page(offset), is_cut=True)
    pages.note(_page(0), is_cut=True)
    pages.note(_page(256), is_cut=True)

    assert pages.is_cut(_page(0)) is True
    assert pages.is_cut(_page(1)) is None
