"""RetrieveRendered and RetrieveThumbnail (PS3.18 10.4.1.1.3, 10.4.1.1.4): passed through, and only
where the operator vouches for the archive's own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway.backends.base import Part
from gateway.dicom.media_types import MULTIPART
from gateway.dicom.render_options import RenderedRequest
from gateway.dicom.resources import Level
from gateway.errors import StreamBroken, not_implemented
from gateway.services.call import Call
from gateway.services.negotiated import first_of, single
from gateway.services.plan import Planner
from gateway.services.representation import Representation, Retrieved
from gateway.services.view import View


class RetrieveRendered:
    """Whatever the archive renders, as it renders it."""

    def __init__(self, planner: Planner, view: View) -> None:
        self._planner = planner
        self._view = view

    @asynccontextmanager
    async def retrieve(self, call: Call, request: RenderedRequest) -> AsyncIterator[Retrieved]:
        """501 unless the backend's `capabilities` name it; 406 for several images as one part."""
        request = replace(request, resource=self._view.incoming(request.resource))
        backend = await self._planner.retrieve(call, request.resource)
        if not getattr(backend.capabilities, request.kind):
            raise not_implemented(f"The archive's own `{request.kind}` is not in use.")
        async with backend.retrieve_rendered(request, call.context) as parts:
            images = _images(parts, request.accept)
            first = await first_of(images)
            yield Retrieved(True, first, images) if _in_parts(request) else single(first, images)


def _in_parts(request: RenderedRequest) -> bool:
    """Whether the answer is multipart: where only that is taken, or taken and needed."""
    members = [member.startswith(MULTIPART) for member in request.accept.split(", ")]
    may_be_several = len(request.frames) > 1 or request.resource.level is not Level.INSTANCE
    return all(members) or (any(members) and may_be_several)


async def _images(parts: AsyncIterator[Part], accept: str) -> AsyncIterator[Representation]:
    async for part in parts:
        if not _is_rendered(part.media_type.essence, accept):
            raise StreamBroken(502, "The archive sent what is not rendered.", "backend_answer")
        yield Representation(part.media_type, part.chunks, part.length)


def _is_rendered(essence: str, accept: str) -> bool:
    """A text only where it was asked for: a login page is answered with 200 at times."""
    return essence.startswith(("image/", "video/")) or essence in re.split("[,; ]+", accept)
