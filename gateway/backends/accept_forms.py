"""The Accept values that archives are asked with, the standard's own first (PS3.18 8.7).

`transfer-syntax=*` asks for what is stored: an archive is not to transcode. Old ones refuse the
parameter, or the multipart form, so each list ends with what hardly any refuses. What it gives then
may have been decoded for the answer, so what is stored is asked for first each time.

Any other form that the archive turns out not to know is asked last from then on.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
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
) -> Taken:
    """The same, for as long as `stack` lasts."""
    forms = FORMS[operation]
    refusals: dict[int, BackendRefused] = {}
    for number in _in_order(operation, learned):
        try:
            answer = await stack.enter_async_context(ask(forms[number]))
        except BackendRefused as refusal:
            refusals[number] = refusal
            continue
        learned.habits.took((operation, number), [(operation, n) for n in refusals])
        return Taken(answer, forms[number].endswith(_AS_STORED))
    raise _exhausted(list(refusals.values()))


def _in_order(operation: str, learned: Learned) -> Iterator[int]:
    put_off: list[int] = []
    for number, form in enumerate(FORMS[operation]):
        is_best = number == 0 and form.endswith(_AS_STORED)
        if not is_best and learned.habits.is_unknown((operation, number)):
            put_off.append(number)
        else:
            yield number
    yield from put_off


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
