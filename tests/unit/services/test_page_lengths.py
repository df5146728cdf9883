"""Whether a short page was the last one."""

from gateway.services.page_lengths import PageLengths


def test_a_page_of_a_few_rows_is_the_last_one() -> None:
    lengths = PageLengths()

    assert not lengths.may_be_cut(0)
    assert not lengths.may_be_cut(9)
    assert lengths.may_be_cut(10)


def test_a_page_shorter_than_one_before_is_the_last_one() -> None:
    lengths = PageLengths()
    lengths.saw(100)

    assert not lengths.may_be_cut(99)
    assert lengths.may_be_cut(100)


def test_a_page_that_nothing_followed_was_whole() -> None:
    lengths = PageLengths()
    lengths.saw(100)
    lengths.followed(100, by_more=False)

    assert not lengths.may_be_cut(100)
    assert lengths.may_be_cut(101)


def test_a_cap_stays_in_doubt_for_ever() -> None:
    lengths = PageLengths()
    lengths.saw(100)
    lengths.followed(100, by_more=True)
    lengths.followed(100, by_more=False)

    assert lengths.may_be_cut(100)
    assert not lengths.may_be_cut(99)
