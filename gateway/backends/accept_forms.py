"""The Accept values that archives are asked with, the standard's own first (PS3.18 8.7).

`transfer-syntax=*` asks for what is stored: an archive is not to transcode. Old ones refuse the
parameter, or the multipart form, so each list ends with what hardly any refuses. What it gives then
may have been decoded for the answer, so what is stored is asked for first each time, in each form.

Of forms that are equal in this, one that the archive turns out not to know is asked last from then
on.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from gateway.backends.capabilities import Learned
from gateway.backends.transport import Answer
from gateway.errors import BackendRefused

_ANYTHING = "*/*"
_AS_STORED = "transfer-syntax=*"
_OCTETS = (
    'multipart/related; type="application/octet-stream"; transfer-syntax=*',
    'multipart/related; type="application/octet-stream"',
)
_FILES = (
    'multipart/related; type="application/dicom"; transfer-syntax=*',
    'multipart/related; type="application/dicom"',
)

FORMS: dict[str, tuple[str, ...]] = {
    "metadata": ("application/dicom+json", "application/json", _ANYTHING),
    # The bare form is of one instance only (10.4.4).
    "instance": (
        _FILES[0],
        "application/dicom; transfer-syntax=*",
        _FILES[1],
        "application/dicom",
        _ANYTHING,
    ),
    "instances": (*_FILES, _ANYTHING),
    "frame": (
        _OCTETS[0],
        "application/octet-stream; transfer-syntax=*",
        _OCTETS[1],
        _ANYTHING,
    ),
    "frames": (*_OCTETS, _ANYTHING),
    "bulkdata": (*_OCTETS, "application/octet-stream", _ANYTHING),
}


@dataclass(frozen=True, slots=True)
class Taken:
    """An answer, and whether it was asked for as it is stored."""

    answer: Answer
    as_stored: bool


@asynccontextmanager
async def first_taken(
    operation: str,
    ask: Callable[[str], AbstractAsyncContextManager[Answer]],
    learned: Learned,
) -> AsyncIterator[Answer]:
    """The first answer that is no refusal. BackendRefused, as 502 or 501, if all are refused."""
    async with AsyncExitStack() as stack:
        yield (await enter_first_taken(stack, operation, ask, learned)).answer


async def enter_first_taken(
    stack: AsyncExitStack,
    operation: str,
    ask: Callable[[str], AbstractAsyncContextManager[Answer]],
    learned: Learned,
    before_decoded: Callable[[], Awaitable[object]] | None = None,
) -> Taken:
    """The same, for as long as `stack` lasts.

    `before_decoded` is awaited before each request for what may have been decoded.
    """
    refusals: dict[str, BackendRefused] = {}
    for form in _in_order(operation, learned):
        as_stored = form.endswith(_AS_STORED)
        if before_decoded is not None and not as_stored:
            await before_decoded()
        try:
            answer = await stack.enter_async_context(ask(form))
        except BackendRefused as refusal:
            refusals[form] = refusal
            continue
        learned.habits.took((operation, form), [(operation, refused) for refused in refusals])
        return Taken(answer, as_stored)
    raise _exhausted(list(refusals.values()))


def _in_order(operation: str, learned: Learned) -> list[str]:
    def rank(form: str) -> tuple[bool, bool]:
        return not form.endswith(_AS_STORED), learned.habits.is_unknown((operation, form))

    return sorted(FORMS[operation], key=rank)


def _exhausted(refusals: Sequence[BackendRefused]) -> BackendRefused:
    """What the client asked was right, so that it is not told 400 or 406."""
    first = refusals[0]
    status = 501 if all(each.upstream_status == 501 for each in refusals) else 502
    return BackendRefused(
        status,
        "The archive does not give this in any form that the gateway knows.",
        "backend_refused",
        backend=first.backend,
        upstream_status=first.upstream_status,
    )
