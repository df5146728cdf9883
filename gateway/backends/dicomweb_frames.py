"""Frames of a `dicomweb` backend (PS3.18 10.4.1.1.6): each as stored, in the order asked.

Archives are trusted with ascending lists alone. One that sorts what it was asked for gives no sign
of it, and the frames of `3,1` would be taken for one another; so such a list is asked in runs.
"""

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import replace
from functools import partial
from itertools import pairwise

from gateway.backends.accept_forms import Taken, enter_first_taken
from gateway.backends.answer_parts import exactly, is_multipart, parts_of
from gateway.backends.base import CallContext, Part, Parts
from gateway.backends.capabilities import Learned
from gateway.backends.dicomweb_retrieve import DicomWebRetrieve
from gateway.backends.transport import Answer, Transport
from gateway.dicom.codestreams import sniffed
from gateway.dicom.resources import Dataset, Resource
from gateway.dicom.streams import close_source
from gateway.dicom.transfer_syntaxes import JPEG_BASELINE, JPEG_EXTENDED, Kind, known
from gateway.errors import BackendError, BackendNotFound, BackendRefused, StreamBroken

Run = tuple[int, ...]
"""Frame numbers of one request, from 1."""

_NUMBER_OF_FRAMES, _ROWS, _BITS_ALLOCATED = "00280008", "00280010", "00280100"
_PHOTOMETRIC_INTERPRETATION, _AVAILABLE_TRANSFER_SYNTAX = "00280004", "00083002"
_FAILED = 500
_LIST, _ONE = "frames in a list", "one frame"
# A login page or a rendering is answered with 200 at times, and would pass for pixels.
_NO_FRAME = re.compile(
    r"(?:text|multipart)/.*|application/(?:dicom|pdf|(?:.*\+)?json|(?:.*\+)?xml)"
    r"|image/(?:png|gif|webp|bmp|tiff|svg\+xml)"
)
_LOCATION = re.compile(
    r"(?:(?:.*/)?(studies/[^/]+/series/[^/]+/instances/[^/]+)/|.*/)frames/([0-9]{1,9})/?(?:[?#].*)?",
    re.DOTALL,
)
_COUNT = re.compile(r"[0-9]{1,9}")


class DicomWebFrames:
    """Frames of one archive."""

    def __init__(self, transport: Transport, learned: Learned, retrieve: DicomWebRetrieve) -> None:
        self._transport = transport
        self._learned = learned
        self._retrieve = retrieve

    def frames(self, instance: Resource, frames: Run, context: CallContext) -> Parts:
        """A part a frame. BackendNotFound if the instance has no such frame."""
        return aclosing(self._in_runs(instance, frames, context))

    async def _in_runs(
        self, instance: Resource, frames: Run, context: CallContext
    ) -> AsyncGenerator[Part, None]:
        habits, given = self._learned.habits, False
        facts = _Facts(self._retrieve, instance, context)
        runs = deque(_single(frames) if habits.is_unknown(_LIST) else ascending_runs(frames))
        if len(runs) > 1:
            # The last of them must not be found missing when the first has been sent already.
            await self._look_up(facts, frames)
        refused: list[str] = []
        while runs:
            run = runs.popleft()
            async with AsyncExitStack() as stack:
                try:
                    taken = await self._opened(stack, facts, run)
                except BackendError as error:
                    if not given:
                        raise
                    raise _after_others(error) from error
                if taken is None:
                    refused = [_LIST]
                    runs.extendleft(reversed(_single(run)))
                    continue
                habits.took(_LIST if len(run) > 1 else _ONE, refused)
                refused, given = [], True
                parts = exactly(len(run), parts_of(taken.answer), partial(_check, instance, run))
                if not taken.as_stored:
                    parts = _unaltered(parts, facts)
                async for part in await stack.enter_async_context(aclosing(parts)):
                    yield part

    async def _opened(self, stack: AsyncExitStack, facts: "_Facts", run: Run) -> Taken | None:
        """The answer to one run; None if the archive takes no lists."""
        ask = partial(self._ask, facts.instance, run, facts.context)
        operation = "frame" if len(run) == 1 else "frames"
        try:
            taken = await enter_first_taken(stack, operation, ask, self._learned, facts.look)
        except BackendError as error:
            if not isinstance(error, BackendRefused) and error.upstream_status != _FAILED:
                raise
            await self._look_up(facts, run)
            if len(run) == 1:
                raise
            return None
        return taken if len(run) == 1 or is_multipart(taken.answer) else None

    def _ask(
        self, instance: Resource, run: Run, context: CallContext, accept: str
    ) -> AbstractAsyncContextManager[Answer]:
        path = f"{instance.path}/frames/{','.join(map(str, run))}"
        return self._transport.request("GET", path, headers={"Accept": accept}, context=context)

    async def _look_up(self, facts: "_Facts", frames: Run) -> None:
        """BackendNotFound if the instance, or one of its frames, is not there.

        Archives answer 400 or 500 for that too. What cannot be found out proves nothing.
        """
        try:
            dataset = await facts.dataset()
        except BackendNotFound:
            raise
        except (BackendError, StreamBroken):
            return
        if max(frames) > number_of_frames(dataset):
            raise BackendNotFound(
                404, "There is no such frame.", "not_found", backend=self._transport.backend
            )


