"""Work on a dataset, and where it is done: long work is not the event loop's."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, TypeVar

from gateway.dicom.resources import Dataset

_VALUES_ON_THE_LOOP = 1000
"""At one to three microseconds each. An image has a few hundred, a structure set or an enhanced
multi-frame tens of thousands, most of them in items of sequences."""

_CHARACTERS_A_VALUE = 256
"""Of inline binary data: so many take as long as a value."""

T = TypeVar("T")


async def worked(dataset: Dataset, work: Callable[[], T]) -> T:
    """What `work` on the dataset gives, done in a thread where the dataset has many values."""
    return await asyncio.to_thread(work) if _is_large(dataset) else work()


def _is_large(dataset: Dataset) -> bool:
    """Counts no further than it takes."""
    return any(count > _VALUES_ON_THE_LOOP for count in accumulate(_lengths(dataset)))


def _lengths(dataset: Any) -> Iterator[int]:
    """How many values each attribute has, at every depth; of whatever an archive sent."""
    for attribute in dataset.values():
        if not isinstance(attribute, dict):
            continue
        inline = attribute.get("InlineBinary")
        if isinstance(inline, str):
            yield len(inline) // _CHARACTERS_A_VALUE
        values = attribute.get("Value")
        if isinstance(values, list):
            yield len(values)
            for item in values:
                if isinstance(item, dict):
                    yield from _lengths(item)
