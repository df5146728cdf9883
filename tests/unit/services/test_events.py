import logging

import pytest

from gateway.dicom.resources import Resource
from gateway.services.events import Events, InstanceStored, StudyChanged

STORED = InstanceStored("orthanc", Resource("1.2", "1.3", "1.4"), "1.2.840.10008.5.1.4.1.1.2")


def test_subscribers_hear_of_their_kind_of_event_in_order() -> None:
    events = Events()
    heard: list[object] = []
    events.subscribe(InstanceStored, heard.append)
    events.subscribe(InstanceStored, lambda event: heard.append(event.backend))
    events.subscribe(StudyChanged, heard.append)
    events.publish(STORED)
    assert heard == [STORED, "orthanc"]
    events.publish(StudyChanged("1.2"))
    assert heard[2:] == [StudyChanged("1.2")]


def test_an_event_that_nobody_waits_for_is_no_problem() -> None:
    Events().publish(STORED)


def test_a_subscriber_that_fails_hurts_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    def fails(event: InstanceStored) -> None:
        raise RuntimeError(event.backend)

    events = Events()
    heard: list[InstanceStored] = []
    events.subscribe(InstanceStored, fails)
    events.subscribe(InstanceStored, heard.append)
    with caplog.at_level(logging.ERROR):
        events.publish(STORED)
    assert heard == [STORED]
    assert "A subscriber to InstanceStored failed" in caplog.text
