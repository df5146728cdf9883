"""The source as a graph: which module imports which, and how long its functions are."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import of a module, and where it is written."""

    target: str
    line: int
    lazy: bool
    """True inside of a function."""
    relative: bool = False


@dataclass(frozen=True)
class Function:
    """A function or method with its nested ones; decorators are not counted."""

    name: str
    line: int
    length: int


@dataclass(frozen=True)
class Module:
    """A parsed source file; `path` is relative to the root of the repository."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @property
    def layer(self) -> str:
        """The row of the table that the module belongs to: `gateway.web.search` is in `web`."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "gateway"

    def at(self, line: int) -> str:
        return f"{self.path}:{line}"

    @cached_property
    def functions(self) -> list[Function]:
        return [
            Function(node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]

    def imports(self, known: frozenset[str]) -> list[Import]:
        """Every import of the file; `known` are the names of all modules of the tree."""
        return list(_imports(self.tree, known, lazy=False))


def read_tree(root: Path, *folders: str) -> list[Module]:
    """All Python files below the folders, in a stable order."""
    files = (path for folder in folders for path in sorted((root / folder).rglob("*.py")))
    return [_read(root, path) for path in files]


def find_cycle(edges: dict[str, set[str]]) -> list[str] | None:
    """A path through the graph that ends where it begins, or None."""
    done: set[str] = set()
    for start in sorted(edges):
        cycle = _cycle_from(start, edges, [], done)
        if cycle:
            return cycle
    return None


def _read(root: Path, path: Path) -> Module:
    relative = path.relative_to(root)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Module(name, relative, text, ast.parse(text, filename=str(relative)))


def _imports(node: ast.AST, known: frozenset[str], *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, lazy) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from _imports_from(child, known, lazy)
        elif isinstance(child, ast.Call):
            yield from _imports_by_call(child)
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports(child, known, lazy=lazy or function)


def _imports_from(node: ast.ImportFrom, known: frozenset[str], lazy: bool) -> Iterator[Import]:
    """`from a import b` is an import of the module `a.b` where there is one, else of `a`."""
    base = node.module or ""
    for alias in node.names:
        deeper = f"{base}.{alias.name}"
        target = deeper if deeper in known else base
        yield Import(target, node.lineno, lazy, relative=node.level > 0)


def _imports_by_call(node: ast.Call) -> Iterator[Import]:
    """`importlib.import_module("a.b")` and `__import__("a.b")`: always late, so always lazy."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    if name not in ("import_module", "__import__") or not node.args:
        return
    if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
        yield Import(node.args[0].value, node.lineno, lazy=True)


def _cycle_from(
    node: str, edges: dict[str, set[str]], path: list[str], done: set[str]
) -> list[str] | None:
    if node in path:
        return [*path[path.index(node) :], node]
    if node in done:
        return None
    for target in sorted(edges.get(node, ())):
        cycle = _cycle_from(target, edges, [*path, node], done)
        if cycle:
            return cycle
    done.add(node)
    return None
