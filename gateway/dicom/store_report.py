"""What became of each instance of a Store Transaction (PS3.18 10.5.3 and annex I).

A report is a pure value: backends make one for each batch, the service merges them, and the
web layer writes the merged one as the Store Instances Response Module.
"""

from dataclasses import dataclass

from gateway.dicom.resources import Resource


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance that an archive took, and the Warning Reason (0008,1196) it gave, if any."""

    resource: Resource
    sop_class: str
    warning: int | None = None


@dataclass(frozen=True, slots=True)
class FailedInstance:
    """An instance that was not stored, and its Failure Reason (0008,1197).

    Without an instance UID it is one of the Other Failures Sequence (0008,119A).
    """

    reason: int
    sop_class: str | None = None
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class StoreReport:
    """Each instance of the request once, as stored or as failed, in the order of its coming."""

    stored: tuple[StoredInstance, ...] = ()
    failed: tuple[FailedInstance, ...] = ()
