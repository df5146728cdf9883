"""Parts of an archive as the answer to a client: the first decides the form, and the status."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from gateway.backends.base import Part
from gateway.dicom.acceptable import Acceptable
from gateway.dicom.negotiation import Choice
from gateway.dicom.streams import alone, once, prepended
from gateway.errors import StreamBroken, not_acceptable, not_found
from gateway.services.representation import Representation, Retrieved

Represent = Callable[[Part, Sequence[Acceptable]], Awaitable[tuple[Choice, Representation] | None]]
"""The form chosen for a part, and the part in it; None if it cannot leave in any of them."""


async def negotiated(
    parts: AsyncIterator[Part],
    acceptables: Sequence[Acceptable],
    represent: Represent,
    *,
    only_one: bool = False,
) -> Retrieved:
    """404 if there is no part, 406 if the first cannot leave in any accepted form.

    The others follow in a form of the same kind, multipart or not. One that cannot is
    StreamBroken: the status has left, and an answer that lacks a part must not look complete.
    `only_one` if a second part is known not to come.
    """
    part = await anext(parts, None)
    if part is None:
        raise not_found("The archive has no such resource.")
    chosen = await represent(part, acceptables)
    if chosen is None:
        raise not_acceptable("What is stored can leave in none of the accepted forms.")
    choice, first = chosen
    if not choice.multipart and not only_one:
        first, only_one = replace(first, chunks=alone(first.chunks, parts, _several())), True
    if only_one:
        return Retrieved(choice.multipart, once(first), only_one=True)
    alike = [form for form in acceptables if form.multipart == choice.multipart]
    return Retrieved(choice.multipart, prepended(first, _others(parts, alike, represent)))


async def _others(
    parts: AsyncIterator[Part], acceptables: Sequence[Acceptable], represent: Represent
) -> AsyncIterator[Representation]:
    async for part in parts:
        chosen = await represent(part, acceptables)
        if chosen is None:
            raise StreamBroken(
                406, "A part of it can leave in none of the accepted forms.", "not_acceptable"
            )
        yield chosen[1]


def _several() -> StreamBroken:
    return StreamBroken(406, "The resource is of several parts.", "not_acceptable")
