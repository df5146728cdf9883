"""What tells the rows of a search apart."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from gateway.dicom.resources import Dataset, Level
from gateway.dicom.search.attributes import UID_TAGS

Identity: TypeAlias = tuple[str | None, ...]

_PATIENT = ("00100020", "00100021")
_TAGS: Mapping[Level, tuple[str, ...]] = MappingProxyType(
    {
        Level.STUDY: (UID_TAGS[Level.STUDY], *_PATIENT),
        Level.SERIES: (UID_TAGS[Level.SERIES], UID_TAGS[Level.STUDY], *_PATIENT),
        Level.INSTANCE: (
            *(UID_TAGS[Level.INSTANCE], UID_TAGS[Level.SERIES], UID_TAGS[Level.STUDY]),
            *_PATIENT,
        ),
    }
)


def identity_of(row: Dataset, level: Level) -> Identity | None:
    """The row's UIDs, and its patient by PatientID and IssuerOfPatientID; None without its own UID.

    UIDs alone do not do: archives list an instance that was filed in two studies twice, and a
    study that was filed for two patients.
    """
    own, *others = [_text(row, tag) for tag in _TAGS[level]]
    return (own, *others) if own is not None else None


def _text(row: Dataset, tag: str) -> str | None:
    values = row.get(tag, {}).get("Value", ())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None