class _Facts:
    """What the metadata says of the instance; asked for once, and only where it matters."""

    def __init__(
        self, retrieve: DicomWebRetrieve, instance: Resource, context: CallContext
    ) -> None:
        self.instance = instance
        self.context = context
        self._retrieve = retrieve
        self._found: Dataset | BackendError | StreamBroken | None = None

    async def look(self) -> None:
        """Ask now, while no answer is open that holds one of the archive's connections."""
        if self._found is not None:
            return
        try:
            async with self._retrieve.metadata(self.instance, self.context) as datasets:
                # One without metadata has no attributes, and so no frames.
                self._found = await anext(datasets, {})
        except (BackendError, StreamBroken) as error:
            self._found = error

    async def dataset(self) -> Dataset:
        """BackendError or StreamBroken if it cannot be had."""
        await self.look()
        if isinstance(self._found, Exception):
            raise self._found
        return self._found or {}


async def _unaltered(parts: AsyncIterator[Part], facts: _Facts) -> AsyncGenerator[Part, None]:
    """The parts; StreamBroken for one that may be another image than what is stored.

    BackendError if nothing can be found out of one that may be.
    """
    try:
        async for part in parts:
            syntax, chunks = await sniffed(part.chunks)
            may_be_made = syntax in (None, JPEG_BASELINE, JPEG_EXTENDED)
            if may_be_made and _is_altered(syntax, await facts.dataset()):
                raise StreamBroken(
                    502, "The archive gives no such frame as stored.", "backend_answer"
                )
            yield replace(part, chunks=chunks)
    finally:
        await close_source(parts)


def _is_altered(syntax: str | None, dataset: Dataset) -> bool:
    """Whether a JPEG, or with None uncompressed pixels, need not show what is stored.

    An archive that decodes a frame may convert its colours too, while its metadata goes on to say
    how they were stored: a viewer would convert them once more. And what it renders is a JPEG of
    8 bits a sample, whatever it was.
    """
    stored = known(str(_value(dataset, _AVAILABLE_TRANSFER_SYNTAX))).kind
    if syntax is None:
        colours = str(_value(dataset, _PHOTOMETRIC_INTERPRETATION)).upper()
        return colours.startswith("YBR") and stored is not Kind.NATIVE
    deep = str(_value(dataset, _BITS_ALLOCATED) or 8).strip() != "8"
    return stored in (Kind.NATIVE, Kind.LOSSLESS) or (syntax == JPEG_BASELINE and deep)


def ascending_runs(frames: Run) -> list[Run]:
    """The frames cut wherever the next is not greater: 1,2,5,3 is 1,2,5 and 3."""
    cuts = [0, *(n for n, (a, b) in enumerate(pairwise(frames), 1) if b <= a), len(frames)]
    return [frames[start:end] for start, end in pairwise(cuts)]


def number_of_frames(dataset: Dataset) -> int:
    """How many frames an instance has: one unless it says, none if it is no image."""
    said = str(_value(dataset, _NUMBER_OF_FRAMES)).strip()
    if _COUNT.fullmatch(said):
        return int(said)
    return 0 if _value(dataset, _ROWS) is None else 1


def _value(dataset: Dataset, tag: str) -> object:
    """An attribute's only value, in a dataset that nobody has checked."""
    attribute: object = dataset.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values[0] if isinstance(values, list) and len(values) == 1 else None


def _check(instance: Resource, run: Run, number: int, part: Part) -> None:
    """StreamBroken if a part says itself that it is no frame, or not the one in its place."""
    if _NO_FRAME.fullmatch(part.media_type.essence):
        raise StreamBroken(502, "The archive sent what is no frame.", "backend_answer")
    named = _LOCATION.fullmatch(part.location or "")
    if named is None:
        return
    if named[1] not in (None, instance.path) or int(named[2]) != run[number]:
        raise StreamBroken(502, "The archive sent another frame.", "backend_answer")


def _after_others(error: BackendError) -> StreamBroken:
    """What no longer can be an answer of its own."""
    return StreamBroken(error.status, error.public_message, error.category)


def _single(frames: Sequence[int]) -> list[Run]:
    return [(number,) for number in frames]
