"""Searches as archives answer them: with nothing in four ways, and with what nobody asked for."""

from urllib.parse import parse_qs, parse_qsl

import pytest

from tests.fakes.gateway import Gateway
from tests.fakes.pacs import Answering, Recorded, Reply
from tests.fakes.pacs_answers import (
    DICOM_JSON,
    ROOT,
    SERIES,
    STUDY,
    STUDY_PATH,
    asked,
    behind_a_pacs,
    study_row,
)

RESOURCES = [
    "/studies",
    "/series",
    "/instances",
    f"{STUDY_PATH}/series",
    f"{STUDY_PATH}/instances",
    f"{STUDY_PATH}/series/{SERIES}/instances",
]
DESCRIBED = {"vr": "LO", "Value": ["Chest"]}


async def found(gateway: Gateway, path: str) -> tuple[list[str], list[str]]:
    """The study UIDs of a search's rows, and the texts of its warnings."""
    async with gateway.get(path) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"] == DICOM_JSON
        rows = await response.json(content_type=DICOM_JSON)
        warnings = response.headers.getall("Warning", [])
    return [row["0020000D"]["Value"][0] for row in rows], warnings


@pytest.mark.parametrize(
    "reply",
    [
        Reply(204),
        Reply(204, {"Content-Type": DICOM_JSON}),
        Reply(json=[]),
        Reply(json=[{}]),
        Reply(headers={"Content-Type": DICOM_JSON}),
        Reply(headers={"Content-Type": DICOM_JSON}, body=b" \r\n"),
        Reply(headers={"Content-Type": DICOM_JSON}, body=b"[ ]"),
        Reply(headers={"Content-Type": "text/html"}, body=b""),
        Reply(headers={"Content-Type": DICOM_JSON}, body=b"null"),
    ],
)
@pytest.mark.parametrize("path", RESOURCES)
async def test_no_match_is_an_empty_list_however_an_archive_says_so(
    reply: Reply, path: str
) -> None:
    """https://github.com/UMEssen/DICOM-RST/issues/50"""
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + path, reply)
        async with gateway.get(path) as response:
            assert response.status == 200
            assert await response.read() == b"[]"
            assert "Warning" not in response.headers


@pytest.mark.parametrize("path", ["/studies", "/instances"])
async def test_a_body_that_is_no_list_of_rows_is_an_error_and_not_an_empty_list(path: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        for body in (b"<html>", b'"text"', b"[{", b'[{"0020000D":'):
            pacs.on("GET", ROOT + path, Reply(headers={"Content-Type": DICOM_JSON}, body=body))
            async with gateway.get(path) as response:
                assert response.status == 502


def refusing(*refused: str, status: int = 400) -> Answering:
    """An archive that refuses each of these words anywhere in includefield."""

    def answer(request: Recorded) -> Reply:
        fields = ",".join(parse_qs(request.query).get("includefield", [])).split(",")
        if any(word in fields for word in refused):
            return Reply(status)
        return Reply(json=[study_row(x00081030=DESCRIBED)])

    return answer


@pytest.mark.parametrize("status", [400, 501, 422])
@pytest.mark.parametrize(
    "query",
    [
        "includefield=all",
        "includefield=all&includefield=00081030",
        "includefield=all,00081030",
        "includefield=00081030&includefield=ALL",
    ],
)
async def test_an_archive_that_refuses_all_attributes_is_asked_again_without(
    query: str, status: int
) -> None:
    """https://github.com/knopkem/dicomweb-proxy/issues/150"""
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", refusing("all", status=status))
        uids, warnings = await found(gateway, f"/studies?{query}")
        assert uids == [STUDY]
        assert len(warnings) == 1
        assert "includefield" in warnings[0]
        first = parse_qsl(asked(pacs)[0].query)
        assert [value for name, value in first if name == "includefield"] == ["all"]

        # What it refused it is not asked again.
        before = len(asked(pacs))
        await found(gateway, f"/studies?{query}")
        assert len(asked(pacs)) == before + 1


async def test_all_attributes_are_asked_for_where_the_archive_gives_them() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row(x00081030=DESCRIBED)]))
        async with gateway.get("/studies?includefield=all&includefield=00081030") as response:
            (row,) = await response.json(content_type=DICOM_JSON)
            assert row["00081030"] == DESCRIBED
            assert "Warning" not in response.headers
        assert [request.query for request in asked(pacs)] == ["includefield=all"]


