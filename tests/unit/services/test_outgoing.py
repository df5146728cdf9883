"""What leaves: honest datasets whose every URL is the gateway's."""

from typing import Any

import pytest

from gateway.dicom.links import Links
from gateway.dicom.resources import Dataset, Level, Resource
from gateway.errors import StreamBroken
from gateway.services.outgoing import outgoing_metadata, with_links
from tests.fakes.backend import MemoryBackend

LINKS = Links("https://pacs.example/gw/dicom-web")
INSTANCE = Resource("1.2", "1.2.3", "1.2.3.4")
BELOW = "studies/1.2/series/1.2.3/instances/1.2.3.4"


def metadata(**attributes: Any) -> Dataset:
    uids = {"0020000D": "1.2", "0020000E": "1.2.3", "00080018": "1.2.3.4"}
    dataset: Dataset = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}
    return dataset | {tag.removeprefix("t"): value for tag, value in attributes.items()}


def outgoing(dataset: Dataset, locations: dict[str, str | None]) -> Dataset:
    return outgoing_metadata(dataset, INSTANCE, MemoryBackend(locations=locations), LINKS)


def test_bulk_data_below_its_instance_keeps_its_own_path() -> None:
    uri = "http://127.0.0.1:8042/dicom-web/anything"
    dataset = metadata(t00420011={"vr": "OB", "BulkDataURI": uri})
    answer = outgoing(dataset, {uri: f"{BELOW}/bulk/00420011"})
    assert answer["00420011"] == {
        "vr": "OB",
        "BulkDataURI": f"https://pacs.example/gw/dicom-web/{BELOW}/bulk/00420011",
    }


def test_bulk_data_nested_in_sequences_is_rewritten_too() -> None:
    uri = "http://archive/bulk/icc"
    optical = {"vr": "SQ", "Value": [{}, {"00282000": {"vr": "OB", "BulkDataURI": uri}}]}
    answer = outgoing(metadata(t00480105=optical), {uri: "elsewhere/icc?sig=1"})
    assert answer["00480105"]["Value"][1]["00282000"]["BulkDataURI"] == (
        f"https://pacs.example/gw/dicom-web/{BELOW}/attributes/00480105.1.00282000"
    )


@pytest.mark.parametrize(
    "location", ["studies/9/series/9/instances/9/bulk/00420011", "bulk/17", "bulkdata/17"]
)
def test_bulk_data_that_is_not_below_its_instance_is_found_by_its_attribute(location: str) -> None:
    uri = "http://archive/other"
    dataset = metadata(t00420011={"vr": "OB", "BulkDataURI": uri})
    answer = outgoing(dataset, {uri: location})
    assert answer["00420011"]["BulkDataURI"] == (
        f"https://pacs.example/gw/dicom-web/{BELOW}/attributes/00420011"
    )


def test_bulk_data_outside_of_the_archive_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    uri = "https://elsewhere.example/presigned?token=secret"
    there = {"vr": "OB", "BulkDataURI": uri}
    answer = outgoing(metadata(t00420011=there, t00420012=dict(there)), {uri: None})
    assert answer.keys().isdisjoint({"00420011", "00420012"})
    assert [record.getMessage() for record in caplog.records] == [
        "Backend memory: 2 attributes left out, their bulk data is outside of the archive"
    ]


def test_inline_pixel_data_becomes_a_uri() -> None:
    answer = outgoing(metadata(t7FE00010={"vr": "OW", "InlineBinary": "AAA="}), {})
    assert answer["7FE00010"] == {
        "vr": "OW",
        "BulkDataURI": f"https://pacs.example/gw/dicom-web/{BELOW}/attributes/7FE00010",
    }


def test_a_text_that_looks_like_a_url_is_untouched() -> None:
    text = "see http://archive:8042/dicom-web/studies/1.2"
    dataset = metadata(
        t00204000={"vr": "LT", "Value": [text]}, t0008010E={"vr": "UR", "Value": [text[4:]]}
    )
    answer = outgoing(dataset, {})
    assert answer["00204000"]["Value"] == [text]
    assert answer["0008010E"]["Value"] == [text[4:]]


