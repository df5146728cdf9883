"""Every URL that leaves points at the gateway, and what it points at can be read there."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from yarl import URL

from tests.fakes.gateway import Gateway
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.pacs_answers import (
    BULKDATA,
    DICOM_JSON,
    EXPLICIT_LE,
    FILES,
    FRAMES_AS_STORED,
    INSTANCE,
    INSTANCE_PATH,
    ROOT,
    SERIES,
    SERIES_PATH,
    STUDY,
    STUDY_PATH,
    Part,
    asked,
    behind_a_pacs,
    frames_reply,
    metadata,
    multipart_reply,
    parts_of,
    study_row,
)
from tests.fakes.store_requests import dicom_file

PUBLIC = "https://pacs.example/gw"
SERVER = {"public_url": PUBLIC}
HOST = {"Host": "pacs.example"}
OUTER = f"{PUBLIC}/dicom-web"
LEVELS = [STUDY_PATH, SERIES_PATH, INSTANCE_PATH]
ICC, PDF, OVERLAY, OPTICAL_PATHS = "00282000", "00420011", "60003000", "00480105"


def through_the_proxy(gateway: Gateway, uri: str) -> URL:
    """Where a proxy before the gateway would send a request for one of its public URLs."""
    assert uri.startswith(f"{PUBLIC}/"), uri
    return URL(gateway.origin + uri.removeprefix(PUBLIC), encoded=True)


async def read_all(gateway: Gateway, uri: str) -> list[bytes]:
    """The parts behind a public URL."""
    headers = {**HOST, "Accept": BULKDATA}
    async with gateway.client.get(through_the_proxy(gateway, uri), headers=headers) as response:
        return [part.body for part in await parts_of(response)]


async def read_metadata(gateway: Gateway, path: str) -> dict[str, Any]:
    async with gateway.get(f"{path}/metadata", headers=HOST) as response:
        assert response.status == 200
        (dataset,) = await response.json(content_type=DICOM_JSON)
        found: dict[str, Any] = dataset
        return found


def uris_in(dataset: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Tag and URI of each BulkDataURI at any depth."""
    for tag, attribute in dataset.items():
        if "BulkDataURI" in attribute:
            yield tag, attribute["BulkDataURI"]
        if attribute["vr"] == "SQ":
            for item in attribute.get("Value", ()):
                yield from uris_in(item)


def bulk(uri: str, vr: str = "OB") -> dict[str, Any]:
    return {"vr": vr, "BulkDataURI": uri}


def octets(body: bytes) -> Reply:
    return multipart_reply(Part(body, "application/octet-stream"), type_="application/octet-stream")


@pytest.mark.parametrize("path", LEVELS)
@pytest.mark.parametrize("prefix", ["", "/backends/pacs"])
@pytest.mark.parametrize(
    "theirs", ["http://127.0.0.1:8042/dicom-web", "https://inner.hospital:8443/orthanc/dicom-web"]
)
async def test_bulk_data_at_every_depth_is_at_the_gateway_and_can_be_read_there(
    path: str, prefix: str, theirs: str
) -> None:
    """https://github.com/OHIF/Viewers/issues/1602"""
    below = f"{theirs}{INSTANCE_PATH}/bulk"
    inner = f"{OPTICAL_PATHS}/1/{ICC}"
    item = {ICC: bulk(f"{below}/{inner}"), "00480106": {"vr": "SH", "Value": ["1"]}}
    deep = {"00091001": {"vr": "SQ", "Value": [{"00091002": bulk(f"{below}/deep", "UN")}]}}
    dataset = metadata(
        **{
            f"x{OVERLAY}": bulk(f"{below}/{OVERLAY}", "OW"),
            f"x{PDF}": bulk(f"{below}/{PDF}"),
            f"x{OPTICAL_PATHS}": {"vr": "SQ", "Value": [item, deep]},
        }
    )
    bodies = {
        OVERLAY: b"overlay",
        PDF: b"%PDF-1.7",
        inner: b"acsp",
        "deep": b"deep",
    }
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}{path}/metadata", Reply(json=[dataset]))
        for name, body in bodies.items():
            pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/bulk/{name}", octets(body))
        left = await read_metadata(gateway, prefix + path)
        uris = dict(uris_in(left))
        assert set(uris) == {OVERLAY, PDF, ICC, "00091002"}
        for uri in uris.values():
            assert uri.startswith(f"{OUTER}{prefix}/studies/{STUDY}/")
        read = {tag: await read_all(gateway, uri) for tag, uri in uris.items()}

    expected = {OVERLAY: b"overlay", PDF: b"%PDF-1.7", ICC: b"acsp", "00091002": b"deep"}
    assert read == {tag: [body] for tag, body in expected.items()}


