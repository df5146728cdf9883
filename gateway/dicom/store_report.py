"""What became of each instance of a Store Transaction (PS3.18 10.5.3 and annex I).

A report is a pure value: backends make one for each batch, the service merges them, and the
web layer writes the merged one as the Store Instances Response Module.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.dicom.resources import Attribute, Dataset, Resource

# Failure Reasons (0008,1197): those of table I.2-2, and two of the kind that it leaves open.
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
PROCESSING_FAILURE = 0x0110
NOT_AUTHORISED = 0x0124
"""The caller may not store this (PS3.7 annex C)."""
OTHER_STUDY = 0xC409
"""The instance belongs to another study than the one that the request names."""

RETRIEVE_URL = "00081190"
REFERENCED_SOP_SEQUENCE = "00081199"
FAILED_SOP_SEQUENCE = "00081198"
OTHER_FAILURES_SEQUENCE = "0008119A"

_SOP_CLASS = "00081150"
_SOP_INSTANCE = "00081155"
_WARNING_REASON = "00081196"
_FAILURE_REASON = "00081197"

_SEQUENCES = (FAILED_SOP_SEQUENCE, REFERENCED_SOP_SEQUENCE, OTHER_FAILURES_SEQUENCE)
_SAYS_ALL_WERE_STORED = frozenset({200, 201, 204})
# 413 too large, 429 and 503 busy, 507 full; 401 and 403 refused.
_REASONS_OF_STATUS: Mapping[int, int] = {
    **dict.fromkeys((413, 429, 503, 507), OUT_OF_RESOURCES),
    **dict.fromkeys((401, 403), NOT_AUTHORISED),
}

Links = Callable[[Resource], str]
"""The gateway's public URL of a resource."""


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
    """Each instance of a request once, as stored or as failed, each kind in order of arrival."""

    stored: tuple[StoredInstance, ...] = ()
    failed: tuple[FailedInstance, ...] = ()

    def merge(self, other: "StoreReport") -> "StoreReport":
        """Both reports in one, this one's instances first."""
        return StoreReport(self.stored + other.stored, self.failed + other.failed)

    @property
    def status(self) -> int:
        """The status of PS3.18 table 10.5.3-1: 200, 202 or 409."""
        if not self.stored:
            return 409
        warned = any(instance.warning is not None for instance in self.stored)
        return 202 if self.failed or warned else 200

    @property
    def study(self) -> str | None:
        """The study of all stored instances, if it is one study."""
        studies = {instance.resource.study for instance in self.stored}
        return studies.pop() if len(studies) == 1 else None

    def to_dataset(self, links: Links) -> Dataset:
        """The Store Instances Response Module (table I.1-1); sequences without items are absent."""
        study = self.study
        named = [failure for failure in self.failed if failure.instance is not None]
        others = [failure for failure in self.failed if failure.instance is None]
        sequences = {
            FAILED_SOP_SEQUENCE: [_failed_item(failure) for failure in named],
            REFERENCED_SOP_SEQUENCE: [_stored_item(instance, links) for instance in self.stored],
            OTHER_FAILURES_SEQUENCE: [_reason_item(failure) for failure in others],
        }
        url = {} if study is None else {"Value": [links(Resource(study))]}
        filled = {tag: items for tag, items in sequences.items() if items}
        return {
            RETRIEVE_URL: {"vr": "UR", **url},
            **{tag: {"vr": "SQ", "Value": items} for tag, items in filled.items()},
        }


class Sent(Protocol):
    """What the report has to know of an instance that was sent."""

    @property
    def resource(self) -> Resource: ...

    @property
    def sop_class(self) -> str: ...


def failure_reason(status: int) -> int:
    """The Failure Reason for instances of which an archive's HTTP status is all that is known."""
    return _REASONS_OF_STATUS.get(status, PROCESSING_FAILURE)


def is_store_report(answer: object) -> bool:
    """True if this can be a Store Instances Response Module, or a list that begins with one."""
    first = answer[0] if isinstance(answer, list) and answer else answer
    return isinstance(first, dict) and any(tag in first for tag in _SEQUENCES)


def report_all_failed(sent: Sequence[Sent], reason: int) -> StoreReport:
    """The report of a batch that was refused, or lost, as a whole."""
    return StoreReport(failed=tuple(_failed(instance, reason) for instance in sent))


