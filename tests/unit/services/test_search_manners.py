"""What is remembered of a backend's searches, and for how long."""

from gateway.access.principal import Principal
from gateway.dicom.resources import Level
from gateway.dicom.search.query import SearchQuery, parse_search
from gateway.services.search_manners import SearchManners
from tests.fakes.clock import Clock

NAMED = parse_search(Level.STUDY, None, None, [("PatientName", "A"), ("PatientID", "1")])
OTHER = parse_search(Level.STUDY, None, None, [("PatientID", "1")])
ANYBODY = Principal("anybody")
TOKENS = [Principal("anybody", bearer_token=token) for token in ("secret-1", "secret-2")]


def test_a_key_that_was_not_matched_is_remembered_for_an_hour() -> None:
    clock = Clock()
    manners = SearchManners(clock)
    manners.did_not_match(NAMED, {"PatientName"})

    clock.now += 3599
    assert (manners.pages(NAMED), manners.pages(OTHER)) == (False, True)
    clock.now += 2
    assert manners.pages(NAMED)


def test_repeated_rows_are_remembered_for_an_hour() -> None:
    clock = Clock()
    manners = SearchManners(clock)
    assert manners.pages(OTHER)
    manners.did_repeat()

    clock.now += 3599
    assert not manners.pages(OTHER)
    clock.now += 2
    assert manners.pages(OTHER)


def test_that_the_offset_is_honoured_is_believed_for_an_hour() -> None:
    clock = Clock()
    manners = SearchManners(clock)
    assert not manners.honours_offset
    manners.did_see_offset(honoured=True)

    clock.now += 3599
    assert (manners.honours_offset, manners.pages(OTHER)) == (True, True)
    clock.now += 2
    assert not manners.honours_offset


def test_an_offset_that_is_ignored_is_of_no_use_for_an_hour() -> None:
    clock = Clock()
    manners = SearchManners(clock)
    manners.did_see_offset(honoured=True)
    manners.did_see_offset(honoured=False)

    clock.now += 3599
    assert (manners.honours_offset, manners.pages(OTHER)) == (False, False)
    clock.now += 2
    assert manners.pages(OTHER)


def test_all_that_is_remembered_goes_by_one_clock() -> None:
    clock = Clock()
    hints = SearchManners(clock).hints(ANYBODY)
    hints.saw(OTHER, None, 400)
    hints.was_full(OTHER, is_cut=True)

    clock.now += 4.9
    assert hints.is_cut(OTHER) is True
    clock.now += 0.2
    assert hints.is_cut(OTHER) is None
    clock.now += 3590
    assert not hints.may_be_cut(OTHER, None, 100)
    clock.now += 10
    assert hints.may_be_cut(OTHER, None, 100)


def test_a_page_that_nothing_followed_was_whole_for_a_while_and_for_its_own_search() -> None:
    clock = Clock()
    hints = SearchManners(clock).hints(ANYBODY)
    hints.saw(OTHER, None, 100)
    hints.followed(OTHER, 100, by_more=False)

    assert not hints.may_be_cut(OTHER, None, 100)
    assert hints.may_be_cut(OTHER, None, 101)
    assert hints.may_be_cut(NAMED, None, 100)
    clock.now += 6
    assert hints.may_be_cut(OTHER, None, 100)


def test_a_page_that_more_followed_stays_in_doubt() -> None:
    hints = SearchManners().hints(ANYBODY)
    hints.saw(OTHER, None, 100)
    hints.followed(OTHER, 100, by_more=False)
    hints.followed(OTHER, 100, by_more=True)

    assert hints.may_be_cut(OTHER, None, 100)
    assert not hints.may_be_cut(OTHER, None, 99)


def test_what_one_caller_was_given_says_nothing_of_what_another_may_see() -> None:
    manners = SearchManners()
    one, two = (manners.hints(caller) for caller in TOKENS)
    one.was_full(OTHER, is_cut=False)
    one.followed(OTHER, 100, by_more=False)
    again = manners.hints(Principal("anybody", bearer_token="secret-1"))

    assert (one.is_cut(OTHER), again.is_cut(OTHER), two.is_cut(OTHER)) == (False, False, None)
    assert not again.may_be_cut(OTHER, None, 100)
    assert two.may_be_cut(OTHER, None, 100)
    assert manners.hints(ANYBODY).is_cut(OTHER) is None
    assert manners.hints(Principal("another", bearer_token="secret-1")).is_cut(OTHER) is None


def test_no_token_is_kept() -> None:
    assert "secret" not in repr(SearchManners().hints(TOKENS[0]))


def test_results_that_changed_are_forgotten_and_so_is_what_a_search_under_way_has_seen() -> None:
    manners = SearchManners()
    under_way = manners.hints(ANYBODY)
    under_way.was_full(OTHER, is_cut=False)
    under_way.saw(OTHER, None, 400)
    manners.forget_results()
    under_way.was_full(SearchQuery(Level.STUDY), is_cut=False)

    hints = manners.hints(ANYBODY)
    assert (hints.is_cut(OTHER), hints.is_cut(SearchQuery(Level.STUDY))) == (None, None)
    # How many rows the archive gives at once is as it was.
    assert not hints.may_be_cut(OTHER, None, 100)
