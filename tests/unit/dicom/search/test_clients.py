"""Searches as clients were seen to send them, and what an archive is sent for each."""

from urllib.parse import parse_qsl

import pytest

from gateway.dicom.resources import Level
from gateway.dicom.search.query import parse_search

OHIF_FIELDS = "00081030,00080060,00080090,00100030"


@pytest.mark.parametrize(
    ("level", "query", "sent"),
    [
        pytest.param(
            Level.STUDY,
            "limit=101&offset=0&fuzzymatching=true"
            "&includefield=00081030%2C00080060%2C00080090%2C00100030&StudyInstanceUID=1.2.3",
            {
                "StudyInstanceUID": "1.2.3",
                "includefield": OHIF_FIELDS,
                "fuzzymatching": "true",
                "limit": "101",
            },
            id="a viewer opens a study",
        ),
        pytest.param(
            Level.SERIES,
            "includefield=00080021%2C00080031%2C0008103E%2C00200011",
            {"includefield": "00080021,00080031,0008103E,00200011"},
            id="a viewer lists a study's series",
        ),
        pytest.param(
            Level.STUDY,
            "00100020=12345&limit=101&offset=0&fuzzymatching=false&includefield=00081030",
            {
                "00100020": "12345",
                "includefield": "00081030",
                "fuzzymatching": "false",
                "limit": "101",
            },
            id="a viewer looks for prior studies",
        ),
        pytest.param(
            Level.STUDY,
            "PatientName=*doe*&00100020=*1*&AccessionNumber=*A*&StudyDescription=*head*"
            "&ModalitiesInStudy=CT,MR&StudyDate=20200101-20201231&limit=101&offset=101",
            {
                "PatientName": "*doe*",
                "00100020": "*1*",
                "AccessionNumber": "*A*",
                "StudyDescription": "*head*",
                "ModalitiesInStudy": "CT,MR",
                "StudyDate": "20200101-20201231",
                "limit": "101",
                "offset": "101",
            },
            id="a study list with every filter",
        ),
        pytest.param(
            Level.STUDY,
            r"StudyInstanceUID=1.2.3\1.2.4",
            {"StudyInstanceUID": "1.2.3,1.2.4"},
            id="a list of UIDs joined as in a C-FIND",
        ),
        pytest.param(
            Level.STUDY,
            "PatientID=%2AA%2A&StudyDate=20200101&fuzzymatching=true"
            "&includefield=StudyDescription&includefield=00081060&limit=2&offset=0",
            {
                "PatientID": "*A*",
                "StudyDate": "20200101",
                "includefield": ["StudyDescription", "00081060"],
                "fuzzymatching": "true",
                "limit": "2",
            },
            id="the Python client repeats its fields",
        ),
        pytest.param(
            Level.STUDY,
            "00100020=ID&00100021=HOSP&includefield=00080020,00080030",
            {"00100020": "ID", "00100021": "HOSP", "includefield": "00080020,00080030"},
            id="a desktop viewer names the issuer",
        ),
        pytest.param(Level.STUDY, "00080050=", {"00080050": ""}, id="an empty accession number"),
        pytest.param(Level.SERIES, "0020000E=", {"0020000E": ""}, id="a relational series search"),
        pytest.param(
            Level.SERIES,
            "0020000E=1.2.3&includefield=00201209",
            {"0020000E": "1.2.3", "includefield": "00201209"},
            id="the number of a series' instances",
        ),
        pytest.param(
            Level.INSTANCE,
            "includefield=00080018&limit=1&offset=12",
            {"includefield": "00080018", "limit": "1", "offset": "12"},
            id="instance after instance",
        ),
        pytest.param(
            Level.INSTANCE,
            "limit=1&includefield=00080018",
            {"includefield": "00080018", "limit": "1"},
            id="any instance, for a thumbnail",
        ),
        pytest.param(
            Level.SERIES,
            "includefield=0020000D&includefield=0020000E",
            {"includefield": ["0020000D", "0020000E"]},
            id="a slide viewer repeats its fields",
        ),
    ],
)
def test_a_client_is_understood(level: Level, query: str, sent: dict[str, str | list[str]]) -> None:
    parsed = parse_search(level, None, None, parse_qsl(query, keep_blank_values=True))

    got: dict[str, str | list[str]] = {}
    for name, value in parsed.parameters():
        before = got.get(name)
        got[name] = value if before is None else [*_list(before), value]
    assert got == sent
    assert parsed.ignored == ()


def test_a_viewer_s_own_parameters_are_ignored() -> None:
    pairs = [("lossy", "jhc"), ("PatientID", "1"), ("_", "1700000000")]

    parsed = parse_search(Level.STUDY, None, None, pairs)

    assert parsed.parameters() == (("PatientID", "1"),)
    assert parsed.ignored == ("lossy", "_")


def _list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
