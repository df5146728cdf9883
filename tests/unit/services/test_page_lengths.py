"""Whether a short page was the last one."""

from gateway.dicom.resources import Level
from gateway.dicom.search.query import SearchQuery
from gateway.services.page_lengths import PageLengths
from tests.fakes.clock import Clock

QUERY = SearchQuery(Level.STUDY)
OTHER = SearchQuery(Level.STUDY, fuzzy=True)


def test_a_page_of_a_few_rows_is_the_last_one() -> None:
    lengths = PageLengths()

    assert not lengths.may_be_cut(QUERY, 0)
    assert not lengths.may_be_cut(QUERY, 9)
    assert lengths.may_be_cut(QUERY, 10)


def test_a_page_shorter_than_one_before_is_the_last_one() -> None:
    lengths = PageLengths()
    lengths.saw(100)

    assert not lengths.may_be_cut(QUERY, 99)
    assert lengths.may_be_cut(QUERY, 100)


def test_a_page_that_nothing_followed_was_whole_for_a_while_and_for_its_own_search() -> None:
    clock = Clock()
    lengths = PageLengths(clock)
    lengths.saw(100)
    lengths.followed(QUERY, 100, by_more=False)

    assert not lengths.may_be_cut(QUERY, 100)
    assert lengths.may_be_cut(QUERY, 101)
    assert lengths.may_be_cut(OTHER, 100)
    clock.now += 6
    assert lengths.may_be_cut(QUERY, 100)


def test_a_page_that_more_followed_stays_in_doubt() -> None:
    lengths = PageLengths()
    lengths.saw(100)
    lengths.followed(QUERY, 100, by_more=False)
    lengths.followed(QUERY, 100, by_more=True)

    assert lengths.may_be_cut(QUERY, 100)
    assert not lengths.may_be_cut(QUERY, 99)
