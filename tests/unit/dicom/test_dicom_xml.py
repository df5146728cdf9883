import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.dicom_xml import from_xml, to_xml
from gateway.dicom.resources import Dataset

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
)
TAIL = "</NativeDicomModel>\n"

EVERY_KIND: Dataset = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
    "00080050": {"vr": "SH"},
    "00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}, {}]},
    "00090010": {"vr": "LO", "Value": ["ACME 1.1"]},
    "00090020": {"vr": "LO", "Value": ["OTHER"]},
    "00091001": {"vr": "UN", "InlineBinary": "AAEC"},
    "00092001": {"vr": "LO", "Value": ["second block"]},
    "00100010": {
        "vr": "PN",
        "Value": [
            {"Alphabetic": "Wang^XiaoDong^^Dr^PhD", "Ideographic": "王^小東", "Phonetic": "W^X"},
            {"Alphabetic": "^Only Given"},
        ],
    },
    "00181310": {"vr": "US", "Value": [0, 256, 65535]},
    "00189073": {"vr": "FD", "Value": [0.1, -2.5e-300, "NaN"]},
    "00204000": {"vr": "LT", "Value": ['  two\r\nlines & <tags> "quoted"\t']},
    "00281050": {"vr": "DS", "Value": [40.0, "0.12345678901234567890", "wide"]},
    "00280009": {"vr": "AT", "Value": ["00181063"]},
    "7FE00010": {"vr": "OW", "BulkDataURI": "https://pacs.example.org/a?b=1&c=2"},
}

REPORT = (
    HEAD + '<DicomAttribute tag="00081190" vr="UR" keyword="RetrieveURL">'
    '<Value number="1">https://pacs.example.org/dicom-web/studies/1.2</Value></DicomAttribute>'
    '<DicomAttribute tag="00081198" vr="SQ" keyword="FailedSOPSequence"><Item number="1">'
    '<DicomAttribute tag="00081150" vr="UI" keyword="ReferencedSOPClassUID">'
    '<Value number="1">1.2.840.10008.5.1.4.1.1.2</Value></DicomAttribute>'
    '<DicomAttribute tag="00081155" vr="UI" keyword="ReferencedSOPInstanceUID">'
    '<Value number="1">1.2.3.4</Value></DicomAttribute>'
    '<DicomAttribute tag="00081197" vr="US" keyword="FailureReason">'
    '<Value number="1">272</Value></DicomAttribute></Item></DicomAttribute>' + TAIL
)


def document(content: str) -> bytes:
    return (HEAD + content + TAIL).encode()


def attribute(vr: str, content: str, tag: str = "00204000") -> Any:
    parsed = from_xml(document(f'<DicomAttribute tag="{tag}" vr="{vr}">{content}</DicomAttribute>'))
    return parsed[tag].get("Value")


def test_a_store_report_is_written_as_the_standard_shows() -> None:
    dataset: Dataset = {
        "00081190": {"vr": "UR", "Value": ["https://pacs.example.org/dicom-web/studies/1.2"]},
        "00081198": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
                    "00081155": {"vr": "UI", "Value": ["1.2.3.4"]},
                    "00081197": {"vr": "US", "Value": [272]},
                }
            ],
        },
    }
    assert to_xml(dataset).decode() == REPORT
    assert from_xml(REPORT.encode()) == dataset


def test_a_person_name_is_written_by_its_components() -> None:
    dataset: Dataset = {"00100010": EVERY_KIND["00100010"]}
    assert to_xml(dataset).decode() == (
        HEAD + '<DicomAttribute tag="00100010" vr="PN" keyword="PatientName">'
        '<PersonName number="1"><Alphabetic><FamilyName>Wang</FamilyName>'
        "<GivenName>XiaoDong</GivenName><NamePrefix>Dr</NamePrefix><NameSuffix>PhD</NameSuffix>"
        "</Alphabetic><Ideographic><FamilyName>王</FamilyName><GivenName>小東</GivenName>"
        "</Ideographic><Phonetic><FamilyName>W</FamilyName><GivenName>X</GivenName></Phonetic>"
        '</PersonName><PersonName number="2"><Alphabetic><GivenName>Only Given</GivenName>'
        "</Alphabetic></PersonName></DicomAttribute>" + TAIL
    )


def test_a_private_attribute_is_written_with_its_creator_and_without_its_block() -> None:
    dataset: Dataset = {tag: EVERY_KIND[tag] for tag in ("00090020", "00092001")}
    assert to_xml(dataset).decode() == (
        HEAD + '<DicomAttribute tag="00090020" vr="LO"><Value number="1">OTHER</Value>'
        '</DicomAttribute><DicomAttribute tag="00090001" vr="LO" privateCreator="OTHER">'
        '<Value number="1">second block</Value></DicomAttribute>' + TAIL
    )


def test_every_kind_of_attribute_survives_the_round_trip() -> None:
    assert from_xml(to_xml(EVERY_KIND)) == dict(sorted(EVERY_KIND.items()))


def test_bulk_data_and_inline_binary_are_written_as_such() -> None:
    dataset: Dataset = {tag: EVERY_KIND[tag] for tag in ("00091001", "7FE00010")}
    text = to_xml(dataset).decode()
    assert "<InlineBinary>AAEC</InlineBinary>" in text
    assert '<BulkData uri="https://pacs.example.org/a?b=1&amp;c=2"/>' in text


@given(st.text())
def test_whatever_a_text_holds_the_document_is_well_formed(text: str) -> None:
    dataset: Dataset = {
        "00204000": {"vr": "LT", "Value": [text]},
        "7FE00010": {"vr": "OB", "BulkDataURI": text},
    }
    root = ElementTree.fromstring(to_xml(dataset))  # noqa: S314
    held = root[0][0].text or ""
    assert len(held) == len(text)
    assert all(one in (other, "\ufffd") for one, other in zip(held, text, strict=True))
    assert root[1][0].attrib["uri"] == held


