"""What tells the rows of a search apart."""

import pytest

from gateway.dicom.resources import Dataset, Level
from gateway.services.row_identity import identity_of

TAGS = {
    "study": "0020000D",
    "series": "0020000E",
    "instance": "00080018",
    "patient": "00100020",
    "issuer": "00100021",
}


def row(**values: str) -> Dataset:
    return {TAGS[name]: {"vr": "UI", "Value": [value]} for name, value in values.items()}


@pytest.mark.parametrize(
    ("level", "values", "other"),
    [
        (Level.STUDY, {"study": "1.1"}, {"study": "1.2"}),
        (Level.STUDY, {"study": "1", "patient": "A"}, {"study": "1", "patient": "B"}),
        (
            Level.STUDY,
            {"study": "1", "patient": "A", "issuer": "X"},
            {"study": "1", "patient": "A", "issuer": "Y"},
        ),
        (Level.SERIES, {"series": "1", "study": "2.1"}, {"series": "1", "study": "2.2"}),
        (Level.SERIES, {"series": "1", "patient": "A"}, {"series": "1", "patient": "B"}),
        (Level.INSTANCE, {"instance": "1", "study": "2.1"}, {"instance": "1", "study": "2.2"}),
        (Level.INSTANCE, {"instance": "1", "series": "3.1"}, {"instance": "1", "series": "3.2"}),
    ],
)
def test_rows_of_other_uids_or_patients_are_others(
    level: Level, values: dict[str, str], other: dict[str, str]
) -> None:
    assert identity_of(row(**values), level) == identity_of(row(**values), level)
    assert identity_of(row(**values), level) != identity_of(row(**other), level)


def test_what_else_a_row_has_does_not_count() -> None:
    described = row(study="1.1") | {"00081030": {"vr": "LO", "Value": ["Head"]}}

    assert identity_of(described, Level.STUDY) == identity_of(row(study="1.1"), Level.STUDY)


@pytest.mark.parametrize(
    "attribute", [None, {"vr": "UI"}, {"vr": "UI", "Value": []}, {"vr": "UI", "Value": ["1", "2"]}]
)
def test_a_row_without_its_own_uid_is_none_of_them(attribute: Dataset | None) -> None:
    bare = row(study="1.1", patient="A")
    if attribute is not None:
        bare[TAGS["series"]] = attribute

    assert identity_of(bare, Level.SERIES) is None
