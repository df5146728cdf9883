"""The contract of an archive behind the gateway.

A backend is asked for what it stores. Only where it refuses that is it asked for what it likes to
give, which may have been decoded; it renders only where `capabilities` names that, and it is never
asked for another transfer syntax. Every retrieval is a context manager: leaving it, also by
cancellation and before the first byte, closes the upstream response at once.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.dicom.media_types import MediaType
from gateway.dicom.operations import Operation
from gateway.dicom.render_options import RenderedRequest
from gateway.dicom.resources import Dataset, Resource
from gateway.dicom.search.query import SearchQuery
from gateway.dicom.store_report import StoreReport


class Lane(StrEnum):
    """Who is waiting: a person at a viewer, a prefetch, or a bulk transfer."""

    INTERACTIVE = "interactive"
    PREFETCH = "prefetch"
    BULK = "bulk"


class Caller(Protocol):
    """What a backend may know of the principal."""

    @property
    def subject(self) -> str: ...

    @property
    def bearer_token(self) -> str | None:
        """The caller's own token, sent on only by a backend with `auth: {type: forward}`."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """What goes with every call to a backend."""

    caller: Caller
    request_id: str
    lane: Lane = Lane.INTERACTIVE
    trace_parent: str | None = None
    """A W3C `traceparent` to hand on, if the request had one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a retrieved body; `chunks` must be read before the next part is asked for.

    `media_type` is what the backend labelled it. A part of `application/dicom` is a whole
    Part 10 file, one of another type is a frame or bulk data as stored.
    """

    media_type: MediaType
    chunks: AsyncIterator[bytes]
    length: int | None = None
    """Bytes, where the backend said so."""
    location: str | None = None
    """The part's Content-Location as the backend gave it: never sent on."""


Parts = AbstractAsyncContextManager[AsyncIterator[Part]]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A backend's answer to one page of a search: its rows in its order."""

    rows: Sequence[Dataset]
    more: bool = False
    """The backend itself said that there are further results."""
    unsupported: frozenset[str] = frozenset()
    """Parameters, as the client wrote their names, that the backend was asked again without."""
    remaining: int | None = None
    """How many further results there are, where the backend said so."""
    skipped: int = 0
    """Rows that it gave before these, since it refuses the offset: it was asked from the first
    row on, for `query.offset` rows more."""


class Instance(Protocol):
    """An instance on its way into an archive: a Part 10 file that can be read more than once."""

    @property
    def resource(self) -> Resource: ...

    @property
    def sop_class(self) -> str: ...

    @property
    def transfer_syntax(self) -> str: ...

    @property
    def length(self) -> int:
        """Bytes of the whole file."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The file from its first byte."""


class Health(StrEnum):
    """What is known of a backend: `unknown` before its first answer."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What of a backend's own may be used, beyond what each is expected to do."""

    rendered: bool = False
    thumbnail: bool = False
    transcoding: bool = False
    includefield_all: bool | None = None
    fuzzymatching: bool | None = None
    zip: bool = False


class Backend(Protocol):
    """One archive. Errors: BackendError and its kinds; StreamBroken in mid-body."""

    @property
    def name(self) -> str: ...

    @property
    def services(self) -> frozenset[Operation]: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def health(self) -> Health: ...

    async def search(self, query: SearchQuery, context: CallContext) -> SearchPage:
        """One page: `query.limit` and `query.offset` are the backend's to apply (10.6)."""

    def retrieve_metadata(
        self, resource: Resource, context: CallContext
    ) -> AbstractAsyncContextManager[AsyncIterator[Dataset]]:
        """The metadata of each instance of the resource, as the backend has it (10.4.1.1.2).

        Values, URIs and character sets are the backend's own and not yet made honest.
        """

    def retrieve_instances(self, resource: Resource, context: CallContext) -> Parts:
        """Each instance as stored, a part of `application/dicom` each (10.4.1.1.1)."""

    def retrieve_frames(
        self, instance: Resource, frames: tuple[int, ...], context: CallContext
    ) -> Parts:
        """The frames (from 1) as stored, in the order asked, a part each (10.4.1.1.6).

        Exactly one part a frame: too few or too many is StreamBroken, or BackendError before
        the first part.
        """

    def retrieve_bulkdata(self, instance: Resource, location: str, context: CallContext) -> Parts:
        """The bulk data at `location` (10.4.1.1.5), which is usually one part.

        `location` is a path (and query) relative to the backend's base URL, never a URL.
        """

    def retrieve_rendered(self, request: RenderedRequest, context: CallContext) -> Parts:
        """What the backend renders itself; only where `capabilities` names it."""

    async def store(
        self, instances: Sequence[Instance], study: str | None, context: CallContext
    ) -> StoreReport:
        """Store the instances in one request (10.5); each of them is in the report once.

        `study` is the study that the client named in its path, if it named one.
        """

    def relative_location(self, uri: str, requested: Resource) -> str | None:
        """Where `uri`, found in the metadata of `requested`, lies below this backend's base URL.

        Relative URIs are resolved against the URL that the metadata came from. None if it does
        not lie there: then nobody may follow it.
        """
