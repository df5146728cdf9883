"""Names of attributes, as queries write them."""

import pytest

from gateway.dicom.dictionary import attribute_name, vr_of
from gateway.errors import GatewayError


@pytest.mark.parametrize(
    ("name", "path", "vr"),
    [
        ("PatientName", ("00100010",), "PN"),
        ("00100010", ("00100010",), "PN"),
        ("0020000d", ("0020000D",), "UI"),
        ("ModalitiesInStudy", ("00080061",), "CS"),
        ("SmallestImagePixelValue", ("00280106",), "US"),
        ("00091001", ("00091001",), "UN"),
        ("12345678", ("12345678",), "UN"),
        ("00400275.00400009", ("00400275", "00400009"), "SH"),
        (
            "RequestAttributesSequence.ScheduledProcedureStepID",
            ("00400275", "00400009"),
            "SH",
        ),
        ("RequestAttributesSequence.00400009", ("00400275", "00400009"), "SH"),
    ],
)
def test_a_keyword_a_tag_and_a_path_name_an_attribute(
    name: str, path: tuple[str, ...], vr: str
) -> None:
    attribute = attribute_name(name)

    assert attribute is not None
    assert (attribute.path, attribute.vr) == (path, vr)


@pytest.mark.parametrize(
    "name", ["NotAKeyword", "patientid", "RequestAttributesSequence.NotAKeyword", "key1", "_"]
)
def test_a_keyword_that_the_dictionary_lacks_names_nothing(name: str) -> None:
    assert attribute_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("0010002", "001000200", "0010,0020", "(0010,0020)", "0010002G", "0x00100020"),
        *("00400275.", ".00400009", "00400275..00400009", "", "1", ".".join(["00400275"] * 17)),
    ],
)
def test_what_was_meant_as_a_tag_and_is_none_is_refused(name: str) -> None:
    with pytest.raises(GatewayError) as error:
        attribute_name(name)

    assert error.value.status == 400


def test_the_dictionary_says_what_may_have_several_values() -> None:
    one, several = attribute_name("Modality"), attribute_name("ModalitiesInStudy")

    assert one is not None
    assert several is not None
    assert (one.multi_valued, several.multi_valued) == (False, True)


def test_a_choice_of_vrs_is_read_as_the_first() -> None:
    assert vr_of("7FE00010") == "OB"
    assert vr_of("00280106") == "US"


def test_an_item_tag_has_no_vr() -> None:
    assert vr_of("FFFEE000") == "UN"
