"""Bulk data is found by the gateway's own URIs, and only below the archive it came from."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gateway.backends.base import CallContext, Part
from gateway.dicom.acceptable import acceptable_bulkdata
from gateway.dicom.media_types import parse_accept
from gateway.dicom.resources import Dataset, Resource
from gateway.errors import GatewayError, StreamBroken
from gateway.services.bulkdata import RetrieveBulkdata
from gateway.services.view import IdentityView, View
from tests.fakes.backend import MemoryBackend, each
from tests.fakes.calls import BASE, all_of, call, part, planner
from tests.fakes.views import OtherUids

INSTANCE = Resource("1.2", "1.2.3", "1.2.3.4")
BELOW = "studies/1.2/series/1.2.3/instances/1.2.3.4"
OCTETS, PDF = "application/octet-stream", "application/pdf"
MULTIPART = f'multipart/related; type="{OCTETS}"'
UIDS: Dataset = {
    "0020000D": {"vr": "UI", "Value": ["1.2"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3.4"]},
}
NATIVE: Dataset = {"00083002": {"vr": "UI", "Value": [str(ImplicitVRLittleEndian)]}}
EXPLICIT = f"{OCTETS}; transfer-syntax={ExplicitVRLittleEndian}"
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
    backend = MemoryBackend(metadata=[UIDS | NATIVE | {"7FE00010": inline}])
    found = await of_attribute(backend, "7FE00010")
    assert found == [(EXPLICIT, b"\1\2\3\4", f"{BASE}/{BELOW}/attributes/7FE00010")]
    assert [name for name, _ in backend.calls] == ["metadata"]


@pytest.mark.parametrize("path", ["7FE00008", "7FE00009", "7FE00010", "00880200.0.7FE00010"])
@pytest.mark.parametrize("given", [{"InlineBinary": "AAAA"}, {"BulkDataURI": "u"}])
async def test_big_endian_pixels_of_an_attribute_do_not_leave(
    path: str, given: dict[str, str]
) -> None:
    pixels: Dataset = {path[-8:]: {"vr": "OW", **given}}
    if "." in path:
        pixels = {"00880200": {"vr": "SQ", "Value": [pixels]}}
    stored: Dataset = {"00083002": {"vr": "UI", "Value": [ExplicitVRBigEndian]}}
    backend = MemoryBackend(
        metadata=[UIDS | stored | pixels], parts=[part(OCTETS, b"data")], locations={"u": "x"}
    )
    with pytest.raises(StreamBroken) as caught:
        await of_attribute(backend, path)
    assert caught.value.status == 502


@pytest.mark.parametrize("tag", ["7fe00008", "7fe00009", "7fe00010", "7FE00010", "7fe00010?x=1"])
async def test_big_endian_pixels_at_a_location_do_not_leave(tag: str) -> None:
    stored: Dataset = {"00083002": {"vr": "UI", "Value": [ExplicitVRBigEndian]}}
    backend = MemoryBackend(metadata=[UIDS | stored], parts=[part(OCTETS, b"data")])
    retrieve = retrieve_from(backend).at_location
    acceptables = acceptable_bulkdata(parse_accept(MULTIPART, None))
    with pytest.raises(StreamBroken) as caught:
        async with retrieve(call(), INSTANCE, f"bulk/{tag}", acceptables):
            pass
    assert caught.value.status == 502


async def test_what_is_no_pixel_data_is_read_without_another_question() -> None:
    found = await at_location([part(OCTETS, b"data")], OCTETS)
    assert [(label, body) for label, body, _ in found] == [(OCTETS, b"data")]


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


@dataclass
class StudyBackend(MemoryBackend):
    """The metadata of an instance is its own alone, and a location is resolved only aloud."""

    resolved: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def retrieve_metadata(
        self, resource: Resource, context: CallContext
    ) -> AsyncIterator[AsyncIterator[Dataset]]:
        yield each([one for one in self.metadata if resource.instance in (None, uid(one))])

    def relative_location(self, uri: str, requested: Resource) -> str | None:
        self.resolved.append(uri)
        return super().relative_location(uri, requested)


def uid(dataset: Dataset) -> str:
    return str(dataset["00080018"]["Value"][0])


def a_study() -> StudyBackend:
    other = UIDS | NATIVE | {"00080018": {"vr": "UI", "Value": ["1.2.3.5"]}}
    return StudyBackend(
        metadata=[
            UIDS | {"00420011": {"vr": "OB", "BulkDataURI": "u"}},
            other | {"7FE00010": {"vr": "OW", "InlineBinary": "AAA="}},
        ],
        parts=[part(PDF, b"%PDF")],
        locations={"u": f"{BELOW}/bulk/00420011"},
    )


async def of_resource(backend: MemoryBackend, resource: Resource, view: View) -> Found:
    acceptables = acceptable_bulkdata(parse_accept(MULTIPART, None))
    retrieve = RetrieveBulkdata(planner(backend), view).of_resource
    async with retrieve(call(), resource, acceptables) as retrieved:
        return list(await all_of(retrieved))


async def test_all_bulk_data_of_a_study_leaves_with_its_locations() -> None:
    backend = a_study()
    assert await of_resource(backend, Resource("1.2"), IdentityView()) == [
        (OCTETS, b"%PDF", f"{BASE}/{BELOW}/bulk/00420011"),
        (EXPLICIT, b"\0\0", f"{BASE}/{BELOW[:-1]}5/attributes/7FE00010"),
    ]
    assert backend.resolved == ["u"]


THEIRS = "studies/2.25.2/series/2.25.2.3/instances/2.25.2.3.4"
CLIENTS = Resource("2.25.2", "2.25.2.3", "2.25.2.3.4")


async def test_the_location_of_all_bulk_data_is_the_one_that_the_client_knows() -> None:
    assert await of_resource(a_study(), Resource("2.25.2"), OtherUids()) == [
        (OCTETS, b"%PDF", f"{BASE}/{THEIRS}/bulk/00420011"),
        (EXPLICIT, b"\0\0", f"{BASE}/{THEIRS[:-1]}5/attributes/7FE00010"),
    ]


async def test_the_location_of_one_value_is_the_one_that_the_client_knows() -> None:
    acceptables = acceptable_bulkdata(parse_accept(MULTIPART, None))
    backend = a_study()
    retrieve = RetrieveBulkdata(planner(backend), OtherUids())
    async with retrieve.at_location(call(), CLIENTS, "bulk/00420011", acceptables) as retrieved:
        ((_, _, location),) = await all_of(retrieved)
    assert location == f"{BASE}/{THEIRS}/bulk/00420011"
    assert backend.calls == [("bulkdata", f"{BELOW}/bulk/00420011")]
    backend = a_study()
    backend.locations["u"] = "blobs/pdf"
    retrieve = RetrieveBulkdata(planner(backend), OtherUids())
    async with retrieve.of_attribute(call(), CLIENTS, "00420011", acceptables) as retrieved:
        ((_, _, location),) = await all_of(retrieved)
    assert location == f"{BASE}/{THEIRS}/attributes/00420011"
    assert backend.resolved == ["u"]


async def test_metadata_of_another_instance_is_not_believed() -> None:
    other = UIDS | {"00080018": {"vr": "UI", "Value": ["9"]}}
    with pytest.raises(StreamBroken):
        await of_attribute(MemoryBackend(metadata=[other]), "7FE00010")
