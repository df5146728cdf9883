"""Parts of an archive as the answer to a client: the first decides the form, and the status."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from gateway.backends.base import Part
from gateway.dicom.acceptable import Acceptable
from gateway.dicom.negotiation import Choice
from gateway.dicom.streams import alone
from gateway.errors import StreamBroken, not_acceptable, not_found
from gateway.services.representation import Representation, Retrieved

Represent = Callable[[Part, Sequence[Acceptable]], Awaitable[tuple[Choice, Representation] | None]]
"""The form chosen for a part, and the part in it; None if it cannot leave in any of them."""

T = TypeVar("T")


async def first_of(items: AsyncIterator[T]) -> T:
    """The first, which decides the status: 404 if there is none."""
    async for item in items:
        return item
    raise not_found("The archive has no such resource.")


def single(first: Representation, following: AsyncIterator[object]) -> Retrieved:
    """The first as the whole answer; StreamBroken 406, before its end, if there are several."""
    several = StreamBroken(406, "The resource is of several parts.", "not_acceptable")
    return Retrieved(False, replace(first, chunks=alone(first.chunks, following, several)))


async def negotiated(
    parts: AsyncIterator[Part],
    acceptables: Sequence[Acceptable],
    represent: Represent,
    *,
    count: int | None = None,
) -> Retrieved:
    """404 if there is no part, 406 if the first cannot leave in any accepted form.

    The others follow in a form of the same kind, multipart or not. One that cannot is
    StreamBroken: the status has left, and an answer that lacks a part must not look complete.
    `count` is how many parts there are, where that is known: fewer are StreamBroken too.
    """
    chosen = await represent(await first_of(parts), acceptables)
    if chosen is None:
        raise not_acceptable("What is stored can leave in none of the accepted forms.")
    choice, first = chosen
    if count == 1:
        return Retrieved(choice.multipart, first)
    if not choice.multipart:
        return single(first, parts)
    alike = [form for form in acceptables if form.multipart]
    return Retrieved(True, first, _others(parts, alike, represent, count))


async def _others(
    parts: AsyncIterator[Part],
    acceptables: Sequence[Acceptable],
    represent: Represent,
    count: int | None,
) -> AsyncIterator[Representation]:
    given = 1
    async for part in parts:
        chosen = await represent(part, acceptables)
        if chosen is None:
            raise StreamBroken(
                406, "A part of it can leave in none of the accepted forms.", "not_acceptable"
            )
        given += 1
        yield chosen[1]
    if count not in (None, given):
        raise StreamBroken(502, "The archive sent too few parts.", "backend_answer")
