"""The place of an attribute in a dataset: `7FE00010`, or `00880200.0.7FE00010` inside an item."""

import re
from collections.abc import Iterator

from gateway.dicom.resources import Attribute, Dataset
from gateway.errors import bad_request

_PATH = re.compile(r"[0-9A-F]{8}(?:\.[0-9]{1,6}\.[0-9A-F]{8}){0,32}")


def parse_attribute_path(text: str) -> str:
    """The path itself; 400 if it is none."""
    if _PATH.fullmatch(text) is None:
        raise bad_request("This is no path of an attribute.")
    return text


def find_attribute(dataset: Dataset, path: str) -> Attribute | None:
    """The attribute at a parsed path, or None where the dataset has no such place."""
    tag, *rest = path.split(".")
    attribute = dataset.get(tag)
    for position, inner in zip(rest[::2], rest[1::2], strict=True):
        item = _item(attribute, int(position))
        attribute = item.get(inner) if item is not None else None
    return attribute


def walk_attributes(dataset: Dataset, prefix: str = "") -> Iterator[tuple[str, Dataset, str]]:
    """(path, the dataset or item that holds it, tag) of each attribute, outermost first.

    The holder may lose or change that attribute while the walk goes on.
    """
    for tag, attribute in list(dataset.items()):
        path = prefix + tag
        yield path, dataset, tag
        if attribute.get("vr") == "SQ":
            for position, item in enumerate(attribute.get("Value", ())):
                yield from walk_attributes(item, f"{path}.{position}.")


def _item(attribute: Attribute | None, position: int) -> Dataset | None:
    items = attribute.get("Value", ()) if attribute is not None else ()
    if position >= len(items):
        return None
    item = items[position]
    return item if isinstance(item, dict) else None
