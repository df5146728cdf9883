"""The configuration as plain values, and where each of them was written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root: ("backends", 0, "url")."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of the file (from 1), or an environment variable."""

    line: int = 0
    variable: str = ""

    def __str__(self) -> str:
        return self.variable or f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong somewhere, and what to do about it."""

    path: Path
    text: str
    place: Place | None = None
    """None: where the value of this path is."""


@dataclass(slots=True)
class Document:
    """A mapping as it was written. `places` has a place for each value and each container."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    """What is wrong with the text itself."""
    readable: bool = True
    """False where there is nothing to judge but those problems."""

    def place(self, path: Path) -> Place:
        """Where the value is, or the nearest thing around it that was written: not all of it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path] if path else Place()

    def get(self, path: Path) -> Any:
        """The value at a path; None where there is none."""
        value: Any = self.data
        for step in path:
            if isinstance(value, list) and isinstance(step, int):
                value = dict(enumerate(value))
            value = value.get(step) if isinstance(value, dict) else None
        return value

    def values(self) -> Iterator[tuple[Path, Any]]:
        """Every scalar and its path."""
        yield from scalars((), self.data)


def scalars(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """Every scalar of a value that is at `path`, with its own path."""
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    else:
        yield path, value
        return
    for key, child in children:
        yield from scalars((*path, key), child)


def show_path(path: Path) -> str:
    """`backends[0].timeouts.connect`"""
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{_show(each)}" for each in path)
    return text.removeprefix(".")


def _show(key: str) -> str:
    """A line break in a key must not make two lines of a problem."""
    return key if key.isprintable() else repr(key)