def test_a_retrieve_url_in_metadata_is_the_gateways() -> None:
    dataset = metadata(t00081190={"vr": "UR", "Value": ["http://archive/studies/null"]})
    assert outgoing(dataset, {})["00081190"]["Value"] == [
        f"https://pacs.example/gw/dicom-web/{BELOW}"
    ]


@pytest.mark.parametrize("tag", ["0020000D", "0020000E", "00080018"])
def test_metadata_of_something_else_is_never_passed_on(tag: str) -> None:
    dataset = metadata() | {tag: {"vr": "UI", "Value": ["9.9"]}}
    with pytest.raises(StreamBroken):
        outgoing(dataset, {})


@pytest.mark.parametrize("tag", ["0020000D", "0020000E", "00080018"])
def test_metadata_of_several_things_is_never_passed_on(tag: str) -> None:
    own = metadata()[tag]["Value"]
    with pytest.raises(StreamBroken):
        outgoing(metadata() | {tag: {"vr": "UI", "Value": ["9.9", *own]}}, {})


@pytest.mark.parametrize("uid", ["../../evil?a=b#c", "1.2.3 4", "1.2.\u0663", "1/2", "1" * 65])
def test_what_no_path_can_name_never_becomes_part_of_a_url(uid: str) -> None:
    named = {"vr": "UI", "Value": [uid]}
    row: Dataset = {"0020000D": named, "00081190": {"vr": "UR", "Value": ["http://archive/x"]}}
    assert with_links(row, Level.STUDY, None, LINKS) == {"0020000D": named}
    dataset = metadata(t00080018=named)
    with pytest.raises(StreamBroken):
        outgoing_metadata(dataset, Resource("1.2", "1.2.3"), MemoryBackend(), LINKS)


@pytest.mark.parametrize("nothing", [{}, {"error": "no such instance"}])
def test_an_object_that_is_no_dataset_is_never_passed_on(nothing: Dataset) -> None:
    with pytest.raises(StreamBroken):
        outgoing(nothing, {})


def test_a_study_row_gets_the_gateways_retrieve_url() -> None:
    row: Dataset = {
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
        "00081190": {"vr": "UR", "Value": ["http://archive:8080/rs/studies/1.2"]},
    }
    assert with_links(row, Level.STUDY, None, LINKS)["00081190"]["Value"] == [
        "https://pacs.example/gw/dicom-web/studies/1.2"
    ]


def test_a_series_row_takes_its_study_from_the_path() -> None:
    row: Dataset = {"0020000E": {"vr": "UI", "Value": ["1.2.3"]}}
    assert with_links(row, Level.SERIES, "1.2", LINKS)["00081190"]["Value"] == [
        "https://pacs.example/gw/dicom-web/studies/1.2/series/1.2.3"
    ]


@pytest.mark.parametrize("level", list(Level))
def test_a_row_without_its_uids_has_no_retrieve_url(level: Level) -> None:
    row: Dataset = {"00081190": {"vr": "UR", "Value": ["http://archive/rs/studies/null"]}}
    assert "00081190" not in with_links(row, level, None, LINKS)


def test_an_instance_row_without_its_series_has_no_retrieve_url() -> None:
    row: Dataset = {
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
        "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
    }
    assert "00081190" not in with_links(row, Level.INSTANCE, None, LINKS)


def test_a_row_with_nothing_but_values_and_a_sequence_is_looked_through() -> None:
    item = {"00081190": {"vr": "UR", "Value": ["http://archive/rs/studies/1.5"]}}
    row: Dataset = {
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
        "00081115": {"vr": "SQ", "Value": [item]},
    }
    assert with_links(row, Level.STUDY, None, LINKS)["00081115"]["Value"] == [
        {"00081190": {"vr": "UR", "Value": ["https://pacs.example/gw/dicom-web/studies/1.5"]}}
    ]
