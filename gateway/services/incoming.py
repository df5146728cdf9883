"""One part of a Store Transaction, from its first byte to a whole instance that may be sent on.

Its header is judged before its pixel data is read; what may not be stored raises Refused, and
the rest of the part is skipped. Whatever else is raised ends the whole request.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from gateway.access.policy import AccessRequest, Policy
from gateway.dicom.media_types import DICOM, MediaType
from gateway.dicom.multipart import BodyPart
from gateway.dicom.multipart_parser import MultipartError
from gateway.dicom.operations import Operation
from gateway.dicom.part10.byte_streams import Lookahead
from gateway.dicom.part10.data_elements import Part10Error
from gateway.dicom.part10.header import Header, read_header
from gateway.dicom.resources import Resource
from gateway.dicom.store_report import (
    CANNOT_UNDERSTAND,
    NOT_AUTHORISED,
    OTHER_STUDY,
    OUT_OF_RESOURCES,
    FailedInstance,
    failure_reason,
)
from gateway.dicom.streams import close_source
from gateway.dicom.uids import identifies, is_uid
from gateway.errors import (
    GatewayError,
    bad_request,
    overloaded,
    too_large,
    unsupported_media_type,
)
from gateway.services.call import Call
from gateway.services.spool import DISK_MAY_BE_FREE_AFTER, Spool, SpooledBody
from gateway.services.store_plan import StorePlan

_HEADER_LIMIT = 2 * 1024 * 1024
"""Bytes of a part that are held, beside the spool, until its UIDs are known; a few KB are usual."""
_BROKEN_BODY = "The body is not the multipart body that its Content-Type says, or it is cut."


def _nothing() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """One Store Transaction, but for its body."""

    call: Call
    study: str | None
    """The study that its path names, which each instance then belongs to."""
    plan: StorePlan
    moved: Callable[[], None] = _nothing
    """Called while an archive takes what was received: the client's own connection is silent."""


class Refused(Exception):
    """An instance that is not sent on.

    `cause` is what the whole request is answered with if this is all that came of it; None where
    that is the report.
    """

    def __init__(self, failure: FailedInstance, cause: GatewayError | None = None) -> None:
        super().__init__(f"failure reason {failure.reason:04X}")
        self.failure = failure
        self.cause = cause


class BrokenOff(Exception):
    """The request's body has ended where it should not, within an instance or between two."""

    def __init__(self, failure: FailedInstance, cause: GatewayError) -> None:
        super().__init__(cause.category)
        self.failure = failure
        self.cause = cause

    @classmethod
    def by(cls, error: MultipartError | GatewayError, header: Header | None = None) -> "BrokenOff":
        """What ended the body, and the instance that it ended, as far as that was known."""
        if isinstance(error, MultipartError):
            cause, reason = bad_request(_BROKEN_BODY), CANNOT_UNDERSTAND
        else:
            cause, reason = _to_be_kept(error), failure_reason(error.status)
        return cls(FailedInstance(reason) if header is None else _failed(header, reason), cause)


@dataclass(frozen=True, slots=True)
class IncomingInstance:
    """A whole instance on the spool; implements `gateway.backends.base.Instance`."""

    resource: Resource
    sop_class: str
    transfer_syntax: str
    body: SpooledBody
    moved: Callable[[], None] = _nothing

    @property
    def length(self) -> int:
        return self.body.length

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self.body.chunks():
            yield chunk
            self.moved()

    async def close(self) -> None:
        await self.body.close()


class Intake:
    """Makes instances of parts."""

    def __init__(self, policy: Policy, spool: Spool, max_instance: int) -> None:
        self._policy = policy
        self._spool = spool
        self._max_instance = max_instance

    async def take_in(self, request: StoreRequest, part: BodyPart) -> IncomingInstance:
        """The whole instance, which its receiver closes. Refused, or BrokenOff with its body."""
        _check_type(part.headers.get("content-type"))
        ahead = Lookahead(part.chunks)
        try:
            header = await read_header(ahead, limit=_HEADER_LIMIT)
        except Part10Error as error:
            raise Refused(FailedInstance(CANNOT_UNDERSTAND)) from error
        chunks = ahead.rest()
        try:
            resource = _resource(header, request.study)
            await self._authorise(request, header, resource)
            body = await self._spooled(header, chunks)
        finally:
            await close_source(chunks)
        return IncomingInstance(
            resource, _sop_class(header), header.transfer_syntax, body, request.moved
        )

    async def _authorise(self, request: StoreRequest, header: Header, resource: Resource) -> None:
        principal, names = request.call.principal, request.plan.names
        try:
            await self._policy.authorise(AccessRequest(principal, Operation.STORE, resource, names))
        except GatewayError as error:
            raise Refused(_failed(header, NOT_AUTHORISED), _to_be_kept(error)) from error

    async def _spooled(self, header: Header, chunks: AsyncIterator[bytes]) -> SpooledBody:
        body = self._spool.new()
        try:
            async for chunk in chunks:
                if body.length + len(chunk) > self._max_instance:
                    cause = too_large("An instance is larger than this gateway takes.")
                    raise Refused(_failed(header, OUT_OF_RESOURCES), cause)
                await _write(header, body, chunk)
            await _write(header, body, None)
        except (MultipartError, GatewayError) as error:
            await body.close()
            raise BrokenOff.by(error, header) from error
        except BaseException:
            await body.close()
            raise
        return body


async def _write(header: Header, body: SpooledBody, chunk: bytes | None) -> None:
    """Add a chunk, or after the last one finish. A full disk refuses this instance only."""
    try:
        if chunk is None:
            await body.finish()
        else:
            await body.write(chunk)
    except OSError as error:
        cause = overloaded("There is no room to hold the instance.", DISK_MAY_BE_FREE_AFTER)
        raise Refused(_failed(header, OUT_OF_RESOURCES), cause) from error


def _to_be_kept(error: GatewayError) -> GatewayError:
    """The error without its traceback, which leads to all that was received by then, and back."""
    return error.with_traceback(None)


def _check_type(content_type: str | None) -> None:
    """Some clients leave the type of a part out: then its bytes must show that it is DICOM."""
    if not content_type:
        return
    try:
        essence = MediaType.parse(content_type).essence
    except ValueError:
        essence = ""
    if essence != DICOM:
        cause = unsupported_media_type("Instances are stored as application/dicom.")
        raise Refused(FailedInstance(CANNOT_UNDERSTAND), cause)


def _resource(header: Header, study: str | None) -> Resource:
    if not all(map(identifies, (header.study, header.series, header.instance))):
        raise Refused(_failed(header, CANNOT_UNDERSTAND))
    if study not in (None, header.study):
        raise Refused(_failed(header, OTHER_STUDY))
    return Resource(header.study, header.series, header.instance)


def _failed(header: Header, reason: int) -> FailedInstance:
    instance = header.instance if identifies(header.instance) else None
    return FailedInstance(reason, _sop_class(header) or None, instance)


def _sop_class(header: Header) -> str:
    """Empty for what is no UID: the archive may be less strict, and it is the one to judge."""
    return header.sop_class if is_uid(header.sop_class) else ""
