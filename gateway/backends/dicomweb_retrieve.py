"""Retrieve of a `dicomweb` backend (PS3.18 10.4), but for frames: what is stored, as it is stored.

Each retrieval is a context: leaving it closes the archive's answer.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial

from gateway.backends.accept_forms import first_taken
from gateway.backends.answer_parts import exactly, parts_of
from gateway.backends.base import CallContext, Part
from gateway.backends.bulkdata_location import is_below
from gateway.backends.capabilities import Learned
from gateway.backends.transport import Answer, Transport
from gateway.dicom.json_stream import JsonArraySplitter
from gateway.dicom.lenient_json import parse_json
from gateway.dicom.media_types import DICOM, OCTETS, MediaType
from gateway.dicom.render_options import RenderedRequest
from gateway.dicom.resources import Dataset, Level, Resource
from gateway.dicom.streams import prepended
from gateway.errors import BackendError, BackendNotFound, StreamBroken

# A file's own media type, and what archives say that know no better.
_FILES = frozenset({DICOM, OCTETS})


class DicomWebRetrieve:
    """Retrieve against one archive."""

    def __init__(self, transport: Transport, learned: Learned) -> None:
        self._transport = transport
        self._learned = learned

    @asynccontextmanager
    async def metadata(
        self, resource: Resource, context: CallContext
    ) -> AsyncIterator[AsyncIterator[Dataset]]:
        """Each instance's dataset as soon as it has arrived."""
        path = f"{resource.path}/metadata"
        # Text, which a coding makes ten times smaller.
        ask = partial(self._ask, path, context, encoding="gzip")
        async with (
            first_taken("metadata", ask, self._learned) as answer,
            aclosing(self._datasets(answer)) as datasets,
        ):
            yield datasets

    @asynccontextmanager
    async def instances(
        self, resource: Resource, context: CallContext
    ) -> AsyncIterator[AsyncIterator[Part]]:
        """Each instance, a whole Part 10 file."""
        operation = "instance" if resource.level is Level.INSTANCE else "instances"
        ask = partial(self._ask, resource.path, context)
        async with (
            first_taken(operation, ask, self._learned) as answer,
            aclosing(self._files(answer, resource)) as files,
        ):
            yield files

    @asynccontextmanager
    async def bulkdata(
        self, location: str, context: CallContext
    ) -> AsyncIterator[AsyncIterator[Part]]:
        """What lies at a path, and perhaps a query, below the base."""
        if not is_below(location):
            raise BackendNotFound(
                404,
                "The bulk data lies outside of the archive.",
                "not_found",
                backend=self._transport.backend,
            )
        path, _, query = location.partition("?")
        ask = partial(self._ask, path, context, raw_query=query or None)
        async with (
            first_taken("bulkdata", ask, self._learned) as answer,
            aclosing(parts_of(answer)) as parts,
        ):
            yield parts

    @asynccontextmanager
    async def rendered(
        self, request: RenderedRequest, context: CallContext
    ) -> AsyncIterator[AsyncIterator[Part]]:
        """What the archive renders, with the client's own options."""
        frames = ",".join(map(str, request.frames))
        path = request.resource.path + (f"/frames/{frames}" if frames else "")
        asked = self._transport.request(
            "GET",
            f"{path}/{request.kind}",
            parameters=request.parameters,
            headers={"Accept": request.accept},
            context=context,
        )
        async with asked as answer, aclosing(parts_of(answer)) as parts:
            yield parts

    def _ask(
        self,
        path: str,
        context: CallContext,
        accept: str,
        *,
        encoding: str = "identity",
        raw_query: str | None = None,
    ) -> AbstractAsyncContextManager[Answer]:
        headers = {"Accept": accept, "Accept-Encoding": encoding}
        return self._transport.request(
            "GET", path, raw_query=raw_query, headers=headers, context=context
        )

    async def _datasets(self, answer: Answer) -> AsyncGenerator[Dataset, None]:
        splitter = JsonArraySplitter()
        begun = False
        try:
            async for chunk in answer.chunks():
                for element in splitter.feed(chunk):
                    dataset = parse_json(element)
                    if not isinstance(dataset, dict):
                        raise ValueError("a dataset is a JSON object")
                    yield dataset
                begun = True
            if begun:
                splitter.close()
        except ValueError as error:
            raise _no_json() from error

    async def _files(self, answer: Answer, resource: Resource) -> AsyncGenerator[Part, None]:
        async with aclosing(parts_of(answer)) as parts:
            files = self._only(parts) if resource.level is Level.INSTANCE else parts
            async for part in files:
                if part.media_type.essence not in _FILES:
                    raise self._no_file()
                yield replace(part, media_type=MediaType(DICOM))

    async def _only(self, parts: AsyncIterator[Part]) -> AsyncIterator[Part]:
        first = await anext(parts, None)
        if first is None:
            raise BackendNotFound(
                404,
                "The archive gave no instance.",
                "not_found",
                backend=self._transport.backend,
            )
        async for part in exactly(1, prepended(first, parts)):
            yield part

    def _no_file(self) -> BackendError:
        return BackendError(
            502,
            "The archive sent what is no DICOM file.",
            "backend_answer",
            backend=self._transport.backend,
        )


def _no_json() -> StreamBroken:
    return StreamBroken(502, "The archive's metadata is no proper JSON.", "backend_answer")
