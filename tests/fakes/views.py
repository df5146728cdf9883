"""A view under which every UID is another than the archive's."""

from dataclasses import fields

from gateway.dicom.resources import Dataset, Resource

CLIENT, ARCHIVE = "2.25.", "1."


class OtherUids:
    """To the client a UID begins with 2.25 where it begins with 1 in the archive."""

    key = "other"

    def incoming(self, resource: Resource) -> Resource:
        return _with(resource, CLIENT, ARCHIVE)

    def shown(self, resource: Resource) -> Resource:
        return _with(resource, ARCHIVE, CLIENT)

    def outgoing(self, dataset: Dataset) -> Dataset:
        return {tag: self._attribute(attribute) for tag, attribute in dataset.items()}

    def _attribute(self, attribute: dict[str, object]) -> dict[str, object]:
        values = attribute.get("Value")
        if attribute["vr"] != "UI" or not isinstance(values, list):
            return attribute
        return attribute | {"Value": [_changed(uid, ARCHIVE, CLIENT) for uid in values]}


def _with(resource: Resource, before: str, after: str) -> Resource:
    uids = [getattr(resource, field.name) for field in fields(resource)]
    return Resource(*(uid and _changed(uid, before, after) for uid in uids))


def _changed(uid: str, before: str, after: str) -> str:
    assert uid.startswith(before), uid
    return after + uid.removeprefix(before)
