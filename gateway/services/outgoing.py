"""A backend's dataset made fit to leave: strictly valid, and no URL in it but the gateway's own."""

import logging
from dataclasses import dataclass

from gateway.backends.base import Backend
from gateway.dicom.attribute_path import walk_attributes
from gateway.dicom.dicom_json import honest
from gateway.dicom.links import Links, resource_at
from gateway.dicom.resources import Attribute, Dataset, Level, Resource
from gateway.dicom.search.attributes import UID_TAGS
from gateway.dicom.store_report import RETRIEVE_URL
from gateway.dicom.uids import identifies
from gateway.errors import StreamBroken
from gateway.services.pixel_data import PIXEL_DATA

_DIRECT = ("bulk/", "bulkdata/")

_log = logging.getLogger(__name__)


def uid_of(dataset: Dataset, level: Level) -> str | None:
    """The dataset's UID at a level, if it has exactly one."""
    values = dataset.get(UID_TAGS[level], {}).get("Value", ())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


def is_of(dataset: Dataset, level: Level, uid: str) -> bool:
    """False for a dataset that names another study, series or instance, or several of them."""
    values = dataset.get(UID_TAGS[level], {}).get("Value")
    return not values or values == [uid]


def with_links(row: Dataset, level: Level, study: str | None, links: Links) -> Dataset:
    """A search row whose every URL is the gateway's; what can have none is left out.

    Its RetrieveURL is missing where a UID is, or is such that no path can name it.
    """
    resource = _resource_of(row, level, study)
    if _may_hold_links(row):
        for path, holder, tag in walk_attributes(row):
            if is_bulkdata(tag, holder[tag]):
                is_instance = resource is not None and resource.level is Level.INSTANCE
                uri = links.attribute(resource, path) if resource and is_instance else None
                _replaced(holder, tag, uri)
            elif tag == RETRIEVE_URL:
                _lead_here(holder, links)
    row.pop(RETRIEVE_URL, None)
    if resource is not None:
        row[RETRIEVE_URL] = {"vr": "UR", "Value": [links.retrieve(resource)]}
    return row


def _may_hold_links(row: Dataset) -> bool:
    """False for most rows, which need no walk: nothing nested, and nothing but values."""
    return any("Value" not in each or each["vr"] == "SQ" for each in row.values() if len(each) > 1)


def _resource_of(row: Dataset, level: Level, study: str | None) -> Resource | None:
    """None where a UID is missing, or is such that no path can name it."""
    uids = [study or uid_of(row, Level.STUDY)]
    if level is not Level.STUDY:
        uids.append(uid_of(row, Level.SERIES))
    if level is Level.INSTANCE:
        uids.append(uid_of(row, Level.INSTANCE))
    named = [uid for uid in uids if uid is not None and identifies(uid)]
    return Resource(*named) if len(named) == len(uids) else None


def outgoing_metadata(
    dataset: Dataset, requested: Resource, backend: Backend, links: Links
) -> Dataset:
    """One instance's metadata, honest and with every URL of it at the gateway.

    `requested` is the archive's own resource, and so are those that `links` are made of.
    StreamBroken if the archive answered with something that was not asked for.
    """
    dataset = honest(dataset)
    instance = instance_of(dataset, requested)
    if RETRIEVE_URL in dataset:
        dataset[RETRIEVE_URL] = {"vr": "UR", "Value": [links.retrieve(instance)]}
    left_out = 0
    for path, holder, tag in walk_attributes(dataset):
        if is_bulkdata(tag, holder[tag]):
            link = bulkdata_link(path, holder[tag], requested, instance, backend, links)
            left_out += not _replaced(holder, tag, link.url if link else None)
        elif tag == RETRIEVE_URL and holder is not dataset:
            _lead_here(holder, links)
    if left_out:
        _log.warning(
            "Backend %s: %d attributes left out, their bulk data is outside of the archive",
            backend.name,
            left_out,
        )
    return dataset


def instance_of(dataset: Dataset, requested: Resource) -> Resource:
    """The instance that the metadata is of; StreamBroken unless it is of what was requested."""
    uids: list[str] = []
    for level in Level:
        wanted: str | None = getattr(requested, level)
        if wanted is not None and not is_of(dataset, level, wanted):
            raise StreamBroken(502, "The archive answered with another resource.", "backend_answer")
        uid = uid_of(dataset, level)
        if level is not Level.INSTANCE:
            uid = uid or wanted
        if uid is None or not identifies(uid):
            raise StreamBroken(502, "The archive's metadata names no instance.", "backend_answer")
        uids.append(uid)
    return Resource(*uids)


def is_bulkdata(tag: str, attribute: Attribute) -> bool:
    """True for what leaves as a BulkDataURI: pixel data also where the archive has it inline."""
    return "BulkDataURI" in attribute or (tag in PIXEL_DATA and "InlineBinary" in attribute)


@dataclass(frozen=True, slots=True)
class BulkdataLink:
    """Where one attribute's bulk data is to be had."""

    url: str
    """At the gateway."""
    location: str | None
    """Below the archive's base; None for what is inline in the metadata."""


def bulkdata_link(
    path: str,
    attribute: Attribute,
    requested: Resource,
    instance: Resource,
    backend: Backend,
    links: Links,
) -> BulkdataLink | None:
    """None where nobody may follow the archive's URI.

    `requested` is the resource whose metadata holds the attribute, which is what a relative URI
    is relative to.
    """
    if "InlineBinary" in attribute:
        return BulkdataLink(links.attribute(instance, path), None)
    location = backend.relative_location(str(attribute["BulkDataURI"]), requested)
    if location is None:
        return None
    own = f"{instance.path}/"
    below = location.removeprefix(own)
    # Below its own instance the path alone proves what the bulk data belongs to.
    if location.startswith(own) and below.startswith(_DIRECT) and "?" not in below:
        return BulkdataLink(links.bulkdata(instance, below), location)
    return BulkdataLink(links.attribute(instance, path), location)


def _lead_here(holder: Dataset, links: Links) -> None:
    """The RetrieveURL of a referenced object, at the gateway; left out where it names none."""
    urls = holder[RETRIEVE_URL].get("Value", ())
    resources = [resource_at(url) if isinstance(url, str) else None for url in urls]
    named = [each for each in resources if each is not None]
    if len(named) < len(resources):
        del holder[RETRIEVE_URL]
    elif named:
        holder[RETRIEVE_URL] = {"vr": "UR", "Value": [links.retrieve(each) for each in named]}


def _replaced(holder: Dataset, tag: str, uri: str | None) -> bool:
    """False for an attribute that is left out: one that only said "empty" would be a lie."""
    if uri is None:
        del holder[tag]
        return False
    holder[tag] = {"vr": holder[tag]["vr"], "BulkDataURI": uri}
    return True