@pytest.mark.parametrize(
    "value", [1, "text", True, {"a": 1}, ["nested"], {"vr": "SQ", "Value": [3, None]}]
)
def test_a_dataset_of_another_shape_is_still_written(value: Any) -> None:
    for vr in ("PN", "SQ", "US", "bad", None):
        written = to_xml(
            {"00100010": {"vr": vr, "Value": [value]}, "no tag": {}, "00100020": value}
        )
        root = ElementTree.fromstring(written)  # noqa: S314
        assert root.tag == f"{{{NAMESPACE}}}NativeDicomModel"


def test_a_person_name_that_is_plain_text_is_taken_apart() -> None:
    dataset: Dataset = {"00100010": {"vr": "PN", "Value": ["Yamada^Tarou=山田^太郎"]}}
    assert from_xml(to_xml(dataset))["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}
    ]


def test_values_are_read_as_json_has_them() -> None:
    assert attribute("US", '<Value number="1"> 272 </Value>') == [272]
    assert attribute("SV", '<Value number="1">9223372036854775807</Value>') == [
        "9223372036854775807"
    ]
    assert attribute("DS", '<Value number="1">1.50</Value><Value number="2">1e400</Value>') == [
        1.5,
        "1e400",
    ]
    assert attribute("FD", '<Value number="1">4.6799999999999997</Value>') == [4.68]
    assert attribute("FL", '<Value number="1">NaN</Value><Value number="2"/>') == ["NaN", None]
    assert attribute("IS", '<Value number="1">1.0</Value><Value number="2">1_0</Value>') == [
        "1.0",
        "1_0",
    ]
    assert attribute("UI", '<Value number="1">\n  1.2.3\n</Value>') == ["1.2.3"]
    assert attribute("LT", '<Value number="1">  as it is </Value>') == ["  as it is "]
    assert attribute("SH", "") is None


def test_a_document_without_namespace_or_vr_is_read() -> None:
    parsed = from_xml(
        b"<NativeDicomModel><DicomAttribute tag='00081190'><Value number='1'>http://a/b</Value>"
        b"</DicomAttribute><DicomAttribute tag='00091001'/></NativeDicomModel>"
    )
    assert parsed == {
        "00081190": {"vr": "UR", "Value": ["http://a/b"]},
        "00091001": {"vr": "UN"},
    }


def test_a_private_attribute_without_a_reserved_block_gets_one() -> None:
    parsed = from_xml(
        document(
            '<DicomAttribute tag="00090001" vr="SH" privateCreator="ACME"/>'
            '<DicomAttribute tag="00090010" vr="LO"><Value number="1">OTHER</Value>'
            "</DicomAttribute>"
        )
    )
    assert parsed == {
        "00090010": {"vr": "LO", "Value": ["OTHER"]},
        "00090011": {"vr": "LO", "Value": ["ACME"]},
        "00091101": {"vr": "SH"},
    }


def test_what_is_no_attribute_is_left_out() -> None:
    assert from_xml(document('<DicomAttribute tag="0010" vr="LO"/><Other/>text')) == {}


def test_another_document_is_refused() -> None:
    with pytest.raises(ValueError, match="no Native DICOM Model"):
        from_xml(b"<html><body>Please log in</body></html>")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_real_datasets_survive_the_round_trip(data_files: tuple[Path, ...]) -> None:
    compared = 0
    for path in data_files:
        dataset = _without_padding(_json_of(path))
        if dataset is not None:
            compared += 1
            assert from_xml(to_xml(dataset)) == dataset, path.name
    assert compared >= 20


@pytest.mark.dcmtk
def test_the_toolkits_own_documents_are_read_and_written_alike(
    data_files: tuple[Path, ...],
) -> None:
    compared = 0
    for path in data_files:
        command = ["dcm2xml", "--native-format", "--use-xml-namespace", "+U8", "+Eb", "-q"]
        answer = subprocess.run([*command, path], capture_output=True, check=False)
        if answer.returncode == 0:
            compared += 1
            again = to_xml(from_xml(answer.stdout))
            assert _flat(again) == _flat(answer.stdout), path.name
    assert compared >= 20


def _json_of(path: Path) -> Dataset | None:
    """The dataset as strict JSON would have it, or None where pydicom cannot give that."""
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True).to_json_dict()
        return dict(json.loads(json.dumps(dataset, allow_nan=False)))
    except (pydicom.errors.InvalidDicomError, ValueError, EOFError, TypeError):
        return None


def _without_padding(value: Any) -> Any:
    """Empty values, names and sequences in the one form that an XML document has for them."""
    if isinstance(value, dict):
        cleaned = {key: _without_padding(inner) for key, inner in value.items()}
        kept = {key: inner for key, inner in cleaned.items() if inner or len(key) == 8}
        return kept if kept or not value else None
    if isinstance(value, list):
        values = [_without_padding(inner) for inner in value]
        return [] if values == [None] else values
    if isinstance(value, str):
        return value.rstrip("^") or None
    return value


def _flat(document: bytes) -> list[tuple[str, dict[str, str], str]]:
    """Every element that says something, in order; numbers by value, bulk data by presence."""
    seen = []
    for element in ElementTree.fromstring(document).iter():  # noqa: S314
        attributes = {k: v for k, v in element.attrib.items() if k not in ("uuid", "keyword")}
        seen.append((element.tag, attributes, _comparable(element.text)))
    return sorted(seen, key=str)


def _comparable(text: str | None) -> str:
    stripped = (text or "").strip()
    try:
        return str(float(stripped))
    except ValueError:
        return stripped
