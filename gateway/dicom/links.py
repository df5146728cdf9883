"""Every URL that leaves: built from the gateway's own public base, never from a backend's."""

import re
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Links:
    """URLs below one DICOMweb base, e.g. `https://pacs.example.org/dicom-web`."""

    base: str

    def retrieve(self, resource: Resource) -> str:
        """RetrieveURL (0008,1190) of a study, series or instance."""
        return f"{self.base}/{resource.path}"

    def below(self, location: str) -> str:
        """The URL of a path relative to the base."""
        return f"{self.base}/{location}"

    def frame(self, instance: Resource, number: int) -> str:
        """The Content-Location of one frame."""
        return f"{self.base}/{instance.path}/frames/{number}"

    def attribute(self, instance: Resource, path: str) -> str:
        """BulkDataURI of an attribute, found again by its place in the instance's metadata."""
        return f"{self.base}/{instance.path}/attributes/{path}"
