from dataclasses import dataclass
from typing import Any

import pytest

from gateway.dicom.links import Links
from gateway.dicom.resources import Dataset, Resource
from gateway.dicom.store_report import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    FailedInstance,
    StoredInstance,
    StoreReport,
    failure_reason,
    is_store_report,
    parse_store_report,
    report_all_failed,
    report_without_a_body,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
LINKS = Links("https://pacs.example.org/dicom-web").retrieve


@dataclass(frozen=True, slots=True)
class Sent:
    resource: Resource
    sop_class: str = CT


def instance(number: int, study: str = "1.2") -> Resource:
    return Resource(study, "1.2.3", f"1.2.3.{number}")


def stored(number: int, warning: int | None = None, study: str = "1.2") -> StoredInstance:
    return StoredInstance(instance(number, study), CT, warning)


def failed(number: int, reason: int = PROCESSING_FAILURE) -> FailedInstance:
    return FailedInstance(reason, CT, f"1.2.3.{number}")


def item(number: int, **attributes: tuple[str, Any]) -> Dataset:
    named: Dataset = {"00081155": {"vr": "UI", "Value": [f"1.2.3.{number}"]}}
    return named | {
        tag.removeprefix("x"): {"vr": vr, "Value": [value]}
        for tag, (vr, value) in attributes.items()
    }


def sequence(*items: Dataset) -> dict[str, Any]:
    return {"vr": "SQ", "Value": list(items)}


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (StoreReport((stored(1), stored(2))), 200),
        (StoreReport((stored(1), stored(2, 0xB000))), 202),
        (StoreReport((stored(1),), (failed(2),)), 202),
        (StoreReport((), (failed(2),)), 409),
        (StoreReport(), 409),
    ],
)
def test_the_status_is_that_of_table_10_5_3_1(report: StoreReport, status: int) -> None:
    assert report.status == status


def test_merging_keeps_every_instance_in_order() -> None:
    first = StoreReport((stored(1),), (failed(2),))
    second = StoreReport((stored(3),), (failed(4),))
    assert first.merge(second) == StoreReport((stored(1), stored(3)), (failed(2), failed(4)))


def test_a_success_names_its_study_and_its_instances_at_the_gateway() -> None:
    dataset = StoreReport((stored(1), stored(2, 0xB000))).to_dataset(LINKS)
    base = "https://pacs.example.org/dicom-web/studies/1.2"
    assert dataset == {
        "00081190": {"vr": "UR", "Value": [base]},
        "00081199": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": [CT]},
                    "00081155": {"vr": "UI", "Value": ["1.2.3.1"]},
                    "00081190": {"vr": "UR", "Value": [f"{base}/series/1.2.3/instances/1.2.3.1"]},
                },
                {
                    "00081150": {"vr": "UI", "Value": [CT]},
                    "00081155": {"vr": "UI", "Value": ["1.2.3.2"]},
                    "00081190": {"vr": "UR", "Value": [f"{base}/series/1.2.3/instances/1.2.3.2"]},
                    "00081196": {"vr": "US", "Value": [0xB000]},
                },
            ],
        },
    }


def test_failures_with_and_without_uids_go_to_their_own_sequences() -> None:
    report = StoreReport((), (failed(1, OUT_OF_RESOURCES), FailedInstance(CANNOT_UNDERSTAND)))
    assert report.to_dataset(LINKS) == {
        "00081190": {"vr": "UR"},
        "00081198": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": [CT]},
                    "00081155": {"vr": "UI", "Value": ["1.2.3.1"]},
                    "00081197": {"vr": "US", "Value": [OUT_OF_RESOURCES]},
                }
            ],
        },
        "0008119A": {
            "vr": "SQ",
            "Value": [{"00081197": {"vr": "US", "Value": [CANNOT_UNDERSTAND]}}],
        },
    }


def test_attributes_are_in_ascending_order_at_every_level() -> None:
    report = StoreReport((stored(1, 0xB000),), (failed(2), FailedInstance(CANNOT_UNDERSTAND)))
    dataset = report.to_dataset(LINKS)
    assert list(dataset) == sorted(dataset) == ["00081190", "00081198", "00081199", "0008119A"]
    for attribute in list(dataset.values())[1:]:
        for each in attribute["Value"]:
            assert list(each) == sorted(each)


def test_no_url_stands_for_two_studies_at_once() -> None:
    report = StoreReport((stored(1, study="1.2"), stored(2, study="1.3")))
    assert report.study is None
    assert report.to_dataset(LINKS)["00081190"] == {"vr": "UR"}


def test_an_answer_is_read_for_each_instance_that_was_sent() -> None:
    answer = {
        "00081190": {"vr": "UR", "Value": ["http://archive:8080/studies/1.2"]},
        "00081198": sequence(item(2, x00081197=("US", 0x0122))),
        "00081199": sequence(
            item(1, x00081190=("UR", "http://archive:8080/studies/null")),
            item(3, x00081196=("US", 0xB007)),
        ),
    }
    report = parse_store_report(answer, [Sent(instance(number)) for number in (1, 2, 3)])
    assert report == StoreReport((stored(1), stored(3, 0xB007)), (failed(2, 0x0122),))
    assert "archive" not in str(report.to_dataset(LINKS))


