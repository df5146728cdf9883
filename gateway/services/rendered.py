"""RetrieveRendered and RetrieveThumbnail (PS3.18 10.4.1.1.3, 10.4.1.1.4): passed through, and only
where the operator vouches for the archive's own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.dicom.render_options import RenderedRequest
from gateway.errors import StreamBroken, not_found, not_implemented
from gateway.services.call import Call
from gateway.services.plan import Planner
from gateway.services.representation import Representation


class RetrieveRendered:
    """Whatever the archive renders, as it renders it."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    @asynccontextmanager
    async def retrieve(self, call: Call, request: RenderedRequest) -> AsyncIterator[Representation]:
        """501 unless the backend's `capabilities` name it."""
        backend = await self._planner.retrieve(call, request.resource)
        if not getattr(backend.capabilities, request.kind):
            raise not_implemented(f"The archive's own `{request.kind}` is not in use.")
        async with backend.retrieve_rendered(request, call.context) as parts:
            part = await anext(parts, None)
            if part is None:
                raise not_found("The archive has no such resource.")
            if not _is_rendered(part.media_type.essence, request.accept):
                raise StreamBroken(502, "The archive sent what is not rendered.", "backend_answer")
            yield Representation(part.media_type, part.chunks, part.length)


def _is_rendered(essence: str, accept: str) -> bool:
    """A text only where it was asked for: a login page is answered with 200 at times."""
    return essence.startswith(("image/", "video/")) or essence in re.split("[,; ]+", accept)