@pytest.mark.parametrize(
    "query",
    [
        "includefield=StudyDescription,00081030",
        "includefield=StudyDescription&includefield=00081030",
        "includefield=00081030,StudyDescription,00081030",
        "includefield=StudyDescription%2C00081030",
    ],
)
async def test_one_attribute_named_twice_is_asked_for_once(query: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row(x00081030=DESCRIBED)]))
        assert await found(gateway, f"/studies?{query}") == ([STUDY], [])
        (request,) = asked(pacs)
        assert parse_qs(request.query)["includefield"] in (["StudyDescription"], ["00081030"])


ALL_STUDIES = [
    study_row("1.2.3", x00081030={"vr": "LO", "Value": ["Chest"]}),
    study_row("1.2.4", x00081030={"vr": "LO", "Value": ["Head"]}),
    study_row("1.2.5", x00081030={"vr": "LO"}),
]


async def test_a_parameter_that_is_no_attribute_is_named_in_a_warning() -> None:
    """https://github.com/dcm4che/dcm4chee-arc-light/issues/1652"""
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=ALL_STUDIES))
        uids, warnings = await found(gateway, "/studies?NotAKeyword=1")
        assert len(uids) == 3
        text = "These parameters are not supported and were ignored: NotAKeyword"
        assert warnings == [f'299 dicomweb-gateway "{text}"']
        assert "NotAKeyword" not in asked(pacs)[0].query


@pytest.mark.parametrize("query", ["StudyDescription=Head", "00081030=Head", "00081030=He*"])
async def test_a_key_that_the_archive_ignores_is_matched_here_and_named(query: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=ALL_STUDIES))
        uids, warnings = await found(gateway, f"/studies?{query}")
        assert uids == ["1.2.4"]
        assert len(warnings) == 1
        assert warnings[0].startswith("299 ")
        assert query.partition("=")[0] in warnings[0]


async def test_a_key_that_no_row_can_decide_is_named_too() -> None:
    rows = [
        {
            "0020000D": {"vr": "UI", "Value": ["1.2"]},
            "00080018": {"vr": "UI", "Value": [f"1.2.{number}"]},
        }
        for number in range(3)
    ]
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/instances", Reply(json=rows))
        async with gateway.get("/instances?ImageType=foo") as response:
            assert len(await response.json(content_type=DICOM_JSON)) == 3
            (warning,) = response.headers.getall("Warning")
    assert warning.startswith("299 ")
    assert "ImageType" in warning


async def test_image_types_that_the_archive_ignores_are_matched_here() -> None:
    def row(number: int, *types: str) -> dict[str, object]:
        return {
            "0020000D": {"vr": "UI", "Value": ["1.2"]},
            "00080018": {"vr": "UI", "Value": [f"1.2.{number}"]},
            "00080008": {"vr": "CS", "Value": list(types)},
        }

    async with behind_a_pacs() as (pacs, gateway):
        rows = [row(1, "ORIGINAL", "PRIMARY"), row(2, "DERIVED"), row(3, "foo", "x")]
        pacs.on("GET", f"{ROOT}/instances", Reply(json=rows))
        async with gateway.get("/instances?ImageType=foo") as response:
            (only,) = await response.json(content_type=DICOM_JSON)
            assert only["00080018"]["Value"] == ["1.2.3"]