def test_an_instance_that_the_answer_does_not_mention_has_failed() -> None:
    answer = {"00081199": sequence(item(1)), "00081198": {"vr": "SQ"}}
    report = parse_store_report(answer, [Sent(instance(1)), Sent(instance(2))])
    assert report == StoreReport((stored(1),), (failed(2, PROCESSING_FAILURE),))


def test_an_answer_with_empty_sequences_stored_nothing() -> None:
    answer = {"00081198": {"vr": "SQ"}, "00081199": {"vr": "SQ"}}
    report = parse_store_report(answer, [Sent(instance(1))])
    assert report == StoreReport((), (failed(1),))


def test_instances_that_nobody_sent_are_left_out() -> None:
    answer = {"00081199": sequence(item(1), item(9)), "00081198": sequence(item(8))}
    assert parse_store_report(answer, [Sent(instance(1))]) == StoreReport((stored(1),))


def test_a_failure_without_a_reason_is_a_processing_failure() -> None:
    answer = {"00081198": sequence(item(1), item(2, x00081197=("US", 0)))}
    report = parse_store_report(answer, [Sent(instance(1)), Sent(instance(2))])
    assert report == StoreReport((), (failed(1), failed(2)))


def test_a_reason_that_is_written_as_text_is_read() -> None:
    answer = {"00081198": sequence(item(1, x00081197=("US", "42752")))}
    assert parse_store_report(answer, [Sent(instance(1))]).failed == (failed(1, OUT_OF_RESOURCES),)


def test_an_instance_named_as_stored_and_as_failed_has_failed() -> None:
    answer = {"00081199": sequence(item(1)), "00081198": sequence(item(1))}
    assert parse_store_report(answer, [Sent(instance(1))]) == StoreReport((), (failed(1),))


def test_what_is_said_first_of_an_instance_counts() -> None:
    failures = sequence(item(1, x00081197=("US", 0x0111)), item(1, x00081197=("US", 0x0122)))
    report = parse_store_report({"00081198": failures}, [Sent(instance(1))])
    assert report == StoreReport((), (failed(1, 0x0111),))
    warnings = sequence(item(1, x00081196=("US", 0xB000)), item(1))
    report = parse_store_report({"00081199": warnings}, [Sent(instance(1))])
    assert report == StoreReport((stored(1, 0xB000),))


def test_an_answer_of_one_dataset_for_each_study_is_read_whole() -> None:
    answer = [{"00081199": sequence(item(1))}, {"00081199": sequence(item(2))}]
    report = parse_store_report(answer, [Sent(instance(1)), Sent(instance(2))])
    assert report == StoreReport((stored(1), stored(2)))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "stored",
        [None, 3],
        {"00081199": None},
        {"00081199": {"vr": "SQ", "Value": "1.2.3.1"}},
        {"00081199": {"vr": "SQ", "Value": [None, "1.2.3.1", {"00081155": {"Value": [None]}}]}},
        {"00081199": {"vr": "SQ", "Value": [{"00081155": {"Value": [{"a": 1}]}}]}},
    ],
)
def test_an_answer_of_another_shape_says_nothing_was_stored(answer: object) -> None:
    assert parse_store_report(answer, [Sent(instance(1))]) == StoreReport((), (failed(1),))


@pytest.mark.parametrize("code", [None, [], {}, "high", -1, 65536, 1e400, float("nan")])
def test_a_reason_that_is_none_is_a_processing_failure(code: object) -> None:
    answer = {"00081198": sequence(item(1, x00081197=("US", code)))}
    assert parse_store_report(answer, [Sent(instance(1))]) == StoreReport((), (failed(1),))


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_without_a_body_is_believed(status: int) -> None:
    report = report_without_a_body(status, [Sent(instance(1)), Sent(instance(2))])
    assert report == StoreReport((stored(1), stored(2)))


@pytest.mark.parametrize("status", [202, 206, 400, 409])
def test_any_other_status_without_a_body_stored_nothing_for_certain(status: int) -> None:
    assert report_without_a_body(status, [Sent(instance(1))]) == StoreReport((), (failed(1),))


def test_a_lost_batch_fails_with_its_reason() -> None:
    report = report_all_failed([Sent(instance(1)), Sent(instance(2))], OUT_OF_RESOURCES)
    assert report.failed == (failed(1, OUT_OF_RESOURCES), failed(2, OUT_OF_RESOURCES))


@pytest.mark.parametrize(
    ("status", "reason"),
    [(413, 0xA700), (503, 0xA700), (507, 0xA700), (403, 0x0124), (400, 0x0110), (500, 0x0110)],
)
def test_a_status_tells_why_an_instance_was_not_stored(status: int, reason: int) -> None:
    assert failure_reason(status) == reason


@pytest.mark.parametrize(
    ("answer", "is_report"),
    [
        ({"00081199": {"vr": "SQ"}}, True),
        ([{"0008119A": {"vr": "SQ"}}], True),
        ({"HttpError": "Bad Request", "HttpStatus": 400}, False),
        ({"00081190": {"vr": "UR"}}, False),
        ([], False),
        ("stored", False),
    ],
)
def test_an_error_document_is_no_store_report(answer: object, is_report: bool) -> None:
    assert is_store_report(answer) is is_report
