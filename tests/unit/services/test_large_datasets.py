"""Long work on a dataset is done beside the event loop."""

import threading

import pytest

from gateway.dicom.resources import Dataset
from gateway.services.large_datasets import worked

CONTOUR: Dataset = {"30060050": {"vr": "DS", "Value": [1.5] * 1001}}


@pytest.mark.parametrize(
    ("dataset", "beside"),
    [
        ({"00080060": {"vr": "CS", "Value": ["CT"]}}, False),
        (CONTOUR, True),
        (
            {"30060039": {"vr": "SQ", "Value": [{"30060040": {"vr": "SQ", "Value": [CONTOUR]}}]}},
            True,
        ),
        ({"00420011": {"vr": "OB", "InlineBinary": "AAAA" * 1000}}, False),
        ({"00420011": {"vr": "OB", "InlineBinary": "AAAA" * 100_000}}, True),
    ],
    ids=["small", "values", "nested", "inline", "long inline"],
)
async def test_a_large_dataset_is_worked_on_in_a_thread(dataset: Dataset, beside: bool) -> None:
    found = await worked(dataset, threading.get_ident)
    assert (found != threading.get_ident()) is beside