RELATIVE = [
    # What the metadata is of, how its URI is written, and what the archive is then asked for.
    (INSTANCE_PATH, "bulk/1", f"{INSTANCE_PATH}/bulk/1"),
    (INSTANCE_PATH, "./bulkdata/1", f"{INSTANCE_PATH}/bulkdata/1"),
    (INSTANCE_PATH, f"../{INSTANCE}/bulk/1", f"{INSTANCE_PATH}/bulk/1"),
    (SERIES_PATH, f"instances/{INSTANCE}/bulk/1", f"{INSTANCE_PATH}/bulk/1"),
    (STUDY_PATH, f"series/{SERIES}/instances/{INSTANCE}/bulk/1", f"{INSTANCE_PATH}/bulk/1"),
    (SERIES_PATH, f"{ROOT}{INSTANCE_PATH}/bulk/1", f"{INSTANCE_PATH}/bulk/1"),
    (SERIES_PATH, f"{ROOT}{INSTANCE_PATH}/frames/1", f"{INSTANCE_PATH}/frames/1"),
    (STUDY_PATH, "bulkdata/abc", f"{STUDY_PATH}/bulkdata/abc"),
    (SERIES_PATH, "../../bulkdata/abc", f"{STUDY_PATH}/bulkdata/abc"),
    (INSTANCE_PATH, f"{ROOT}/blobs/17", "/blobs/17"),
]


@pytest.mark.parametrize(("path", "uri", "asked_for"), RELATIVE)
async def test_a_relative_uri_is_resolved_at_its_metadata_and_can_be_read(
    path: str, uri: str, asked_for: str
) -> None:
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        dataset = metadata(**{f"x{PDF}": bulk(uri)})
        for level in {path, INSTANCE_PATH}:
            own = dataset if level == path else metadata(**{f"x{PDF}": bulk(ROOT + asked_for)})
            pacs.on("GET", f"{ROOT}{level}/metadata", Reply(json=[own]))
        pacs.on("GET", ROOT + asked_for, octets(b"%PDF"))
        ((_, left),) = uris_in(await read_metadata(gateway, path))
        assert await read_all(gateway, left) == [b"%PDF"]


@pytest.mark.parametrize("query", ["?token=a%2Fb", "?a=1&b=%20"])
async def test_a_location_with_a_query_is_read_with_that_query(query: str) -> None:
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        uri = f"{pacs.base}{INSTANCE_PATH}/bulk/1{query}"
        pacs.on(
            "GET",
            f"{ROOT}{INSTANCE_PATH}/metadata",
            Reply(json=[metadata(**{f"x{PDF}": bulk(uri)})]),
        )
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/bulk/1", octets(b"%PDF"))
        ((_, left),) = uris_in(await read_metadata(gateway, INSTANCE_PATH))
        assert "token" not in left
        assert await read_all(gateway, left) == [b"%PDF"]
        assert asked(pacs)[-1].query == query[1:]


OTHER = "1.2.826.0.1.3680043.8.498.9"
OUTSIDE = [
    "http://evil.example/x",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "//evil.example/x",
    "ftp://inner/studies/1/series/2/instances/3/bulk/1",
    f"{ROOT}/../admin",
    "../../../../../../../admin",
    f"{ROOT}{STUDY_PATH.replace(STUDY, OTHER)}/bulkdata/1",
    f"http://inner{INSTANCE_PATH.replace(INSTANCE, OTHER)}/../../x/bulk/1",
    f"{ROOT}{INSTANCE_PATH}/bulk/%2e%2e%2f%2e%2e/1",
    f"{ROOT}{INSTANCE_PATH}\\..\\bulk",
    "http://[bad/x",
    "javascript:alert(1)",
    "data:text/plain,hello",
    "null",
]


