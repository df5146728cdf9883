"""Every URL that leaves: built from the gateway's own public base, never from a backend's."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.dicom.resources import Resource
from gateway.dicom.uids import identifies

_RESOURCE = re.compile(
    r"(?:.*/)?studies/([^/?#]+)(?:/series/([^/?#]+)(?:/instances/([^/?#]+))?)?/?(?:[?#].*)?",
    re.DOTALL,
)
NO_NAMES = frozenset({"null", "undefined"})
"""What some archives write into a URL for what they do not know."""


def resource_at(url: str) -> Resource | None:
    """The study, series or instance that a RetrieveURL leads to, on whatever host; None if none."""
    found = _RESOURCE.fullmatch(url)
    uids = [uid for uid in found.groups() if uid is not None] if found is not None else []
    named = all(identifies(uid) and uid not in NO_NAMES for uid in uids)
    return Resource(*uids) if uids and named else None


def _as_it_is(resource: Resource) -> Resource:
    return resource


@dataclass(frozen=True, slots=True)
class Links:
    """URLs below one DICOMweb base, e.g. `https://pacs.example.org/dicom-web`."""

    base: str
    shown: Callable[[Resource], Resource] = _as_it_is
    """What the client calls a resource that is given here."""

    def through(self, shown: Callable[[Resource], Resource]) -> "Links":
        """The same for an archive's own resources, of which the client knows what is `shown`."""
        return replace(self, shown=shown)

    def retrieve(self, resource: Resource) -> str:
        """RetrieveURL (0008,1190) of a study, series or instance."""
        return f"{self.base}/{self.shown(resource).path}"

    def frame(self, instance: Resource, number: int) -> str:
        """The Content-Location of one frame."""
        return f"{self.retrieve(instance)}/frames/{number}"

    def bulkdata(self, instance: Resource, below: str) -> str:
        """BulkDataURI of what the archive keeps below the instance, e.g. at `bulk/60003000`."""
        return f"{self.retrieve(instance)}/{below}"

    def attribute(self, instance: Resource, path: str) -> str:
        """BulkDataURI of an attribute, found again by its place in the instance's metadata."""
        return f"{self.retrieve(instance)}/attributes/{path}"