@pytest.mark.parametrize(
    "name", ["0010002", "001000201", "0010,0020", "00100020.", "0010002G", "0040A730.0010002"]
)
async def test_a_malformed_tag_is_refused_before_the_archive_is_asked(name: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        async with gateway.get(f"/studies?{name}=1") as response:
            assert response.status == 400
        assert asked(pacs) == []


def holding(*uids: str) -> Answering:
    """An archive that knows lists of UIDs in the standard's form, and nothing else of them."""

    def answer(request: Recorded) -> Reply:
        wanted = parse_qs(request.query)["StudyInstanceUID"]
        assert len(wanted) == 1
        return Reply(json=[study_row(uid) for uid in uids if uid in wanted[0].split(",")])

    return answer


@pytest.mark.parametrize(
    "query",
    [
        "StudyInstanceUID=1.2.3,1.2.4",
        "StudyInstanceUID=1.2.3%2C1.2.4",
        "StudyInstanceUID=1.2.3%5C1.2.4",
        "StudyInstanceUID=1.2.3\\1.2.4",
        "StudyInstanceUID=1.2.3&StudyInstanceUID=1.2.4",
        "StudyInstanceUID=1.2.3,1.2.4,1.2.3",
        "StudyInstanceUID=1.2.3,%201.2.4,",
    ],
)
async def test_a_list_of_uids_finds_each_of_them_in_whatever_form_it_comes(query: str) -> None:
    """https://github.com/dcm4che/dcm4chee-arc-light/issues/1693"""
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", holding("1.2.3", "1.2.4", "1.2.5"))
        uids, warnings = await found(gateway, f"/studies?{query}")
        assert (sorted(uids), warnings) == (["1.2.3", "1.2.4"], [])


async def test_a_list_of_uids_that_the_archive_ignores_is_matched_here() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        rows = [study_row(uid) for uid in ("1.2.3", "1.2.4", "1.2.5")]
        pacs.on("GET", f"{ROOT}/studies", Reply(json=rows))
        uids, warnings = await found(gateway, "/studies?StudyInstanceUID=1.2.3,1.2.5")
        assert uids == ["1.2.3", "1.2.5"]
        assert len(warnings) == 1


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("PatientName=DOE,%20X", "DOE, X"),
        ("PatientName=DOE%2C%20X", "DOE, X"),
        ("StudyDescription=Head,%20Neck", "Head, Neck"),
        ("AccessionNumber=1,2", "1,2"),
    ],
)
async def test_a_comma_in_other_values_separates_nothing(query: str, value: str) -> None:
    name = query.partition("=")[0]
    tags = {
        "PatientName": "00100010",
        "StudyDescription": "00081030",
        "AccessionNumber": "00080050",
    }
    vr = {"PatientName": "PN", "StudyDescription": "LO", "AccessionNumber": "SH"}[name]

    def row(uid: str, text: str) -> dict[str, object]:
        held = {"Alphabetic": text} if vr == "PN" else text
        return study_row(uid, **{f"x{tags[name]}": {"vr": vr, "Value": [held]}})

    async with behind_a_pacs() as (pacs, gateway):
        half = value.partition(",")[0]
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[row("1.2.3", half), row("1.2.4", value)]))
        uids, _ = await found(gateway, f"/studies?{query}")
        assert uids == ["1.2.4"]
        assert parse_qs(asked(pacs)[0].query)[name] == [value]


async def test_a_modalities_attribute_without_values_is_left_out_of_a_row() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        empty = [{"vr": "CS"}, {"vr": "CS", "Value": []}, {"vr": "CS", "Value": [""]}]
        rows = [study_row(f"1.{n}", x00080061=each) for n, each in enumerate(empty)]
        pacs.on("GET", f"{ROOT}/studies", Reply(json=rows))
        async with gateway.get("/studies") as response:
            for row in await response.json(content_type=DICOM_JSON):
                assert "00080061" not in row
