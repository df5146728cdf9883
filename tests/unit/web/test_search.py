"""Searches as they leave the gateway."""

import json

import pytest

from gateway.dicom.resources import Dataset
from tests.fakes.gateway import gateway_before
from tests.fakes.pacs import Pacs, Reply


def row(number: int) -> Dataset:
    return {
        "00081190": {"vr": "UR", "Value": [f"http://archive.invalid/studies/1.2.{number}"]},
        "0020000D": {"vr": "UI", "Value": [f"1.2.{number}"]},
    }


@pytest.mark.parametrize("count", [0, 1, 3, 1500])
async def test_every_row_leaves_with_the_gateways_link(count: int) -> None:
    """A long answer is written in a thread, row by row."""
    async with Pacs() as pacs, gateway_before(pacs.base) as gateway:
        pacs.on("GET", "/dicom-web/studies", Reply(json=[row(number) for number in range(count)]))

        async with gateway.get(f"/studies?limit={count + 1}") as response:
            body = await response.read()

    rows = json.loads(body)
    assert [each["0020000D"]["Value"] for each in rows] == [[f"1.2.{n}"] for n in range(count)]
    assert [each["00081190"]["Value"] for each in rows] == [
        [f"{gateway.base}/studies/1.2.{n}"] for n in range(count)
    ]
