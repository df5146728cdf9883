"""Each viewer's searches and its metadata requests, as it sends them, answered as it needs.

In front of a real Orthanc; queries and headers are those on the wire.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.fakes.exact_requests import Answer, Headers, exchange
from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.orthanc import Orthanc
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.sample_studies import CROWD, PATIENT_ID, Samples
from tests.fakes.viewer_headers import (
    BROWSER,
    EZ_WSI,
    JSON_CLIENT,
    MICROSOFT,
    PYTHON,
    WEASIS,
    browser,
)

BASE = "/dicom-web"
OHIF_FIELDS = "includefield=00081030%2C00080060%2C00080090%2C00100030"
OHIF_PAGE = f"limit=101&offset=0&fuzzymatching=true&{OHIF_FIELDS}"
MERGED = (
    "application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*"
)


@pytest.fixture
async def gateway(orthanc: Orthanc, samples: Samples) -> AsyncIterator[Gateway]:
    async with gateway_before(orthanc.dicom_web) as running:
        yield running


@dataclass(frozen=True)
class Search:
    """A client's request, with {names} for what is known of the samples, and what it must find.

    `found` is the kind of rows: "study", "crowd 1 3", "series", "series of colour", "slices".
    """

    client: str
    target: str
    headers: Headers
    found: str
    fields: tuple[str, ...] = ()


def ohif(what: str, target: str, found: str, *fields: str) -> Search:
    return Search(f"OHIF: {what}", target, JSON_CLIENT, found, fields)


SEARCHES = [
    ohif("opening a study", f"/studies?{OHIF_PAGE}&StudyInstanceUID={{study}}", "study"),
    ohif(
        "its series",
        "/studies/{study}/series?includefield=00080021%2C00080031%2C0008103E%2C00200011",
        "series",
    ),
    ohif(
        "one of its series",
        "/studies/{study}/series?includefield=00080021%2C00080031%2C0008103E%2C00200011"
        "&SeriesInstanceUID={series}",
        "series of slices",
        "0008103E",
        "00200011",
    ),
    ohif("prior studies", f"/studies?00100020={PATIENT_ID}&{OHIF_PAGE}", "study"),
    ohif(
        "two studies by their UIDs",
        f"/studies?{OHIF_PAGE}&StudyInstanceUID={{nobody}}%5C{{study}}",
        "study",
        "00081030",
        "00080090",
        "00100030",
    ),
    ohif(
        "the list, by a name",
        f"/studies?limit=101&offset=0&fuzzymatching=false&{OHIF_FIELDS}&PatientName=*M%C3%BCster*",
        "study",
    ),
    ohif(
        "the list, by everything",
        f"/studies?limit=101&offset=0&fuzzymatching=false&{OHIF_FIELDS}"
        f"&PatientName=*ster*&00100020=*{PATIENT_ID}*&AccessionNumber=*A%2BB%26C*"
        "&StudyDescription=*Thorax*&ModalitiesInStudy=CT%2CMR&StudyDate=20240201-20240301",
        "study",
    ),
    ohif(
        "the list, by modalities and dates",
        f"/studies?limit=101&offset=0&fuzzymatching=false&{OHIF_FIELDS}&00100020=*{CROWD}*"
        "&ModalitiesInStudy=MR%2CPT&StudyDate=20200101-20200104",
        "crowd 1 3",
    ),
    ohif(
        "a row that is opened", "/studies/{study}/series?includefield=0008103E%2C00080021", "series"
    ),
    ohif(
        "a series that is to have a thumbnail",
        "/studies/{study}/series/{series}/instances?limit=1&includefield=00080018",
        "one slice",
    ),
    Search(
        "dicomweb-client in Python: keywords, tags and wildcards",
        f"/studies?PatientID=%2A{CROWD}-2%2A&StudyDate=20200101-20200109&fuzzymatching=true"
        "&includefield=StudyDescription&includefield=00081030&limit=2&offset=0",
        PYTHON,
        "crowd 2",
    ),
    Search(
        "Slicer: the series of a study", "/studies/{study}/series", PYTHON, "series", ("0020000E",)
    ),
    Search(
        "Weasis: a patient",
        f"/studies?00100020={PATIENT_ID}&includefield=00080020,00080030,00081030,00080050",
        WEASIS,
        "study",
        ("00080020", "00080030", "00081030", "00080050"),
    ),
    Search(
        "Weasis: the series of a study",
        "/studies/{study}/series?includefield=0008103E,00080060,0020000E,00200011,00081190",
        WEASIS,
        "series",
        ("00080060", "0020000E", "00081190"),
    ),
    Search(
        "Weasis: a series without its study",
        "/series?0020000E={series}",
        WEASIS,
        "series of slices",
        ("0020000D",),
    ),
    Search(
        "Weasis: how much is in a series",
        "/series?0020000E={series}&includefield=00201209",
        WEASIS,
        "series of slices",
        ("00201209",),
    ),
    Search(
        "Weasis: the last page of a series",
        "/studies/{study}/series/{series}/instances?includefield=00080018&limit=3&offset=4",
        WEASIS,
        "one slice",
        ("00080018",),
    ),
    Search(
        "Weasis: behind the last page",
        "/studies/{study}/series/{series}/instances?includefield=00080018&limit=3&offset=5",
        WEASIS,
        "nothing",
    ),
    Search(
        "dwv: all series of a patient",
        f"/series?PatientID={PATIENT_ID}&Modality=SM",
        JSON_CLIENT,
        "series of colour",
        ("0020000D",),
    ),
    Search(
        "Slim: the images of a series, with a header that is for pages",
        "/studies/{study}/series/{series}/instances",
        (*JSON_CLIENT, ("Content-Security-Policy", "upgrade-insecure-requests")),
        "slices",
        ("00080018", "00200013"),
    ),
    Search(
        "Microsoft's client: studies",
        f"/studies?PatientID={PATIENT_ID}",
        MICROSOFT,
        "study",
    ),
    Search(
        "EZ-WSI: the images of a series",
        "/studies/{study}/series/{series}/instances?includefield=0020000D"
        "&includefield=0020000E&includefield=00080018&includefield=00280010",
        EZ_WSI,
        "slices",
        ("0020000D", "0020000E", "00080018", "00280010"),
    ),
    Search("EZ-WSI: nothing", f"/studies?PatientID={CROWD}-9", EZ_WSI, "nothing"),
]


def names(samples: Samples) -> dict[str, str]:
    first = samples.slices[0]
    return {"study": first.study, "series": first.series, "nobody": "1.2.3"}


async def asked(gateway: Gateway, target: str, headers: Headers) -> Answer:
    return await exchange(gateway.port, "GET", f"{BASE}{target}", headers)


def expected(samples: Samples, found: str) -> tuple[str, set[str], int]:
    """The tag of the UID, the UIDs that must be found, and in how many rows."""
    kind, _, rest = found.partition(" ")
    match kind:
        case "study":
            uids, tag = {samples.document.study}, "0020000D"
        case "crowd":
            uids, tag = {samples.crowd[int(n) - 1].study for n in rest.split()}, "0020000D"
        case "series":
            kinds = {"": samples.study, "of slices": samples.slices, "of colour": [samples.colour]}
            uids, tag = {sample.series for sample in kinds[rest]}, "0020000E"
        case _:
            uids, tag = {sample.instance for sample in samples.slices}, "00080018"
    count = {"one": 1, "nothing": 0}.get(kind, len(uids))
    return tag, uids, count


@pytest.mark.parametrize("search", SEARCHES, ids=[search.client for search in SEARCHES])
async def test_a_search_is_answered(gateway: Gateway, samples: Samples, search: Search) -> None:
    answer = await asked(gateway, search.target.format(**names(samples)), search.headers)

    assert answer.status == 200, answer.body
    assert answer.content_type == "application/dicom+json"
    tag, uids, count = expected(samples, search.found)
    rows = answer.json
    found = {row[tag]["Value"][0] for row in rows}
    assert len(rows) == len(found) == count
    assert found <= uids
    for row in rows:
        check_row(gateway, row, search.fields)


def check_row(gateway: Gateway, row: dict[str, Any], fields: tuple[str, ...]) -> None:
    """What every viewer relies on."""
    assert row["00081190"]["Value"][0].startswith(f"{gateway.base}/studies/")
    assert row.get("00080005", {}).get("Value", ["ISO_IR 192"]) == ["ISO_IR 192"]
    assert row.get("00080061", {"Value": ["absent is well"]})["Value"]
    for tag in ("00200011", "00200013", "00201206", "00201208", "00201209", "00280010"):
        if row.get(tag, {}).get("Value"):
            assert isinstance(row[tag]["Value"][0], int), tag
    for tag in fields:
        assert row[tag]["vr"], tag


@pytest.mark.parametrize("page", range(4))
async def test_ohif_knows_by_one_row_more_that_there_is_a_next_page(
    gateway: Gateway, page: int
) -> None:
    """It shows pages of two and asks for three; seven studies make three full pages and one."""
    query = f"limit=3&offset={page * 2}&fuzzymatching=true&{OHIF_FIELDS}&00100020=*{CROWD}*"
    answer = await asked(gateway, f"/studies?{query}", JSON_CLIENT)
    assert len(answer.json) == (3, 3, 3, 1)[page]


async def test_no_study_is_an_empty_list_for_a_browser(gateway: Gateway) -> None:
    answer = await asked(gateway, f"/studies?{OHIF_PAGE}&PatientName=*zzzz*", JSON_CLIENT)
    assert (answer.status, answer.body) == (200, b"[]")


METADATA: dict[str, Headers] = {
    "OHIF": JSON_CLIENT,
    "OHIF with a header of its own, which is appended": browser(MERGED),
    "dicomweb-client in Python": PYTHON,
    "Weasis": WEASIS,
    "EZ-WSI": EZ_WSI,
    "Microsoft's client, which knows an older answer": (*MICROSOFT, ("If-None-Match", '"1-2-3"')),
    "a browser's own": (*BROWSER, ("Accept", "*/*")),
}


@pytest.mark.parametrize("headers", METADATA.values(), ids=list(METADATA))
@pytest.mark.parametrize("level", ["study", "series", "instance"])
async def test_metadata_is_answered_with_json(
    gateway: Gateway, samples: Samples, level: str, headers: Headers
) -> None:
    first = samples.slices[0]
    paths = {
        "study": (f"/studies/{first.study}", samples.study),
        "series": (first.series_path, samples.slices),
        "instance": (first.path, [first]),
    }
    path, instances = paths[level]
    answer = await asked(gateway, f"{path}/metadata", headers)

    assert answer.status == 200, answer.body
    assert answer.content_type == "application/dicom+json"
    assert {row["00080018"]["Value"][0] for row in answer.json} == {
        sample.instance for sample in instances
    }
    for row in answer.json:
        assert row["00200013"]["Value"] == [int(row["00200013"]["Value"][0])]
        assert "InlineBinary" not in row.get("7FE00010", {})
        if row["00080060"]["Value"] == ["CT"]:
            assert row["00280010"] == {"vr": "US", "Value": [7]}
            assert row["00281053"] == {"vr": "DS", "Value": [1.5]}
            assert row["00281050"] == {"vr": "DS", "Value": [40, 400]}


async def test_modalities_without_a_value_do_not_reach_a_study_list() -> None:
    """OHIF's whole list fails on one of them; numbers that an archive has as text are numbers."""
    row = {
        "0020000D": {"vr": "UI", "Value": ["1.2"]},
        "00080061": {"vr": "CS"},
        "00201208": {"vr": "IS", "Value": ["12"]},
    }
    async with Pacs() as pacs, gateway_before(pacs.base) as gateway:
        pacs.on("GET", f"{BASE}/studies", Reply(json=[row]))
        answer = await asked(gateway, f"/studies?{OHIF_PAGE}", JSON_CLIENT)
    (found,) = answer.json
    assert "00080061" not in found
    assert found["00201208"] == {"vr": "IS", "Value": [12]}
    assert found["00081190"]["Value"] == [f"{gateway.base}/studies/1.2"]


