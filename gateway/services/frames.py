"""RetrieveFrames (PS3.18 10.4.1.1.6): a part each, in the order asked, truly labelled."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from gateway.backends.base import Part
from gateway.dicom.acceptable import Acceptable
from gateway.dicom.media_types import MediaType
from gateway.dicom.negotiation import Choice, choose
from gateway.dicom.resources import Resource
from gateway.dicom.transfer_syntaxes import (
    DEFAULT_OF_MEDIA_TYPE,
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    Kind,
    known,
)
from gateway.errors import StreamBroken
from gateway.services.call import Call
from gateway.services.negotiated import negotiated
from gateway.services.plan import Planner
from gateway.services.representation import Representation, Retrieved, sniffed_part
from gateway.services.view import View


class RetrieveFrames:
    """Frames as the archive gives them; cutting them out of instances comes later."""

    def __init__(self, planner: Planner, view: View) -> None:
        self._planner = planner
        self._view = view

    @asynccontextmanager
    async def retrieve(
        self,
        call: Call,
        instance: Resource,
        frames: tuple[int, ...],
        acceptables: Sequence[Acceptable],
    ) -> AsyncIterator[Retrieved]:
        """404 for a frame that is not there, 406 if none of the accepted forms can be made."""
        resource = self._view.incoming(instance)
        backend = await self._planner.retrieve(call, resource)
        async with backend.retrieve_frames(resource, frames, call.context) as parts:
            urls = (call.links.frame(instance, number) for number in frames)
            represent = partial(_represent, urls)
            yield await negotiated(parts, acceptables, represent, count=len(frames))


async def _represent(
    urls: Iterator[str], part: Part, acceptables: Sequence[Acceptable]
) -> tuple[Choice, Representation] | None:
    """At the gateway's own URL, which are in the order of the parts."""
    stored, part = await _stored_syntax(part)
    choice = choose(acceptables, stored)
    if choice is None:
        return None
    if stored == EXPLICIT_BIG_ENDIAN:
        # Its samples would need their depth to be swapped, which a frame alone does not tell.
        raise StreamBroken(502, "The archive sent a big-endian frame.", "backend_answer")
    media_type = MediaType(choice.media_type, (("transfer-syntax", choice.transfer_syntax),))
    return choice, Representation(media_type, part.chunks, part.length, next(urls, None))


async def _stored_syntax(part: Part) -> tuple[str, Part]:
    """The frame's own syntax: as labelled, else as its bytes tell, else as its type says.

    Archives also call a codestream native that they failed to decode: there the bytes win.
    """
    labelled = part.media_type.get("transfer-syntax") or "*"
    if labelled != "*" and known(labelled).kind is not Kind.NATIVE:
        return labelled, part
    found, part = await sniffed_part(part)
    said = DEFAULT_OF_MEDIA_TYPE.get(part.media_type.essence) if labelled == "*" else labelled
    return found or said or EXPLICIT_LITTLE_ENDIAN, part
