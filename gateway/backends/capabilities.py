"""What of an archive's own is used: as the operator lists it, else as ordinary answers taught.

Nothing is ever asked of an archive only to find out; with `auto` its rendering, transcoding and
zip stay unused.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, fields

from gateway.backends.base import Capabilities
from gateway.backends.refusals import Refusals
from gateway.backends.simpler_search import FUZZY_REFUSED, INCLUDE_ALL_REFUSED

PROOF = 3
"""Refusals that show that an archive does not know a way of asking at all."""

CAPABILITIES = frozenset(item.name for item in fields(Capabilities))
"""The names that `capabilities` may list."""


class Habits:
    """Which ways of asking an archive takes.

    One that was refused a few times and never taken is unknown to it. One that was ever taken is
    not: archives refuse an odd instance in the best form and give it in another, and all others
    must not be asked for in that other form because of it.
    """

    def __init__(self) -> None:
        self._taken: set[Hashable] = set()
        self._refused = Counter[Hashable]()

    def took(self, way: Hashable, after: Iterable[Hashable] = ()) -> None:
        """The archive answered to this way, and to the same request had refused the others."""
        self._taken.add(way)
        self._refused.update(after)

    def is_unknown(self, way: Hashable) -> bool:
        return way not in self._taken and self._refused[way] >= PROOF


@dataclass(slots=True)
class Learned:
    """What a backend's answers to real requests have shown; it lives as long as the process."""

    includefield_all: bool | None = None
    fuzzymatching: bool | None = None
    search_form: int = 0
    """Which of the two Accept values of a search it took last."""
    refusals: Refusals = field(default_factory=Refusals)
    """What a search is not to ask with."""
    decodes_queries: bool | None = None
    """False where a search must not hold what has to be percent-encoded."""
    habits: Habits = field(default_factory=Habits)
    """What it takes of the forms that a retrieval may be asked in."""


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