@dataclass(frozen=True)
class Rendering:
    """A client's request for an image, and the type that it means."""

    client: str
    below: str
    query: str
    headers: Headers
    wanted: str = "image/jpeg"


RENDERINGS = [
    Rendering("OHIF's thumbnail", "/thumbnail", "viewport=256%2C256", browser("image/jpeg")),
    Rendering(
        "OHIF's rendered image",
        "/rendered",
        "accept=image%2Fjpeg",
        browser('multipart/related; type="application/octet-stream"'),
    ),
    Rendering(
        "an image element",
        "/thumbnail",
        "accept=image/jpeg",
        browser("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"),
    ),
    Rendering(
        "Slim's overview",
        "/rendered",
        "viewport=256%2C256&iccprofile=yes",
        browser("image/png"),
        "image/png",
    ),
    Rendering(
        "Weasis's thumbnail", "/thumbnail", "viewport=256%2C256", (("Accept", "image/jpeg"),)
    ),
    Rendering(
        "dicomweb-client in Python",
        "/rendered",
        "quality=90&window=40%2C400%2Clinear&viewport=256%2C256",
        (("Accept", "*/*"),),
    ),
]
EACH_RENDERING = pytest.mark.parametrize(
    "rendering", RENDERINGS, ids=[rendering.client for rendering in RENDERINGS]
)


