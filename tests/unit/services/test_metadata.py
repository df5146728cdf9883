"""Metadata streams out, honest and one instance at a time."""

import json
from threading import current_thread, main_thread
from typing import Any

import pytest

from gateway.dicom.resources import Dataset, Resource
from gateway.errors import GatewayError, StreamBroken
from gateway.services.metadata import RetrieveMetadata
from gateway.services.view import IdentityView, View
from tests.fakes.backend import MemoryBackend
from tests.fakes.calls import BASE, call, planner
from tests.fakes.views import OtherUids

STUDY = Resource("1.2")


def dataset(instance: str, **attributes: Any) -> Dataset:
    uids = {"0020000D": "1.2", "0020000E": "1.2.3", "00080018": instance}
    found: Dataset = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}
    return found | {tag.removeprefix("t"): value for tag, value in attributes.items()}


async def metadata(
    *datasets: Dataset,
    view: View | None = None,
    locations: dict[str, str | None] | None = None,
    of: Resource = STUDY,
) -> list[Any]:
    backend = MemoryBackend(metadata=datasets, locations=locations or {})
    retrieve = RetrieveMetadata(planner(backend), view or IdentityView()).retrieve
    async with retrieve(call(), of) as answers:
        found = [json.loads(each) async for each in answers]
    assert backend.calls == [("metadata", STUDY)]
    return found


async def test_each_instance_leaves_honest_and_in_order() -> None:
    odd = dataset("1.4", t00200013={"vr": "IS", "Value": ["3"]})
    first, second = await metadata(odd, dataset("1.5"))
    assert first["00200013"] == {"vr": "IS", "Value": [3]}
    assert second["00080018"]["Value"] == ["1.5"]


async def test_a_dataset_with_many_items_is_the_same_in_a_thread() -> None:
    frames = [{"00200013": {"vr": "IS", "Value": [str(number)]}} for number in range(500)]
    (found,) = await metadata(dataset("1.4", t52009230={"vr": "SQ", "Value": frames}))
    assert found["52009230"]["Value"][499] == {"00200013": {"vr": "IS", "Value": [499]}}


@pytest.mark.parametrize("nested", [0, 2])
async def test_a_dataset_with_many_values_is_shaped_in_a_thread(nested: int) -> None:
    """At whatever depth they are, as those of contours; one with few is shaped at once."""

    class Threads:
        """A view that sees where it looks from."""

        key = "threads"

        def __init__(self) -> None:
            self.seen: list[bool] = []

        def incoming(self, resource: Resource) -> Resource:
            return resource

        shown = incoming

        def outgoing(self, dataset: Dataset) -> Dataset:
            self.seen.append(current_thread() is main_thread())
            return dataset

    def with_values(count: int) -> Dataset:
        values: dict[str, Any] = {"vr": "DS", "Value": [1.5] * count}
        for _ in range(nested):
            values = {"vr": "SQ", "Value": [{"00091001": values}]}
        return dataset("1.4", t00091001=values)

    view = Threads()
    await metadata(with_values(900), with_values(1100), view=view)
    assert view.seen == [True, False]


async def test_links_name_what_the_client_calls_the_instance() -> None:
    uid = {"vr": "UI", "Value": ["1.2.840"]}
    inner = "http://archive/studies/1.2/series/1.2.3"
    item: Dataset = {
        "00081190": {"vr": "UR", "Value": [inner]},
        "00282000": {"vr": "OB", "BulkDataURI": "icc"},
    }
    odd = dataset(
        "1.4",
        t00081150=uid,
        t00081190={"vr": "UR", "Value": [inner]},
        t00420011={"vr": "OB", "BulkDataURI": "pdf"},
        t00480105={"vr": "SQ", "Value": [item]},
    )
    below = "studies/1.2/series/1.2.3/instances/1.4"
    locations: dict[str, str | None] = {"icc": "blobs/icc", "pdf": f"{below}/bulk/00420011"}
    (found,) = await metadata(odd, view=OtherUids(), locations=locations, of=Resource("2.25.2"))
    theirs = f"{BASE}/studies/2.25.2/series/2.25.2.3"
    assert found["00080018"]["Value"] == ["2.25.4"]
    assert found["00081190"]["Value"] == [f"{theirs}/instances/2.25.4"]
    assert found["00420011"]["BulkDataURI"] == f"{theirs}/instances/2.25.4/bulk/00420011"
    (nested,) = found["00480105"]["Value"]
    assert nested["00081190"]["Value"] == [theirs]
    assert nested["00282000"]["BulkDataURI"] == (
        f"{theirs}/instances/2.25.4/attributes/00480105.0.00282000"
    )


async def test_no_instance_is_not_found() -> None:
    with pytest.raises(GatewayError) as caught:
        await metadata()
    assert caught.value.status == 404


async def test_an_instance_of_another_study_breaks_the_answer() -> None:
    foreign = dataset("1.4") | {"0020000D": {"vr": "UI", "Value": ["9"]}}
    with pytest.raises(StreamBroken):
        await metadata(dataset("1.4"), foreign)