@pytest.mark.parametrize("uri", OUTSIDE)
async def test_a_uri_that_leads_elsewhere_is_neither_emitted_nor_followed(uri: str) -> None:
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        dataset = metadata(**{f"x{PDF}": bulk(uri)})
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[dataset]))
        left = await read_metadata(gateway, INSTANCE_PATH)
        emitted = dict(uris_in(left))
        assert emitted == {}
        before = len(asked(pacs))
        async with gateway.get(f"{INSTANCE_PATH}/attributes/{PDF}", headers=HOST) as response:
            assert response.status == 404
        paths = [each.path for each in asked(pacs)[before:]]
        assert set(paths) <= {f"{ROOT}{INSTANCE_PATH}/metadata"}


async def test_inline_pixel_data_leaves_as_a_uri_that_can_be_read() -> None:
    pixels = bytes(range(200))
    inline = {"vr": "OW", "InlineBinary": base64.b64encode(pixels).decode()}
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        icon = {"vr": "SQ", "Value": [{"7FE00010": inline}]}
        native = {"vr": "UI", "Value": [EXPLICIT_LE]}
        dataset = metadata(x7FE00010=inline, x00880200=icon, x00083002=native)
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[dataset]))
        left = await read_metadata(gateway, INSTANCE_PATH)
        assert "InlineBinary" not in left["7FE00010"]
        uris = [uri for _, uri in uris_in(left)]
        assert len(uris) == 2
        for uri in uris:
            assert await read_all(gateway, uri) == [pixels]


LOOKS_LIKE_URLS: dict[str, Any] = {
    "x00081030": {"vr": "LO", "Value": ["http://127.0.0.1:8042/dicom-web/studies/1.2.3"]},
    "x00104000": {"vr": "LT", "Value": ["see http://archive:8080/rs/studies/null, BulkDataURI"]},
    "x0040E010": {"vr": "UR", "Value": ["http://archive:8080/rs/studies/1.2.3"]},
    "x00091010": {"vr": "UT", "Value": ["/dicom-web/studies/1/series/2/instances/3/bulk/1"]},
    "x00080118": {"vr": "UR", "Value": ["http://map.example/?a=1"]},
}


async def test_texts_that_look_like_urls_are_untouched() -> None:
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[metadata(**LOOKS_LIKE_URLS)]))
        left = await read_metadata(gateway, INSTANCE_PATH)
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row(**LOOKS_LIKE_URLS)]))
        async with gateway.get("/studies", headers=HOST) as response:
            (row,) = await response.json(content_type=DICOM_JSON)

    for name, attribute in LOOKS_LIKE_URLS.items():
        assert left[name[1:]] == attribute
        assert row[name[1:]] == attribute


def row_of(level: str, url: str) -> dict[str, Any]:
    row = study_row(x00081190={"vr": "UR", "Value": [url]})
    if level in ("series", "instances"):
        row["0020000E"] = {"vr": "UI", "Value": [SERIES]}
    if level == "instances":
        row["00080018"] = {"vr": "UI", "Value": [INSTANCE]}
    return row


SEARCHES = [
    ("/studies", "studies", STUDY_PATH),
    ("/series", "series", SERIES_PATH),
    ("/instances", "instances", INSTANCE_PATH),
    (f"{STUDY_PATH}/series", "series", SERIES_PATH),
    (f"{STUDY_PATH}/instances", "instances", INSTANCE_PATH),
    (f"{SERIES_PATH}/instances", "instances", INSTANCE_PATH),
]


@pytest.mark.parametrize(("path", "level", "resource"), SEARCHES)
@pytest.mark.parametrize("prefix", ["", "/backends/pacs"])
@pytest.mark.parametrize(
    "url",
    [
        "http://archive:8080/dcm4chee-arc/aets/DCM4CHEE/rs/studies/1.2.3",
        "http://archive:8080/dcm4chee-arc/aets/DCM4CHEE/rs/studies/null",
        "",
    ],
)
async def test_a_rows_retrieve_url_is_the_gateways_and_leads_to_the_resource(
    path: str, level: str, resource: str, prefix: str, url: str
) -> None:
    """https://github.com/dcm4che/dcm4chee-arc-light/issues/488"""
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        pacs.on("GET", ROOT + path, Reply(json=[row_of(level, url)]))
        pacs.on("GET", ROOT + resource, multipart_reply(Part(dicom_file(1))))
        async with gateway.get(prefix + path, headers=HOST) as response:
            body = await response.read()
            (row,) = await response.json(content_type=DICOM_JSON)
        assert b"archive" not in body
        assert b"/null" not in body
        found = row["00081190"]["Value"]
        assert found == [f"{OUTER}{prefix}{resource}"]
        headers = {**HOST, "Accept": FILES}
        async with gateway.client.get(
            through_the_proxy(gateway, found[0]), headers=headers
        ) as response:
            assert [part.body for part in await parts_of(response)] == [dicom_file(1)]


