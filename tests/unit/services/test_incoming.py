"""What becomes of one part of a store: see `gateway.services.incoming`."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.access.policy import AccessRequest, AllowAll
from gateway.dicom.operations import Operation
from gateway.dicom.resources import Resource
from gateway.dicom.store_report import (
    CANNOT_UNDERSTAND,
    NOT_AUTHORISED,
    OTHER_STUDY,
    OUT_OF_RESOURCES,
    FailedInstance,
    StoreReport,
)
from gateway.errors import (
    GatewayError,
    forbidden,
)
from gateway.services.spool import Spool, SpoolSettings
from tests.fakes.part10_files import explicit
from tests.fakes.store_requests import (
    STUDY,
    dicom_file,
    instance_uid,
    multipart,
    with_element,
)
from tests.fakes.store_setup import (
    CT,
    Setup,
    failed,
    files_of_at_most,
    resource_of,
    stored,
)


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def test_junk_among_good_instances_fails_alone(setup: Setup) -> None:
    body = multipart([dicom_file(1), os.urandom(5000), dicom_file(2)])
    report = await setup.send(body)
    assert report == StoreReport((stored(1), stored(2)), (FailedInstance(CANNOT_UNDERSTAND),))
    assert report.status == 202


async def test_junk_alone_is_a_conflict_that_is_reported(setup: Setup) -> None:
    report = await setup.send(multipart([os.urandom(5000), b"", b"DICM"]))
    assert report == StoreReport((), (FailedInstance(CANNOT_UNDERSTAND),) * 3)
    assert report.status == 409
    assert setup.archive.batches == []


async def test_an_instance_of_another_study_than_the_path_fails_alone(setup: Setup) -> None:
    body = multipart([dicom_file(1), dicom_file(2, study="1.2.3"), dicom_file(3)])
    report = await setup.send(body, STUDY)
    assert report == StoreReport((stored(1), stored(3)), (failed(2, OTHER_STUDY),))


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", ["", "1.2/../3"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
async def test_an_instance_without_its_uids_fails_alone(
    setup: Setup, keyword: str, value: str
) -> None:
    body = multipart([dicom_file(1, changes={keyword: value}), dicom_file(2)])
    report = await setup.send(body)
    assert report == StoreReport((stored(2),), (failed(1, CANNOT_UNDERSTAND),))


async def test_a_file_without_an_instance_uid_is_among_the_other_failures(setup: Setup) -> None:
    report = await setup.send(
        multipart([dicom_file(1, changes={"SOPInstanceUID": ""}), dicom_file(2)])
    )
    assert report.failed == (FailedInstance(CANNOT_UNDERSTAND, CT, None),)


async def test_a_header_may_be_long_but_not_without_end(setup: Setup) -> None:
    setup.max_instance = 10_000_000
    long, too_long = (
        with_element(dicom_file(number), explicit(0x00191001, b"OB", bytes(size)) * 10)
        for number, size in ((1, 200_000), (2, 210_000))
    )
    report = await setup.send(multipart([long, too_long, dicom_file(3)]))
    assert report == StoreReport((stored(1), stored(3)), (FailedInstance(CANNOT_UNDERSTAND),))


@pytest.mark.parametrize("tag", [0x00080018, 0x0020000D, 0x0020000E])
async def test_a_file_with_two_of_a_uid_fails_alone(setup: Setup, tag: int) -> None:
    """Readers do not agree on which one counts: it would be judged as one and filed as another."""
    twice = with_element(dicom_file(1), explicit(tag, b"UI", b"1.9\0"))
    report = await setup.send(multipart([twice, dicom_file(2)]))
    assert report == StoreReport((stored(2),), (FailedInstance(CANNOT_UNDERSTAND),))


@pytest.mark.parametrize("tag", [0x00080016, 0x00080018])
async def test_a_bare_dataset_with_a_uid_that_is_no_ascii_fails_alone(
    setup: Setup, tag: int
) -> None:
    bare = explicit(tag, b"UI", "1.ü2".encode("latin-1")) + explicit(0x00100020, b"LO", bytes(200))
    report = await setup.send(multipart([bare, dicom_file(2)]))
    assert report == StoreReport((stored(2),), (FailedInstance(CANNOT_UNDERSTAND),))


async def test_a_part_without_a_type_is_taken_if_it_is_dicom(setup: Setup) -> None:
    report = await setup.send(multipart([dicom_file(1), b"text"], part_type=None))
    assert report == StoreReport((stored(1),), (FailedInstance(CANNOT_UNDERSTAND),))


@pytest.mark.parametrize(
    "part_type", ["application/dicom+json", "application/octet-stream", "image/jpeg", "nonsense"]
)
async def test_parts_of_another_type_only_are_415(setup: Setup, part_type: str) -> None:
    with pytest.raises(GatewayError) as problem:
        await setup.send(multipart([dicom_file(1), dicom_file(2)], part_type=part_type))
    assert problem.value.status == 415
    assert setup.archive.batches == []


async def test_a_part_of_another_type_fails_alone(setup: Setup) -> None:
    good, other = multipart([dicom_file(1)], closed=False), multipart([b"{}"], part_type="a/b")
    report = await setup.send(good + other)
    assert report == StoreReport((stored(1),), (FailedInstance(CANNOT_UNDERSTAND),))


async def test_a_part_type_may_have_parameters(setup: Setup) -> None:
    part_type = "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    report = await setup.send(multipart([dicom_file(1)], part_type=part_type))
    assert report.status == 200


async def test_an_instance_over_the_limit_fails_alone(setup: Setup) -> None:
    setup.max_instance = len(dicom_file(1, pixels=2000))
    body = multipart([dicom_file(1), dicom_file(2, pixels=2002), dicom_file(3)])
    report = await setup.send(body)
    assert report == StoreReport((stored(1), stored(3)), (failed(2, OUT_OF_RESOURCES),))


async def test_only_an_instance_over_the_limit_is_413(setup: Setup) -> None:
    setup.max_instance = 1000
    with pytest.raises(GatewayError) as problem:
        await setup.send(multipart([dicom_file(1)]))
    assert problem.value.status == 413


async def test_a_full_disk_fails_the_instances_that_do_not_fit(tmp_path: Path) -> None:
    setup = Setup(spool=Spool(SpoolSettings(folder=tmp_path, in_memory=10_000)), batch=1)
    with files_of_at_most(300_000):
        body = multipart([dicom_file(1), dicom_file(2, pixels=600_000), dicom_file(3)])
        report = await setup.send(body)
        assert report == StoreReport((stored(1), stored(3)), (failed(2, OUT_OF_RESOURCES),))
        with pytest.raises(GatewayError) as problem:
            await setup.send(multipart([dicom_file(2, pixels=600_000)]))
    assert problem.value.status == 503
    assert problem.value.retry_after == timedelta(seconds=30)


class _Rule(AllowAll):
    """Takes instance 2 only where it may be anyone's."""

    def __init__(self, denied: GatewayError, *numbers: int) -> None:
        self.asked: list[AccessRequest] = []
        self._denied = denied
        self._instances = {instance_uid(number) for number in numbers}

    async def authorise(self, request: AccessRequest) -> None:
        self.asked.append(request)
        if request.resource is not None and request.resource.instance in self._instances:
            raise self._denied


async def test_each_instance_is_authorised_before_it_is_read(setup: Setup) -> None:
    setup.policy = rule = _Rule(forbidden("no"), 2)
    report = await setup.send(multipart([dicom_file(1), dicom_file(2)]), STUDY)
    assert report == StoreReport((stored(1),), (failed(2, NOT_AUTHORISED),))
    assert [each.resource for each in rule.asked] == [
        Resource(STUDY),
        resource_of(1),
        resource_of(2),
    ]
    assert {each.operation for each in rule.asked} == {Operation.STORE}
    assert {each.backends for each in rule.asked} == {("memory",)}


async def test_a_store_of_which_nothing_is_allowed_is_403(setup: Setup) -> None:
    setup.policy = _Rule(forbidden("no"), 1, 2)
    with pytest.raises(GatewayError) as problem:
        await setup.send(multipart([dicom_file(1), dicom_file(2)]))
    assert problem.value.status == 403
