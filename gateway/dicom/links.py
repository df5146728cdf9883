"""Every URL that leaves: built from the gateway's own public base, never from a backend's."""

from dataclasses import dataclass

from gateway.dicom.resources import Resource


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