async def test_a_row_without_the_uids_for_a_url_has_none() -> None:
    row = row_of("instances", "http://archive:8080/rs/studies/null/series/null")
    del row["0020000D"]
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/instances", Reply(json=[row]))
        async with gateway.get("/instances", headers=HOST) as response:
            body = await response.read()
            (left,) = await response.json(content_type=DICOM_JSON)
    assert "00081190" not in left
    assert b"null" not in body


async def test_the_retrieve_url_of_metadata_is_the_gateways() -> None:
    dataset = metadata(x00081190={"vr": "UR", "Value": ["http://archive:8080/rs/studies/null"]})
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}{STUDY_PATH}/metadata", Reply(json=[dataset]))
        left = await read_metadata(gateway, STUDY_PATH)
    assert left["00081190"]["Value"] == [f"{OUTER}{INSTANCE_PATH}"]


NO_RESOURCES = (
    "http://inner:8080/rs/studies/null",
    "http://inner:8080/rs/studies/1.2/series/null",
    "http://inner:8080/rs/wado?studyUID=1.2",
    "null",
)


@pytest.mark.parametrize("path", LEVELS)
async def test_a_referenced_objects_url_is_the_gateways_or_is_left_out(path: str) -> None:
    """As in a manifest, whose items say where each series can be read."""
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        urls = [f"{pacs.base}{SERIES_PATH}", "http://inner:8080/rs/studies/1.2.3", *NO_RESOURCES]
        items = [{"00081190": {"vr": "UR", "Value": [url]}} for url in urls]
        # A list of which one names nothing would be another list without it.
        lists = [{"00081190": {"vr": "UR", "Value": list(two)}} for two in (urls[:2], urls[1:3])]
        items = [*items, *lists, {"00081190": {"vr": "UR"}}]
        dataset = metadata(x00081115={"vr": "SQ", "Value": items})
        pacs.on("GET", f"{ROOT}{path}/metadata", Reply(json=[dataset]))
        left = await read_metadata(gateway, path)
    assert left["00081115"]["Value"] == [
        {"00081190": {"vr": "UR", "Value": [f"{OUTER}{SERIES_PATH}"]}},
        {"00081190": {"vr": "UR", "Value": [f"{OUTER}/studies/1.2.3"]}},
        *[{} for _ in NO_RESOURCES],
        {"00081190": {"vr": "UR", "Value": [f"{OUTER}{SERIES_PATH}", f"{OUTER}/studies/1.2.3"]}},
        {},
        {"00081190": {"vr": "UR"}},
    ]


@pytest.mark.parametrize("level", ["studies", "series", "instances"])
async def test_no_url_of_the_archive_leaves_within_a_row(level: str) -> None:
    inner = "http://inner:8080/rs/studies/1.2.3"
    items = [{"00081190": {"vr": "UR", "Value": [url]}} for url in (inner, *NO_RESOURCES)]
    pixels = {"vr": "OW", "InlineBinary": "AAAA"}
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        row = study_row(
            x0020000E={"vr": "UI", "Value": ["1.2.3.4"]},
            x00080018={"vr": "UI", "Value": ["1.2.3.4.5"]},
            x00081115={"vr": "SQ", "Value": items},
            x00420011={"vr": "OB", "BulkDataURI": f"{inner}/bulk/1"},
            x7FE00010=pixels,
        )
        pacs.on("GET", f"{ROOT}/{level}", Reply(json=[row]))
        async with gateway.get(f"/{level}", headers=HOST) as response:
            body = await response.read()
    (left,) = json.loads(body)
    assert b"inner" not in body
    assert b"null" not in body
    assert "AAAA" not in body.decode()
    assert left["00081115"]["Value"] == [
        {"00081190": {"vr": "UR", "Value": [f"{OUTER}/studies/1.2.3"]}},
        *[{} for _ in NO_RESOURCES],
    ]
    uris = dict(uris_in(left))
    assert set(uris) == ({"00420011", "7FE00010"} if level == "instances" else set())
    assert all(uri.startswith(f"{OUTER}/studies/") for uri in uris.values())


