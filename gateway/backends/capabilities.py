"""What of an archive's own is used: as the operator lists it, else as ordinary answers taught.

Nothing is ever asked of an archive only to find out; with `auto` its rendering, transcoding and
zip stay unused.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields

from gateway.backends.base import Capabilities
from gateway.backends.refusals import Refusals
from gateway.backends.simpler_search import FUZZY_REFUSED, INCLUDE_ALL_REFUSED

CAPABILITIES = frozenset(item.name for item in fields(Capabilities))
"""The names that `capabilities` may list."""


@dataclass(slots=True)
class Learned:
    """What a backend's answers to real requests have shown; it lives as long as the process."""

    includefield_all: bool | None = None
    fuzzymatching: bool | None = None
    forms: dict[str, int] = field(default_factory=dict)
    """By operation, which of its literal list of Accept values the backend took last."""
    refusals: Refusals = field(default_factory=Refusals)
    """What a search is not to ask with."""
    frame_lists: bool = True
    """False once a list of frames was refused and its single frames were not."""


def configured(names: Sequence[str] | None) -> Capabilities:
    """The capabilities that are listed and no other; None (`auto`) leaves open what is learned."""
    if names is None:
        return Capabilities()
    return Capabilities(**{name: name in names for name in CAPABILITIES})


def beginner(capabilities: Capabilities) -> Learned:
    """What is known before the first answer: what the operator left out of the list."""
    never: dict[Hashable, bool | None] = {
        INCLUDE_ALL_REFUSED: capabilities.includefield_all,
        FUZZY_REFUSED: capabilities.fuzzymatching,
    }
    return Learned(
        refusals=Refusals(frozenset(what for what, may in never.items() if may is False))
    )


def with_learned(capabilities: Capabilities, learned: Learned) -> Capabilities:
    """The same with what was left open filled from the backend's answers."""
    if capabilities.includefield_all is not None:
        return capabilities
    return Capabilities(
        includefield_all=learned.includefield_all, fuzzymatching=learned.fuzzymatching
    )
