"""What is remembered of a backend's searches, and for how long."""

from gateway.dicom.resources import Level
from gateway.dicom.search.query import parse_search
from gateway.services.search_manners import SearchManners
from tests.fakes.clock import Clock

NAMED = parse_search(Level.STUDY, None, None, [("PatientName", "A"), ("PatientID", "1")])
OTHER = parse_search(Level.STUDY, None, None, [("PatientID", "1")])


def test_a_key_that_was_not_matched_is_remembered_for_an_hour() -> None:
    clock = Clock()
    manners = SearchManners(clock)
    manners.did_not_match(NAMED, {"PatientName"})

    assert (manners.pages(NAMED), manners.pages(OTHER)) == (False, True)
    clock.now += 3601
    assert manners.pages(NAMED)


def test_repeated_rows_are_remembered_for_an_hour() -> None:
    clock = Clock()
    manners = SearchManners(clock)
    assert manners.pages(OTHER)
    manners.did_repeat()

    assert not manners.pages(OTHER)
    clock.now += 3601
    assert manners.pages(OTHER)
