"""Whether a short page was the last one."""

from gateway.services.page_lengths import PageLengths
from tests.fakes.clock import Clock

HOUR = 3600


def test_a_page_of_a_few_rows_is_the_last_one() -> None:
    lengths = PageLengths()

    assert not lengths.may_be_cut(None, 0)
    assert not lengths.may_be_cut(None, 9)
    assert lengths.may_be_cut(None, 10)


def test_a_page_shorter_than_one_before_is_the_last_one() -> None:
    lengths = PageLengths()
    lengths.saw(None, 100)
    lengths.saw(None, 50)

    assert not lengths.may_be_cut(None, 99)
    assert lengths.may_be_cut(None, 100)


def test_what_one_limit_brought_says_nothing_of_another() -> None:
    lengths = PageLengths()
    lengths.saw(500, 400)

    assert not lengths.may_be_cut(500, 100)
    assert lengths.may_be_cut(None, 100)
    assert lengths.may_be_cut(501, 100)


def test_the_longest_page_is_believed_for_an_hour_since_it_was_last_seen() -> None:
    clock = Clock()
    lengths = PageLengths(clock)
    lengths.saw(None, 400)
    clock.now += HOUR - 1
    assert not lengths.may_be_cut(None, 100)
    lengths.saw(None, 400)
    lengths.saw(None, 100)
    clock.now += HOUR - 1
    assert not lengths.may_be_cut(None, 100)

    clock.now += 2
    assert lengths.may_be_cut(None, 100)
    lengths.saw(None, 100)
    assert not lengths.may_be_cut(None, 99)
    assert lengths.may_be_cut(None, 100)


def test_the_limit_that_was_longest_unused_is_forgotten_first() -> None:
    lengths = PageLengths()
    for limit in range(1000, 1064):
        lengths.saw(limit, 100)
    lengths.saw(1000, 100)
    lengths.saw(None, 100)

    assert not lengths.may_be_cut(1000, 99)
    assert lengths.may_be_cut(1001, 99)
