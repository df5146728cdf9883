"""Studies, series and instances as the resources of PS3.18 10.4.1 and 10.6.1."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Attribute: TypeAlias = dict[str, Any]
Dataset: TypeAlias = dict[str, Attribute]
"""One dataset in the DICOM JSON Model (PS3.18 F.2): tag -> {"vr", "Value" or the like}."""


class Level(StrEnum):
    """The levels of the query/retrieve hierarchy below the patient."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Resource:
    """A study, a series of it, or an instance of that; all UIDs above the level are known."""

    study: str
    series: str | None = None
    instance: str | None = None

    @property
    def level(self) -> Level:
        if self.instance is not None:
            return Level.INSTANCE
        return Level.STUDY if self.series is None else Level.SERIES

    @property
    def path(self) -> str:
        """The resource's path below a DICOMweb base, without a leading slash."""
        path = f"studies/{self.study}"
        if self.series is not None:
            path += f"/series/{self.series}"
        if self.instance is not None:
            path += f"/instances/{self.instance}"
        return path
