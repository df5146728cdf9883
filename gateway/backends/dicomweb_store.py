"""Storing at a `dicomweb` backend (PS3.18 10.5), and making sense of what it answers.

Seen of archives, and why this is careful: 400 with a report of what was stored all the same; 200
with empty sequences for a body that was not understood; parts ignored whose Content-Type has a
`transfer-syntax` parameter; a whole request refused for one instance that is bad. A success that
comes before the whole request was sent never gets here: the transport takes it for an error.
"""

from collections.abc import AsyncIterator, Sequence
from secrets import token_hex
from typing import Any

from gateway.backends.base import CallContext, Instance
from gateway.backends.status_map import refused
from gateway.backends.transport import Answer, Transport
from gateway.dicom.dicom_xml import from_xml
from gateway.dicom.lenient_json import parse_json
from gateway.dicom.media_types import DICOM, DICOM_JSON, DICOM_XML, MULTIPART, MediaType
from gateway.dicom.multipart import body_length, closing, part_head
from gateway.dicom.store_report import (
    StoreReport,
    failure_reason,
    is_store_report,
    parse_store_report,
    report_all_failed,
    report_without_a_body,
)
from gateway.errors import BackendError, BackendRefused, GatewayError

_MAX_ANSWER = 16 * 1024 * 1024
_PART_HEADERS = (("Content-Type", DICOM),)
_NOT_ACCEPTABLE = 406
_WITH_A_REPORT = frozenset({400, 409})
# A request may have been refused for one of its instances: each is then tried on its own.
_ONE_INSTANCES_FAULT = frozenset({400, 409, 413, 415, 422, 500})


async def store(
    transport: Transport, instances: Sequence[Instance], study: str | None, context: CallContext
) -> StoreReport:
    """Store the instances in one request; if it is refused as a whole, each in one of its own.

    BackendError or StreamBroken if nothing is known of any instance.
    """
    try:
        return await _store_together(transport, instances, study, context)
    except BackendError as error:
        if len(instances) == 1 or error.upstream_status not in _ONE_INSTANCES_FAULT:
            raise
    return await _store_each(transport, instances, study, context)


async def _store_each(
    transport: Transport, instances: Sequence[Instance], study: str | None, context: CallContext
) -> StoreReport:
    """Once the archive is away the rest is not tried, but what was stored before is reported."""
    report = StoreReport()
    for number, instance in enumerate(instances):
        try:
            report = report.merge(await _store_together(transport, [instance], study, context))
        except GatewayError as error:
            status = error.upstream_status if isinstance(error, BackendError) else None
            reason = failure_reason(status or error.status)
            if status not in _ONE_INSTANCES_FAULT:
                return report.merge(report_all_failed(instances[number:], reason))
            report = report.merge(report_all_failed([instance], reason))
    return report


async def _store_together(
    transport: Transport, instances: Sequence[Instance], study: str | None, context: CallContext
) -> StoreReport:
    try:
        return await _post(transport, instances, study, context, DICOM_JSON)
    except BackendRefused as error:
        if error.upstream_status != _NOT_ACCEPTABLE:
            raise
    return await _post(transport, instances, study, context, DICOM_XML)


async def _post(
    transport: Transport,
    instances: Sequence[Instance],
    study: str | None,
    context: CallContext,
    accept: str,
) -> StoreReport:
    body = StoreBody(instances, token_hex(20))
    async with transport.request(
        "POST",
        "studies" if study is None else f"studies/{study}",
        headers={"Content-Type": body.content_type, "Accept": accept},
        body=body,
        context=context,
        answers=_WITH_A_REPORT,
    ) as answer:
        return await _report(answer, instances, transport.backend)


class StoreBody:
    """A multipart body of whole instances; it can be sent again."""

    def __init__(self, instances: Sequence[Instance], boundary: str) -> None:
        self._instances = instances
        self._boundary = boundary
        self._heads = [
            part_head(boundary, _PART_HEADERS, first=number == 0)
            for number in range(len(instances))
        ]
        self.length = body_length(boundary, self._heads, [each.length for each in instances])

    @property
    def content_type(self) -> str:
        parameters = (("type", DICOM), ("boundary", self._boundary))
        return str(MediaType(MULTIPART, parameters))

    async def open(self) -> AsyncIterator[bytes]:
        """The body from its first byte."""
        for head, instance in zip(self._heads, self._instances, strict=True):
            yield head
            async for chunk in instance.chunks():
                yield chunk
        yield closing(self._boundary)


async def _report(answer: Answer, instances: Sequence[Instance], backend: str) -> StoreReport:
    body = (await answer.read(_MAX_ANSWER)).strip()
    succeeded = answer.status not in _WITH_A_REPORT
    if not body and succeeded:
        return report_without_a_body(answer.status, instances)
    try:
        parsed = _parsed(body)
    except ValueError as error:
        raise _unreadable(answer.status, backend) from error
    if not succeeded and not is_store_report(parsed):
        raise _unreadable(answer.status, backend)
    return parse_store_report(parsed, instances)


def _parsed(body: bytes) -> Any:
    """By its first character, since the Content-Type is wrong or missing at times."""
    return from_xml(body) if body.startswith(b"<") else parse_json(body)


def _unreadable(status: int, backend: str) -> BackendError:
    if status in _WITH_A_REPORT:
        return refused(status, backend)
    return BackendError(
        502,
        "The archive's answer to a store cannot be understood.",
        "backend_answer",
        backend=backend,
        upstream_status=status,
    )
