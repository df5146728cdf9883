"""YAML into a document: bounded, without the surprises of YAML 1.1, and with line numbers.

`yes`, `no` and `on` are text, and so are dates and 12:30; a key that comes twice is an error, and
so are tags. Anchors, aliases and merge keys work as far as the bounds allow.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gateway.config.document import Document, Path, Place, Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_VALUES = 10_000

_PREFIX = "tag:yaml.org,2002:"
_TAGS = {f"{_PREFIX}{name}" for name in ("null", "bool", "int", "float", "str", "timestamp")}
_TAGS |= {f"{_PREFIX}{name}" for name in ("seq", "map", "value", "merge")}
_STR, _MERGE = f"{_PREFIX}str", f"{_PREFIX}merge"

_SCALARS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,18}"), int),
    (re.compile(r"[-+]?(?:[0-9]{1,18}\.[0-9]*|\.[0-9]+)"), float),
)

# What makes a value of the environment more than one plain word.
_NOT_PLAIN = ("[", "{", '"', "'")

# PyYAML tells the name, which may be a piece of a secret: `password: *secret`.
_NAMED = re.compile(r"(alias|anchor|tag handle) '[^']*'")


class _Loader(yaml.SafeLoader):
    """Builds nodes only, no values, and not without end."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._depth += 1
        if parent and self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem="it is nested too deeply", problem_mark=parent.start_mark
            )
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _TooMuch(Exception):
    """Aliases that make more of the file than anybody would write."""


class _Reader:
    """Walks the nodes once; all that is found on the way goes into the document."""

    def __init__(self) -> None:
        self.document = Document()
        self._seen = 0
        self._depth = 0

    def read(self, node: Node, path: Path) -> Any:
        """The value of a node; an alias is read again each time it is met."""
        self._seen += 1
        self._depth += 1
        if self._seen > MAX_VALUES or self._depth > MAX_DEPTH:
            raise _TooMuch
        self.document.places.setdefault(path, _place(node))
        value = self._value(node, path)
        self._depth -= 1
        return value

    def _value(self, node: Node, path: Path) -> Any:
        if node.tag not in _TAGS:
            self._problem(path, "has a YAML tag (a word with !), and none is read: remove it", node)
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.read(child, (*path, at)) for at, child in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for source in self._merged(node, path):
            merged = self.read(source, path) | merged
        own: dict[str, Any] = {}
        for key, child in self._own_pairs(node, path):
            below = (*path, key.value)
            if key.value in own:
                first = self.document.places[below]
                self._problem(below, f"is given twice, first on {first}: remove one", key)
                continue
            self.document.places[below] = _place(key)
            own[key.value] = self.read(child, below)
        return merged | own

    def _own_pairs(self, node: MappingNode, path: Path) -> Iterator[tuple[ScalarNode, Node]]:
        for key, child in node.value:
            if key.tag == _MERGE:
                continue
            if isinstance(key, ScalarNode) and isinstance(_scalar(key), str):
                yield key, child
            else:
                self._problem(path, "holds a key that is not text: put it into quotes", key)

    def _merged(self, node: MappingNode, path: Path) -> Iterator[MappingNode]:
        """What `<<` brings in; of several, the first wins."""
        for key, child in node.value:
            if key.tag != _MERGE:
                continue
            for source in child.value if isinstance(child, SequenceNode) else [child]:
                if isinstance(source, MappingNode):
                    yield source
                else:
                    self._problem(path, "merges what is not a mapping: << takes one", key)

    def _problem(self, path: Path, text: str, node: Node) -> None:
        self.document.problems.append(Problem(path, text, _place(node)))


def read_yaml(text: str) -> Document:
    """The document of a text; what is wrong with it is in `problems`."""
    try:
        return _read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f", at column {mark.column + 1}" if mark else ""
        return _failed(f"{_explain(error)}{at}", Place(line=mark.line + 1 if mark else 0))
    except yaml.YAMLError:
        return _failed("holds a character that YAML does not allow: is it the right file?")
    except _TooMuch:
        return _failed(
            f"holds an alias of itself or, with its aliases, over {MAX_VALUES} values:"
            " write it shorter"
        )


def read_value(text: str) -> Any:
    """One value, as an environment variable gives it: plain, in quotes, or in [] or {}.

    Raises ValueError with what is wrong.
    """
    if not text.startswith(_NOT_PLAIN):
        return _plain(text)
    try:
        document = _read(f"value: {text}")
    except yaml.MarkedYAMLError as error:
        raise ValueError(_explain(error)) from None
    except (yaml.YAMLError, _TooMuch):
        raise ValueError("is not valid YAML") from None
    for problem in document.problems:
        raise ValueError(problem.text)
    return document.data["value"]


def _read(text: str) -> Document:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    finally:
        loader.dispose()
    if node is None:
        return _failed("is empty: begin with version: 1")
    reader = _Reader()
    data = reader.read(node, ())
    if not isinstance(data, dict):
        return _failed("must be a mapping: begin with version: 1")
    reader.document.data = data
    return reader.document


def _failed(text: str, place: Place | None = None) -> Document:
    return Document(problems=[Problem((), text, place)], readable=False)


def _explain(error: yaml.MarkedYAMLError) -> str:
    what = _NAMED.sub(r"\1", error.problem or "it is not understood")
    if what.startswith("but "):
        what = f"{error.context}, {what}"
    remedy = " (indent with spaces, not tabs)" if "\\t" in what else ""
    return f"is not valid YAML: {what}{remedy}"


def _scalar(node: Node) -> Any:
    if node.tag == _STR or getattr(node, "style", None) is not None:
        return node.value
    return _plain(node.value)


def _plain(text: str) -> Any:
    for pattern, convert in _SCALARS:
        if pattern.fullmatch(text):
            return convert(text)
    return text


def _place(node: Node) -> Place:
    return Place(line=node.start_mark.line + 1)
