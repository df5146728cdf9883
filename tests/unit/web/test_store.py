"""What a store is answered with, by the whole gateway."""

import json

import pytest

from gateway.dicom.dicom_xml import from_xml, to_xml
from tests.fakes.gateway import gateway_before
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.store_gateway import (
    JSON,
    ONE,
    STORE,
    TWO,
    XML,
    post,
    report,
    running,
    stores,
    uids,
)
from tests.fakes.store_requests import (
    SERIES,
    STUDY,
    dicom_file,
    instance_uid,
    multipart,
)


async def test_a_store_is_answered_with_its_report() -> None:
    async with running(Reply(json=report([1, 2]))) as (gateway, pacs):
        status, headers, body = await post(gateway, multipart([ONE, TWO]))
        study = f"{gateway.base}/studies/{STUDY}"
    assert status == 200
    assert headers["Content-Type"] == JSON
    assert headers["Content-Length"] == str(len(body))
    assert headers["Location"] == study
    assert len(stores(pacs)) == 1
    assert ONE in (stores(pacs)[0].body or b"")
    answer = json.loads(body)
    assert list(answer) == ["00081190", "00081199"]
    assert answer["00081190"] == {"vr": "UR", "Value": [study]}
    assert [item["00081190"]["Value"] for item in answer["00081199"]["Value"]] == [
        [f"{study}/series/{SERIES}/instances/{instance_uid(number)}"] for number in (1, 2)
    ]
    assert b"archive.internal" not in body
    assert b"null" not in body


async def test_one_backends_own_address_is_in_the_report_of_a_store_there() -> None:
    async with running(Reply(json=report([1]))) as (gateway, _):
        status, headers, _ = await post(gateway, multipart([ONE]), "/backends/pacs/studies")
    assert status == 200
    assert headers["Location"] == f"{gateway.base}/backends/pacs/studies/{STUDY}"


@pytest.mark.parametrize("archive", [JSON, XML])
@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", JSON),
        ("*/*", JSON),
        (JSON, JSON),
        ("application/json", JSON),
        (XML, XML),
        ("application/xml, text/html;q=0.2", XML),
        (f"{XML};q=0.5, {JSON};q=0.4", XML),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", JSON),
    ],
)
async def test_the_form_of_the_answer_follows_accept_whatever_the_archives_form_is(
    archive: str, accept: str, answered: str
) -> None:
    dataset = report([2, 5], [1, 3, 4])
    reply = (
        Reply(202, json=dataset)
        if archive == JSON
        else Reply(202, {"Content-Type": XML}, to_xml(dataset))
    )
    five = multipart([dicom_file(number) for number in range(1, 6)])
    async with running(reply) as (gateway, _):
        status, headers, body = await post(gateway, five, Accept=accept)
    assert status == 202
    assert headers["Content-Type"] == answered
    answer = json.loads(body) if answered == JSON else from_xml(body)
    assert uids(answer, "00081199") == ["2", "5"]
    assert uids(answer, "00081198") == ["1", "3", "4"]
    assert [item["00081197"]["Value"] for item in answer["00081198"]["Value"]] == [[0xA900]] * 3
    assert b"archive.internal" not in body


async def test_the_accept_parameter_wins_over_the_header() -> None:
    async with running(Reply(json=report([1]))) as (gateway, _):
        path = "/studies?accept=application/dicom%2Bxml"
        _, headers, _ = await post(gateway, multipart([ONE]), path, Accept=JSON)
    assert headers["Content-Type"] == XML


async def test_one_junk_part_does_not_fail_the_others() -> None:
    async with running(Reply(json=report([1, 2]))) as (gateway, _):
        status, _, body = await post(gateway, multipart([ONE, bytes(5000), TWO]))
    answer = json.loads(body)
    assert status == 202
    assert uids(answer, "00081199") == ["1", "2"]
    assert "00081198" not in answer
    assert answer["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]


@pytest.mark.parametrize("accept", [JSON, XML])
async def test_only_junk_is_a_conflict_with_a_report(accept: str) -> None:
    async with running() as (gateway, pacs):
        status, headers, body = await post(gateway, multipart([b"junk"]), Accept=accept)
    answer = json.loads(body) if accept == JSON else from_xml(body)
    assert status == 409
    assert headers["Content-Type"] == accept
    assert "Location" not in headers
    assert answer == {
        "00081190": {"vr": "UR"},
        "0008119A": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [0xC000]}}]},
    }
    assert stores(pacs) == []


async def test_a_wrong_study_is_a_conflict_and_never_reaches_the_archive() -> None:
    async with running(path=f"{STORE}/1.2.3") as (gateway, pacs):
        status, _, body = await post(gateway, multipart([ONE]), "/studies/1.2.3")
    assert status == 409
    assert json.loads(body)["00081198"]["Value"][0]["00081197"]["Value"] == [0xC409]
    assert stores(pacs) == []


@pytest.mark.parametrize(("archive", "status"), [(500, 502), (503, 503), (504, 504), (401, 502)])
async def test_an_archive_that_is_away_is_a_problem_that_says_so(archive: int, status: int) -> None:
    async with running(Reply(archive, body=b"Traceback: secret.internal")) as (gateway, _):
        answer = await post(gateway, multipart([ONE]))
    assert answer[0] == status
    assert answer[1]["Content-Type"] == "application/problem+json"
    assert ("Retry-After" in answer[1]) == (status == 503)
    assert b"internal" not in answer[2]


async def test_nothing_listens_where_the_archive_should_be() -> None:
    async with Pacs() as pacs:
        base = pacs.base
    async with gateway_before(base) as gateway:
        status, _, _ = await post(gateway, multipart([ONE]))
    assert status == 502
