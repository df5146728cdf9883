"""Where a study is, and the facts of it that rules bind."""

from dataclasses import dataclass

from gateway.backends.base import Backend
from gateway.dicom.operations import Operation
from gateway.dicom.resources import Resource
from gateway.services.routing import Routing


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What is known of a study; None where nobody had to find out."""

    study: str
    backends: tuple[Backend, ...]
    patient_id: str | None = None
    issuer_of_patient_id: str | None = None
    modalities: frozenset[str] | None = None
    study_date: str | None = None


class Locate:
    """One retrieving backend has every study, until several archives are merged."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing

    async def locate(self, resource: Resource, backend: str | None) -> StudyFacts:
        """The facts of the resource's study, with the backends to ask in their order."""
        return StudyFacts(resource.study, (self._routing.resolve(Operation.RETRIEVE, backend),))