@pytest.mark.parametrize("prefix", ["", "/backends/pacs"])
async def test_content_locations_are_the_gateways_and_lead_to_the_same_bytes(prefix: str) -> None:
    inner = "http://archive:8080/rs/studies/null"
    with_location = Part(b"12345678", "application/octet-stream", [("Content-Location", inner)])
    reply = multipart_reply(with_location, type_="application/octet-stream")
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        uri = f"{inner}{INSTANCE_PATH}/bulk/{PDF}"
        dataset = metadata(**{f"x{PDF}": bulk(uri)})
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[dataset]))
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/bulk/{PDF}", reply)
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/frames/1", frames_reply(b"12345678"))
        headers = {**HOST, "Accept": FRAMES_AS_STORED}
        for path in (
            f"{INSTANCE_PATH}/bulk/{PDF}",
            f"{INSTANCE_PATH}/attributes/{PDF}",
            f"{INSTANCE_PATH}/frames/1",
            INSTANCE_PATH,
        ):
            async with gateway.get(prefix + path, headers=headers) as response:
                (part,) = await parts_of(response)
            location = dict(part.headers)["Content-Location"]
            assert location.startswith(f"{OUTER}{prefix}{INSTANCE_PATH}/")
            assert await read_all(gateway, location) == [b"12345678"]


async def test_a_bare_answers_location_is_the_gateways_too() -> None:
    reply = Reply(
        headers={"Content-Type": "application/pdf", "Content-Location": "http://archive:8080/x"},
        body=b"%PDF",
    )
    async with behind_a_pacs(SERVER) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/bulk/1", reply)
        headers = {**HOST, "Accept": "application/pdf"}
        async with gateway.get(f"{INSTANCE_PATH}/bulk/1", headers=headers) as response:
            assert response.headers["Content-Location"] == f"{OUTER}{INSTANCE_PATH}/bulk/1"
            assert await response.read() == b"%PDF"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_an_archives_redirect_is_never_followed_nor_passed_on(status: int) -> None:
    async with behind_a_pacs() as (pacs, gateway), Pacs() as other:
        redirect = Reply(status, {"Location": f"{other.base}/studies"})
        paths = ["/studies", INSTANCE_PATH, f"{INSTANCE_PATH}/metadata", f"{INSTANCE_PATH}/bulk/1"]
        for path in paths:
            pacs.on("GET", ROOT + path, redirect)
            async with gateway.get(path) as response:
                assert response.status == 502
                assert "Location" not in response.headers
                assert str(other.port) not in await response.text()
        pacs.on("POST", f"{ROOT}/studies", redirect)
        headers = {"Content-Type": "application/dicom"}
        async with gateway.post("/studies", data=dicom_file(1), headers=headers) as response:
            assert response.status == 502
        assert other.requests == []


def test_the_public_url_of_these_tests_is_another_than_the_gateways_own() -> None:
    assert urlsplit(PUBLIC).scheme == "https"


@pytest.mark.parametrize("name", ["a%20b", "a%2Bb+c", "a%3Fb", "a%25b", "a%2Cb;c"])
async def test_a_uri_with_escapes_reaches_the_archive_as_the_archive_wrote_it(name: str) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        uri = f"{pacs.base}{INSTANCE_PATH}/bulk/{name}"
        dataset = metadata(**{f"x{PDF}": {"vr": "OB", "BulkDataURI": uri}})
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[dataset]))
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/bulk/{name}", multipart_reply(Part(b"%PDF")))
        async with gateway.get(f"{INSTANCE_PATH}/metadata") as response:
            (found,) = await response.json(content_type=DICOM_JSON)
        given = URL(found[PDF]["BulkDataURI"], encoded=True)
        async with gateway.client.get(given, headers={"Accept": BULKDATA}) as response:
            assert [part.body for part in await parts_of(response)] == [b"%PDF"]
        assert (pacs.requests[-1].path, pacs.requests[-1].query) == (given.raw_path, "")
