"""RetrieveStudy, RetrieveSeries, RetrieveInstance (PS3.18 10.4.1.1.1): Part 10 files as they may
leave."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from gateway.backends.base import Part
from gateway.dicom.acceptable import Acceptable
from gateway.dicom.media_types import MediaType
from gateway.dicom.negotiation import Action, Choice, choose
from gateway.dicom.part10.byte_streams import Lookahead
from gateway.dicom.part10.data_elements import Part10Error
from gateway.dicom.part10.explicit_little_endian import explicit_little_endian
from gateway.dicom.part10.file_meta import missing_preamble, stored_transfer_syntax
from gateway.dicom.part10.header import named_uids
from gateway.dicom.resources import Level, Resource
from gateway.dicom.streams import prepended
from gateway.errors import StreamBroken
from gateway.services.call import Call
from gateway.services.negotiated import negotiated
from gateway.services.plan import Planner
from gateway.services.representation import Representation, Retrieved, first_bytes
from gateway.services.view import View

_HEADER_LIMIT = 256 * 1024
"""Bytes in which a file's UIDs are looked for; in most they are among the first few thousand."""
_NO_FILE = "The archive sent what is no DICOM file."


class RetrieveInstances:
    """Each instance in the order the archive sends them, never more than a chunk in memory."""

    def __init__(self, planner: Planner, view: View) -> None:
        self._planner = planner
        self._view = view

    @asynccontextmanager
    async def retrieve(
        self, call: Call, resource: Resource, acceptables: Sequence[Acceptable]
    ) -> AsyncIterator[Retrieved]:
        """404 if there is none, 406 if the first cannot leave in any accepted form."""
        resource = self._view.incoming(resource)
        backend = await self._planner.retrieve(call, resource)
        async with backend.retrieve_instances(resource, call.context) as parts:
            count = 1 if resource.level is Level.INSTANCE else None
            represent = partial(_represent, resource)
            yield await negotiated(parts, acceptables, represent, count=count)


async def _represent(
    requested: Resource, part: Part, acceptables: Sequence[Acceptable]
) -> tuple[Choice, Representation] | None:
    start, part = await first_bytes(part)
    stored = stored_transfer_syntax(start)
    if stored is None:
        raise StreamBroken(502, _NO_FILE, "backend_answer")
    part = await _if_of(requested, part)
    choice = choose(acceptables, stored)
    return (choice, _as_chosen(start, part, choice)) if choice is not None else None


async def _if_of(requested: Resource, part: Part) -> Part:
    """The part, with all of its bytes still to be read; StreamBroken if it is another resource's.

    Nothing leaves before that is known, or cannot be: another patient's file under this URL is
    the worst answer. A file that does not tell passes, as does metadata that does not; one that
    breaks is judged by what it told before.
    """
    ahead = Lookahead(part.chunks)
    try:
        named = await named_uids(ahead, limit=_HEADER_LIMIT)
    except Part10Error as error:
        raise StreamBroken(502, _NO_FILE, "backend_answer") from error
    if not all(_may_be(named[level], getattr(requested, level)) for level in Level):
        raise StreamBroken(502, "The archive answered with another resource.", "backend_answer")
    return replace(part, chunks=ahead.rest())


def _may_be(named: Sequence[str], wanted: str | None) -> bool:
    """Two UIDs are never right: of two readers each may see another object."""
    return len(named) < 2 and (not any(named) or wanted in (None, *named))


def _as_chosen(start: bytes, part: Part, choice: Choice) -> Representation:
    media_type = MediaType(choice.media_type, (("transfer-syntax", choice.transfer_syntax),))
    if choice.action is Action.TO_EXPLICIT_LITTLE_ENDIAN:
        return Representation(media_type, _reencoded(part))
    if missing := missing_preamble(start):
        length = None if part.length is None else len(missing) + part.length
        return Representation(media_type, prepended(missing, part.chunks), length)
    return Representation(media_type, part.chunks, part.length)


async def _reencoded(part: Part) -> AsyncIterator[bytes]:
    try:
        async for chunk in explicit_little_endian(part.chunks):
            yield chunk
    except Part10Error as error:
        raise StreamBroken(502, "The archive sent a broken file.", "backend_answer") from error