@EACH_RENDERING
async def test_a_rendered_image_is_passed_through_where_the_archive_makes_them(
    rendering: Rendering,
) -> None:
    """The type is that of the query where both name one, and the answer is the bare image."""
    instance = "/studies/1.2/series/1.2.3/instances/1.2.3.4"
    path, image = f"{instance}{rendering.below}", b"not looked at"
    own = ["rendered", "thumbnail"]
    async with Pacs() as pacs, gateway_before(pacs.base, capabilities=own) as gateway:
        reply = Reply(headers={"Content-Type": rendering.wanted}, body=image)
        pacs.on("GET", f"{BASE}{path}", reply)
        answer = await asked(gateway, f"{path}?{rendering.query}", rendering.headers)
        (request,) = (each for each in pacs.requests if each.path.endswith(path))
    assert (answer.status, answer.content_type, answer.body) == (200, rendering.wanted, image)
    assert request.headers["Accept"].startswith(rendering.wanted)
    sent = [pair for pair in parse_qsl(rendering.query) if pair[0] != "accept"]
    assert parse_qsl(request.query) == sent


@EACH_RENDERING
async def test_a_rendered_image_that_nobody_makes_is_refused_as_not_there_yet(
    gateway: Gateway, samples: Samples, rendering: Rendering
) -> None:
    """501 makes Weasis look for another way, and the other clients give up."""
    path = f"{samples.slices[0].path}{rendering.below}?{rendering.query}"
    answer = await asked(gateway, path, rendering.headers)
    assert answer.status == 501
    assert answer.content_type == "application/problem+json"
