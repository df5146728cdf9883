"""The archive that product tests stand on is a real one."""

import json
from pathlib import Path

import pytest

from tests.fakes.dicom_files import bundled_files
from tests.fakes.orthanc import Orthanc, OrthancFailed


def test_a_loaded_file_is_found_through_its_dicomweb_plugin(empty_orthanc: Orthanc) -> None:
    ct_small = bundled_files()[0]

    loaded = empty_orthanc.load(ct_small)

    status, answer = empty_orthanc.request("GET", "/dicom-web/instances")
    assert status == 200
    assert [row["00080018"]["Value"] for row in json.loads(answer)] == [
        ["1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"]
    ]
    assert empty_orthanc.file(loaded) == ct_small.read_bytes()


def test_two_archives_live_side_by_side(orthanc: Orthanc, empty_orthanc: Orthanc) -> None:
    orthanc.load(bundled_files()[0])

    assert empty_orthanc.instances() == []


def test_a_refused_file_is_an_error_that_names_it(empty_orthanc: Orthanc, tmp_path: Path) -> None:
    junk = tmp_path / "junk.dcm"
    junk.write_bytes(b"not DICOM")

    with pytest.raises(OrthancFailed, match=r"refused junk\.dcm: 400"):
        empty_orthanc.load(junk)
