"""What a client is told of a search that was not done quite as asked (Warning, PS3.18 8.3.4)."""

from collections.abc import Collection, Iterable, Iterator

from gateway.dicom.search.matching import undecided
from gateway.dicom.search.query import INCLUDE_FIELD, SearchQuery
from gateway.services.search_walk import SearchWalk

_MOST_NAMES = 20
_LONGEST_NAME = 64
_FUZZY = "The fuzzymatching parameter is not supported. Only literal matching has been performed."
_INCLUDE = "The archive does not support this includefield parameter."
_IGNORED = "These parameters are not supported and were ignored"
_UNMATCHED = "The archive does not match these parameters, its results were matched afterwards"
_UNDECIDED = "Whether the results match these parameters is not known"
_MORE = "There are additional results that can be requested"
_COUNTED = "There are {} additional results that can be requested"


def search_warnings(query: SearchQuery, walk: SearchWalk, remaining: int | None) -> tuple[str, ...]:
    """The texts, without code and agent.

    `remaining` are the results that were left out at the end; None if there may be some and
    nobody knows how many.
    """
    return tuple(_texts(query, walk, remaining))


def _texts(query: SearchQuery, walk: SearchWalk, remaining: int | None) -> Iterator[str]:
    unknown = undecided(query, walk.rows)
    yield from _naming(_IGNORED, query.ignored)
    yield from _naming(_UNMATCHED, sorted(walk.unmatched.difference(unknown)))
    yield from _naming(_UNDECIDED, unknown)
    if query.fuzzy and "fuzzymatching" in walk.unsupported:
        yield _FUZZY
    if INCLUDE_FIELD in walk.unsupported and (query.include_all or query.include):
        yield _INCLUDE
    if remaining is None:
        yield _MORE
    elif remaining > 0:
        yield _COUNTED.format(remaining)


def _naming(text: str, names: Collection[str]) -> Iterable[str]:
    if not names:
        return ()
    shown = [name[:_LONGEST_NAME] for name in names][:_MOST_NAMES]
    return (f"{text}: {', '.join(shown)}",)
