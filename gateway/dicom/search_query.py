"""A search (PS3.18 8.3.4 and 10.6) as one frozen object, whatever form its parameters came in."""

from dataclasses import dataclass

from gateway.dicom.resources import Level


@dataclass(frozen=True, slots=True)
class MatchKey:
    """One attribute that rows must match."""

    name: str
    """As the client wrote it: a keyword, a tag, or a path of them joined by dots."""
    path: tuple[str, ...]
    """Tags of eight upper-case hex digits; more than one leads through sequences."""
    vr: str
    """The VR in the data dictionary, UN where it has none."""
    values: tuple[str, ...]
    """Alternatives, of which one must match."""
    raw: str
    """The value as the client wrote it, decoded."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is searched for, and which page of it.

    `study` and `series` are the scope that the path named. None for an option means that the
    client did not name it.
    """

    level: Level
    study: str | None = None
    series: str | None = None
    keys: tuple[MatchKey, ...] = ()
    include: tuple[tuple[str, ...], ...] = ()
    """The names of each `includefield`, as the client grouped and wrote them, none twice."""
    include_all: bool = False
    fuzzy: bool | None = None
    empty_value_matching: bool | None = None
    multiple_value_matching: bool | None = None
    limit: int | None = None
    offset: int = 0
    ignored: tuple[str, ...] = ()
    """Parameter names that are no attribute and no parameter of the standard."""