def report_without_a_body(status: int, sent: Sequence[Sent]) -> StoreReport:
    """The report of an answer that has no body at all.

    By table 10.5.3-1 a 200 says that every instance was stored, and some archives say no more.
    Any other status leaves open which instances it means: then none counts as stored, since
    storing one again does no harm and losing one does.
    """
    if status not in _SAYS_ALL_WERE_STORED:
        return report_all_failed(sent, PROCESSING_FAILURE)
    return StoreReport(tuple(StoredInstance(each.resource, each.sop_class) for each in sent))


def parse_store_report(answer: object, sent: Sequence[Sent]) -> StoreReport:
    """What an archive's Store Instances Response Module says of the instances that were sent.

    `answer` is a dataset in the JSON model, or a list of them; nothing in it is trusted. An
    instance that it does not mention has failed, whatever the status was: archives answer 200
    with empty sequences when they took nothing. Instances that nobody sent are left out.

    A SOP Instance UID is in `sent` once only: what is said of it is said by nothing else.
    """
    datasets = answer if isinstance(answer, list) else [answer]
    outcomes = _outcomes([dataset for dataset in datasets if isinstance(dataset, dict)])
    stored: list[StoredInstance] = []
    failed: list[FailedInstance] = []
    for instance in sent:
        outcome = outcomes.get(instance.resource.instance or "", _NOT_MENTIONED)
        if outcome.stored:
            stored.append(StoredInstance(instance.resource, instance.sop_class, outcome.code))
        else:
            failed.append(_failed(instance, outcome.code or PROCESSING_FAILURE))
    return StoreReport(tuple(stored), tuple(failed))


@dataclass(frozen=True, slots=True)
class _Outcome:
    stored: bool
    code: int | None = None


_NOT_MENTIONED = _Outcome(stored=False)


def _outcomes(datasets: Sequence[Mapping[str, Any]]) -> Mapping[str, _Outcome]:
    """What is said first of each SOP Instance UID.

    Failures come first, so that an instance which is named as both counts as failed.
    """
    found: dict[str, _Outcome] = {}
    for dataset in datasets:
        for item in _items(dataset, FAILED_SOP_SEQUENCE):
            found.setdefault(_uid(item), _Outcome(stored=False, code=_code(item, _FAILURE_REASON)))
    for dataset in datasets:
        for item in _items(dataset, REFERENCED_SOP_SEQUENCE):
            found.setdefault(_uid(item), _Outcome(stored=True, code=_code(item, _WARNING_REASON)))
    return found


def _items(dataset: Mapping[str, Any], tag: str) -> Iterator[Mapping[str, Any]]:
    for item in _values(dataset, tag):
        if isinstance(item, dict):
            yield item


def _values(dataset: Mapping[str, Any], tag: str) -> list[Any]:
    attribute = dataset.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values if isinstance(values, list) else []


def _uid(item: Mapping[str, Any]) -> str:
    values = _values(item, _SOP_INSTANCE)
    return values[0].strip("\0 ") if values and isinstance(values[0], str) else ""


def _code(item: Mapping[str, Any], tag: str) -> int | None:
    """A reason as a number, also where an archive writes it as text; 0 says nothing."""
    values = _values(item, tag)
    try:
        code = int(values[0])
    except (IndexError, TypeError, ValueError, OverflowError):
        return None
    return code if 0 < code <= 0xFFFF else None


def _failed(instance: Sent, reason: int) -> FailedInstance:
    return FailedInstance(reason, instance.sop_class, instance.resource.instance)


def _stored_item(instance: StoredInstance, links: Links) -> Dataset:
    warning = {} if instance.warning is None else {_WARNING_REASON: _us(instance.warning)}
    return {
        _SOP_CLASS: _ui(instance.sop_class),
        _SOP_INSTANCE: _ui(instance.resource.instance),
        RETRIEVE_URL: {"vr": "UR", "Value": [links(instance.resource)]},
        **warning,
    }


def _failed_item(failure: FailedInstance) -> Dataset:
    return {
        _SOP_CLASS: _ui(failure.sop_class),
        _SOP_INSTANCE: _ui(failure.instance),
        **_reason_item(failure),
    }


def _reason_item(failure: FailedInstance) -> Dataset:
    return {_FAILURE_REASON: _us(failure.reason)}


def _ui(uid: str | None) -> Attribute:
    return {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"}


def _us(number: int) -> Attribute:
    return {"vr": "US", "Value": [number]}
