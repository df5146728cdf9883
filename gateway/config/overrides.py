"""Environment variables that override the file: GATEWAY__SERVER__PORT=9000.

Two underscores separate the levels, a number is a place in a list; the value is read as YAML.
"""

from collections.abc import Mapping
from typing import Any

from gateway.config.document import Document, Path, Place, Problem, scalars
from gateway.config.yaml_text import read_value

PREFIX = "GATEWAY__"
_SEPARATOR = "__"


def override_names(document: Document, environ: Mapping[str, str]) -> list[str]:
    """The variables that override, in the order in which they apply.

    One that a secret of the configuration names holds that secret, and overrides nothing.
    """
    names = [name for name in environ if name.startswith(PREFIX)]
    secrets = {str(value) for path, value in document.values() if path[-1:] == ("env",)}
    for name in names:
        secrets |= _secrets_named_by(name, environ[name])
    return sorted((name for name in names if name not in secrets), key=_order)


def apply_overrides(document: Document, environ: Mapping[str, str]) -> None:
    """Put the values of the environment into the document, and their names into its places."""
    for name in override_names(document, environ):
        place = Place(variable=name)
        try:
            _put(document, _path(name), read_value(environ[name]), place)
        except ValueError as error:
            document.problems.append(Problem(_path(name), str(error), place))


def _secrets_named_by(name: str, text: str) -> set[str]:
    """Variables that hold a secret of this override: what a key `env` in it or below it names."""
    try:
        value = read_value(text)
    except ValueError:
        return set()
    return {str(each) for path, each in scalars(_path(name), value) if path[-1:] == ("env",)}


def _path(name: str) -> Path:
    levels = name.removeprefix(PREFIX).lower().split(_SEPARATOR)
    return tuple(int(level) if level.isdecimal() else level for level in levels)


def _order(name: str) -> list[tuple[int, str]]:
    """By level, and numbers by their value: the third entry of a list before the eleventh."""
    return [(each, "") if isinstance(each, int) else (-1, each) for each in _path(name)]


def _put(document: Document, path: Path, value: Any, place: Place) -> None:
    """Set the value, with the mappings and lists around it; ValueError if it cannot be."""
    if "" in path:
        raise ValueError("names no key: write two underscores between levels, and a name in each")
    holder: Any = document.data
    for at, key in enumerate(path[:-1]):
        _make_room(holder, key)
        if not isinstance(holder[key], dict | list):
            holder[key] = [] if isinstance(path[at + 1], int) else {}
            document.places[path[: at + 1]] = place
        holder = holder[key]
    _make_room(holder, path[-1])
    holder[path[-1]] = value
    _forget(document, path)
    document.places[path] = place


def _make_room(holder: Any, key: str | int) -> None:
    """See to it that the holder has the key, if it is one that can have it."""
    if isinstance(holder, dict) and isinstance(key, str):
        holder.setdefault(key, None)
    elif isinstance(holder, dict):
        raise ValueError("is a mapping: name a key of it, not a number")
    elif isinstance(key, str):
        raise ValueError("is a list: name an entry by its number, from 0")
    elif key > len(holder):
        raise ValueError(f"leaves a gap in the list: the next entry is {len(holder)}")
    elif key == len(holder):
        holder.append(None)


def _forget(document: Document, path: Path) -> None:
    """What was below the value in the file is written nowhere now."""
    for each in [each for each in document.places if each[: len(path)] == path]:
        del document.places[each]
