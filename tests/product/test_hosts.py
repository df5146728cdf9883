"""What the gateway calls itself in links, and whom it lets have a say in that."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import ClientResponse
from multidict import CIMultiDict
from yarl import URL

from tests.fakes.gateway import Gateway
from tests.fakes.pacs import Reply
from tests.fakes.pacs_answers import (
    DICOM_JSON,
    INSTANCE_PATH,
    ROOT,
    STUDY,
    Part,
    asked,
    behind_a_pacs,
    metadata,
    multipart_reply,
    parts_of,
    study_row,
)

TRUSTING = {"trusted_proxies": ["127.0.0.0/8"], "allowed_hosts": ["pacs.example", "127.0.0.1"]}


async def retrieve_url(response: ClientResponse) -> str:
    """The RetrieveURL of the only row."""
    assert response.status == 200, await response.text()
    (row,) = await response.json(content_type=DICOM_JSON)
    (url,) = row["00081190"]["Value"]
    return str(url)


async def base_of(
    headers: Mapping[str, str], server: Mapping[str, Any], path: str = ROOT
) -> tuple[str, Gateway]:
    """Below which base the links of a search are that was asked with these headers."""
    async with behind_a_pacs(server) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row()]))
        async with gateway.client.get(f"{gateway.origin}{path}/studies", headers=headers) as found:
            return (await retrieve_url(found)).removesuffix(f"/studies/{STUDY}"), gateway


async def test_without_anything_configured_the_host_of_the_request_is_used() -> None:
    base, gateway = await base_of({}, {})
    assert base == gateway.base


@pytest.mark.parametrize("base_path", ["/", "/a", "/a/b/rs", "/dicom-web"])
@pytest.mark.parametrize("backend", ["", "/backends/pacs"])
async def test_links_are_below_the_base_path_and_lead_there(base_path: str, backend: str) -> None:
    prefix = base_path.rstrip("/")
    async with behind_a_pacs({"base_path": base_path}) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row()]))
        async with gateway.client.get(f"{gateway.origin}{prefix}{backend}/studies") as response:
            url = await retrieve_url(response)
        assert url == f"{gateway.origin}{prefix}{backend}/studies/{STUDY}"
        async with gateway.client.get(f"{url}/series") as response:
            assert response.status == 200
        if prefix != ROOT:
            async with gateway.client.get(f"{gateway.origin}{ROOT}/studies") as response:
                assert response.status == 404


@pytest.mark.parametrize(
    ("public_url", "base"),
    [
        ("https://pacs.example", "https://pacs.example/dicom-web"),
        ("https://pacs.example/gw/", "https://pacs.example/gw/dicom-web"),
        ("http://pacs.example:8443/a/b", "http://pacs.example:8443/a/b/dicom-web"),
    ],
)
@pytest.mark.parametrize("forwarded", ["", "proto=http;host=other.example"])
async def test_the_public_url_wins_over_all_that_is_forwarded(
    public_url: str, base: str, forwarded: str
) -> None:
    server = {"public_url": public_url, "allowed_hosts": ["pacs.example", "other.example"]}
    headers = {"Host": "pacs.example", **({"Forwarded": forwarded} if forwarded else {})}
    found, _ = await base_of(headers, {**server, "trusted_proxies": ["127.0.0.1"]})
    assert found == base


FORWARDED = [
    (
        {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pacs.example"},
        "https://pacs.example/dicom-web",
    ),
    (
        {
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "pacs.example",
            "X-Forwarded-Port": "8443",
            "X-Forwarded-Prefix": "/gw",
            "X-Forwarded-For": "203.0.113.7",
        },
        "https://pacs.example:8443/gw/dicom-web",
    ),
    (
        {"Forwarded": 'for="203.0.113.7:1234";proto=https;host="pacs.example:8443"'},
        "https://pacs.example:8443/dicom-web",
    ),
    (
        {
            "Forwarded": "proto=https;host=pacs.example",
            "X-Forwarded-Host": "other.example",
            "X-Forwarded-Proto": "http",
        },
        "https://pacs.example/dicom-web",
    ),
    (
        # Only what the trusted proxy itself added counts: the client wrote the first.
        {
            "Forwarded": "proto=http;host=evil.example,"
            " for=203.0.113.7;proto=https;host=pacs.example"
        },
        "https://pacs.example/dicom-web",
    ),
]


@pytest.mark.parametrize(("headers", "base"), FORWARDED)
async def test_a_trusted_proxy_says_what_the_client_used(
    headers: Mapping[str, str], base: str
) -> None:
    found, _ = await base_of(headers, TRUSTING)
    assert found == base


@pytest.mark.parametrize(("headers", "base"), FORWARDED)
async def test_whoever_else_forwards_is_not_listened_to(
    headers: Mapping[str, str], base: str
) -> None:
    server = {**TRUSTING, "trusted_proxies": ["203.0.113.0/24"]}
    found, gateway = await base_of(headers, server)
    assert found == gateway.base != base


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Forwarded-Host": "evil.example"}, 421),
        ({"Forwarded": "host=evil.example"}, 421),
        ({"X-Forwarded-Host": "pacs.example/x"}, 400),
        ({"X-Forwarded-Proto": "javascript"}, 400),
        ({"X-Forwarded-Prefix": "//evil.example"}, 400),
        ({"X-Forwarded-Prefix": "/a/../b"}, 400),
        ({"X-Forwarded-Port": "http"}, 400),
        ({"Forwarded": "host="}, 200),
        ({"Forwarded": ";;;=,"}, 400),
    ],
)
async def test_what_a_trusted_proxy_passes_on_is_checked_too(
    headers: Mapping[str, str], status: int
) -> None:
    async with behind_a_pacs(TRUSTING) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row()]))
        async with gateway.get("/studies", headers=headers) as response:
            assert response.status == status
            assert "evil" not in await response.text()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("pacs.example@evil.example", 400),
        ("evil.example/x", 400),
        ("local host", 400),
        ("localhost:99999", 400),
        ("localhost:http", 400),
        ("", 400),
        ("localhost", 200),
        ("LOCALHOST:1234", 200),
        ("[::1]:80", 200),
    ],
)
async def test_only_the_gateways_own_names_are_answered(host: str, status: int) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[]))
        async with gateway.get("/studies", headers={"Host": host}) as response:
            assert response.status == status
            if status != 200:
                assert response.headers["Content-Type"] == "application/problem+json"
                assert "evil" not in await response.text()
        assert len(asked(pacs)) == (status == 200)


async def raw(gateway: Gateway, request: bytes) -> bytes:
    """The answer to a request byte for byte, on a connection that ends with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /dicom-web/studies HTTP/1.1\r\n",
        b"GET /dicom-web/studies HTTP/1.0\r\n",
        b"GET /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        b"GET /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n",
        b"GET /dicom-web/studies HTTP/1.1\r\nHost : localhost\r\n",
    ],
)
async def test_a_request_names_its_host_once(head: bytes) -> None:
    async with behind_a_pacs() as (pacs, gateway):
        answer = await raw(gateway, head + b"Connection: close\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert asked(pacs) == []


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_may_use_any_name(path: str) -> None:
    async with behind_a_pacs() as (_, gateway):
        headers = CIMultiDict([("Host", "10.1.2.3:8080")])
        async with gateway.client.get(URL(gateway.origin + path), headers=headers) as response:
            assert response.status == 200


@pytest.mark.parametrize("base_path", ["/", "/a/b/rs"])
@pytest.mark.parametrize("backend", ["", "/backends/pacs"])
@pytest.mark.parametrize("forwarded", [True, False])
async def test_bulk_data_is_below_the_same_base_and_can_be_read_there(
    base_path: str, backend: str, forwarded: bool
) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "pacs.example"}
    headers = {**headers, "X-Forwarded-Prefix": "/gw"} if forwarded else {}
    async with behind_a_pacs({**TRUSTING, "base_path": base_path}) as (pacs, gateway):
        inner = f"http://inner:8042/rs{INSTANCE_PATH}/bulk/1"
        dataset = metadata(x00420011={"vr": "OB", "BulkDataURI": inner})
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", Reply(json=[dataset]))
        pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/bulk/1", multipart_reply(Part(b"%PDF")))
        outer = "https://pacs.example/gw" if forwarded else gateway.origin
        prefix = base_path.rstrip("/") + backend
        url = f"{gateway.origin}{prefix}{INSTANCE_PATH}/metadata"
        async with gateway.client.get(url, headers=headers) as response:
            (found,) = await response.json(content_type=DICOM_JSON)
        uri = found["00420011"]["BulkDataURI"]
        assert uri == f"{outer}{prefix}{INSTANCE_PATH}/bulk/1"
        behind_the_proxy = gateway.origin + uri.removeprefix(outer)
        async with gateway.client.get(behind_the_proxy, headers=headers) as response:
            (part,) = await parts_of(response)
            assert part.body == b"%PDF"
            assert dict(part.headers)["Content-Location"] == uri
