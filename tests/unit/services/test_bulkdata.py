"""Bulk data is found by the gateway's own URIs, and only below the archive it came from."""

import base64

import pytest

from gateway.backends.base import Part
from gateway.dicom.acceptable import acceptable_bulkdata
from gateway.dicom.media_types import parse_accept
from gateway.dicom.resources import Dataset, Resource
from gateway.errors import GatewayError, StreamBroken
from gateway.services.bulkdata import RetrieveBulkdata
from gateway.services.view import IdentityView
from tests.fakes.backend import MemoryBackend
from tests.fakes.calls import BASE, all_of, call, part, planner

INSTANCE = Resource("1.2", "1.2.3", "1.2.3.4")
BELOW = "studies/1.2/series/1.2.3/instances/1.2.3.4"
OCTETS, PDF = "application/octet-stream", "application/pdf"
MULTIPART = f'multipart/related; type="{OCTETS}"'
UIDS: Dataset = {
    "0020000D": {"vr": "UI", "Value": ["1.2"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
}
Found = list[tuple[str, bytes, str | None]]


def retrieve_from(backend: MemoryBackend) -> RetrieveBulkdata:
    return RetrieveBulkdata(planner(backend), IdentityView())


async def at_location(parts: list[Part], accept: str) -> Found:
    backend = MemoryBackend(parts=parts)
    acceptables = acceptable_bulkdata(parse_accept(accept, None))
    retrieve = retrieve_from(backend).at_location
    async with retrieve(call(), INSTANCE, "bulk/00420011", acceptables) as retrieved:
        assert backend.calls == [("bulkdata", f"{BELOW}/bulk/00420011")]
        return list(await all_of(retrieved))


async def of_attribute(backend: MemoryBackend, path: str) -> Found:
    acceptables = acceptable_bulkdata(parse_accept(MULTIPART, None))
    retrieve = retrieve_from(backend).of_attribute
    async with retrieve(call(), INSTANCE, path, acceptables) as retrieved:
        return list(await all_of(retrieved))


async def test_its_location_is_the_gateways_own() -> None:
    parts = [part(OCTETS, b"data", location="http://archive/secret")]
    assert await at_location(parts, MULTIPART) == [
        (OCTETS, b"data", f"{BASE}/{BELOW}/bulk/00420011")
    ]


@pytest.mark.parametrize(
    ("accept", "label"), [(PDF, PDF), (OCTETS, OCTETS), (f"{PDF}, {OCTETS}", PDF), ("*/*", PDF)]
)
async def test_it_is_labelled_with_the_type_that_was_accepted(accept: str, label: str) -> None:
    ((media_type, body, _),) = await at_location([part(PDF, b"%PDF")], accept)
    assert (media_type, body) == (label, b"%PDF")


async def test_a_type_that_it_is_not_is_not_acceptable() -> None:
    with pytest.raises(GatewayError) as caught:
        await at_location([part(PDF, b"%PDF")], "video/mp4")
    assert caught.value.status == 406


async def test_several_parts_do_not_leave_as_one() -> None:
    with pytest.raises(StreamBroken):
        await at_location([part(OCTETS, b"a", b"b"), part(OCTETS, b"c")], OCTETS)


async def test_several_parts_leave_as_several() -> None:
    found = await at_location([part(OCTETS, b"a"), part(OCTETS, b"b")], MULTIPART)
    assert [body for _, body, _ in found] == [b"a", b"b"]


async def test_an_attribute_inside_a_sequence_is_followed_to_the_archive() -> None:
    item: Dataset = {"00282000": {"vr": "OB", "BulkDataURI": "http://other/icc?x=1"}}
    backend = MemoryBackend(
        metadata=[UIDS | {"00480105": {"vr": "SQ", "Value": [item]}}],
        parts=[part(OCTETS, b"icc")],
        locations={"http://other/icc?x=1": "icc?x=1"},
    )
    url = f"{BASE}/{BELOW}/attributes/00480105.0.00282000"
    assert await of_attribute(backend, "00480105.0.00282000") == [(OCTETS, b"icc", url)]
    assert backend.calls == [("metadata", INSTANCE), ("bulkdata", "icc?x=1")]


async def test_inline_pixel_data_is_decoded() -> None:
    inline = {"vr": "OW", "InlineBinary": base64.b64encode(b"\1\2\3\4").decode()}
    found = await of_attribute(MemoryBackend(metadata=[UIDS | {"7FE00010": inline}]), "7FE00010")
    assert found == [(OCTETS, b"\1\2\3\4", f"{BASE}/{BELOW}/attributes/7FE00010")]


@pytest.mark.parametrize(
    "path", ["00420011", "00080018", "00480105.0.00282000", "7FE00010.0.00282000"]
)
async def test_an_attribute_without_bulk_data_is_not_found(path: str) -> None:
    outside = {"vr": "OB", "BulkDataURI": "http://outside/x"}
    backend = MemoryBackend(metadata=[UIDS | {"00420011": outside}])
    with pytest.raises(GatewayError) as caught:
        await of_attribute(backend, path)
    assert caught.value.status == 404
    assert [name for name, _ in backend.calls] == ["metadata"]


async def test_all_bulk_data_of_a_study_leaves_with_its_locations() -> None:
    other = UIDS | {"00080018": {"vr": "UI", "Value": ["1.2.3.5"]}}
    inline = {"vr": "OW", "InlineBinary": "AAA="}
    backend = MemoryBackend(
        metadata=[
            UIDS | {"00420011": {"vr": "OB", "BulkDataURI": "u"}},
            other | {"7FE00010": inline},
        ],
        parts=[part(PDF, b"%PDF")],
        locations={"u": f"{BELOW}/bulk/00420011"},
    )
    acceptables = acceptable_bulkdata(parse_accept(MULTIPART, None))
    retrieve = retrieve_from(backend).of_resource
    async with retrieve(call(), Resource("1.2"), acceptables) as retrieved:
        found = await all_of(retrieved)
    assert found == [
        (OCTETS, b"%PDF", f"{BASE}/{BELOW}/bulk/00420011"),
        (OCTETS, b"\0\0", f"{BASE}/{BELOW[:-1]}5/attributes/7FE00010"),
    ]


async def test_metadata_of_another_instance_is_not_believed() -> None:
    other = UIDS | {"00080018": {"vr": "UI", "Value": ["9"]}}
    with pytest.raises(StreamBroken):
        await of_attribute(MemoryBackend(metadata=[other]), "7FE00010")
