"""The layers, the sizes and the few bans of docs/architecture.md, held against the source."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

from tests.source_tree import Module, find_cycle, read_tree

ROOT = Path(__file__).parents[2]

# Who may import whom; a row may import only what it lists, itself and `errors`.
_LOWER = ("dicom", "config", "telemetry", "net")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "gateway": (),
    "errors": (),
    "dicom": (),
    "config": ("dicom",),
    "telemetry": ("config",),
    "net": ("config", "telemetry"),
    "access": _LOWER,
    "backends": _LOWER,
    "pixels": _LOWER,
    "cache": _LOWER,
    "outbox": (*_LOWER, "backends.base"),
    "services": (
        *("dicom", "config", "telemetry", "access"),
        *("backends.base", "pixels", "cache", "outbox.base"),
    ),
    "web": ("dicom", "config", "telemetry", "access", "services"),
}
MAY_IMPORT_EVERYTHING = ("app", "serving", "cli", "__main__")
# A use-case is one DICOMweb transaction; none imports another.
USE_CASES = (
    *("search", "metadata", "instances", "frames", "rendered", "bulkdata"),
    *("store", "archive", "worklist", "capabilities"),
)

# Holds the tasks that it starts, or the loop would forget them.
TASKS = "gateway.telemetry.tasks"

PURE_LAYERS = ("dicom",)
NOT_PURE = (
    *("aiohttp", "socket", "ssl", "subprocess", "threading"),
    *("os", "pathlib", "shutil", "tempfile", "random", "secrets", "time"),
)
HTTP_LAYERS = ("net", "backends", "web", *MAY_IMPORT_EVERYTHING)

LONGEST_FUNCTION = 60
LONGEST_FILE = 450
MEDIAN_FUNCTION = 10
NINE_OF_TEN_FUNCTIONS = 30
NINE_OF_TEN_FILES = 300

BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
EMPTY_CONTAINERS = {
    *("dict", "list", "set", "defaultdict", "OrderedDict", "Counter", "deque"),
    *("WeakValueDictionary", "WeakKeyDictionary", "ContextVar", "local"),
    *("Lock", "RLock", "Event", "Semaphore", "Queue"),
}


@pytest.fixture(scope="module")
def gateway() -> list[Module]:
    return read_tree(ROOT, "gateway")


@pytest.fixture(scope="module")
def everything() -> list[Module]:
    return read_tree(ROOT, "gateway", "tests", "bench", "scripts")


def test_an_arrow_that_the_table_does_not_allow_is_an_error(gateway: list[Module]) -> None:
    _report("Layers (docs/architecture.md)", _forbidden_arrows(gateway))


def test_use_cases_do_not_import_one_another(gateway: list[Module]) -> None:
    _report("What two use-cases need is a module of its own", _between_use_cases(gateway))


def test_imports_are_absolute_and_at_the_top_of_the_file(gateway: list[Module]) -> None:
    _report("An import of our own inside of a function hides an arrow", _hidden_imports(gateway))


def test_no_modules_import_each_other_in_a_circle(gateway: list[Module]) -> None:
    cycle = find_cycle(_graph(gateway))

    assert cycle is None, "Import cycle: " + " -> ".join(cycle or ())


def test_the_vocabulary_does_no_input_or_output(gateway: list[Module]) -> None:
    _report("Pure: clock, randomness and I/O are passed in", _impure_imports(gateway))


def test_only_the_edges_speak_http(gateway: list[Module]) -> None:
    _report(f"aiohttp is imported in {', '.join(HTTP_LAYERS)} only", _http_inside(gateway))


def test_nothing_is_mocked_anywhere(everything: list[Module]) -> None:
    _report("Tests use real parts, see tests/fakes", _mocks(everything))


def test_tasks_are_started_in_one_place(gateway: list[Module]) -> None:
    others = [module for module in gateway if module.name != TASKS]

    _report("Use a TaskGroup, or gateway.telemetry.tasks.spawn", _loose_tasks(others))


def test_only_commands_print_and_exit(gateway: list[Module]) -> None:
    _report("Only gateway/cli prints and exits", _prints_and_exits(gateway))


def test_no_state_lives_in_a_module(gateway: list[Module]) -> None:
    others = [module for module in gateway if module.name != TASKS]

    _report("Collaborators come by constructor", _module_state(others))


def test_no_module_is_named_for_nothing(gateway: list[Module]) -> None:
    _report(
        "Name what it does",
        (f"{each.path}" for each in gateway if BANNED_NAMES & set(each.name.split("."))),
    )


def test_functions_are_short(gateway: list[Module]) -> None:
    lengths = [function.length for module in gateway for function in module.functions]

    _report(f"No function over {LONGEST_FUNCTION} lines", _long_functions(gateway))
    assert median(lengths) <= MEDIAN_FUNCTION
    assert quantiles(lengths, n=10)[-1] < NINE_OF_TEN_FUNCTIONS


def test_files_are_short(gateway: list[Module], everything: list[Module]) -> None:
    _report(f"No file over {LONGEST_FILE} lines", _long_files(everything))
    assert quantiles([module.lines for module in gateway], n=10)[-1] < NINE_OF_TEN_FILES


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("gateway/dicom/a.py", "import gateway.net.pool", "_forbidden_arrows"),
        ("gateway/services/a.py", "from gateway.backends import health", "_forbidden_arrows"),
        ("gateway/web/a.py", "def f():\n    from gateway.app import x", "_forbidden_arrows"),
        ("gateway/new/a.py", "", "_forbidden_arrows"),
        ("gateway/services/a.py", "from . import b", "_hidden_imports"),
        ("gateway/services/a.py", "def f():\n    import gateway.dicom", "_hidden_imports"),
        ("gateway/services/store.py", "import gateway.services.search", "_between_use_cases"),
        ("gateway/dicom/a.py", "from os import environ", "_impure_imports"),
        ("gateway/dicom/a.py", "import asyncio\nasyncio.sleep(1)", "_impure_imports"),
        ("gateway/dicom/a.py", "from asyncio import Lock", "_impure_imports"),
        ("gateway/services/a.py", "from aiohttp import web", "_http_inside"),
        ("tests/a.py", "from unittest import mock", "_mocks"),
        ("tests/a.py", "from unittest.mock import patch", "_mocks"),
        ("gateway/web/a.py", "asyncio.create_task(f())", "_loose_tasks"),
        ("gateway/web/a.py", "asyncio.get_running_loop().create_task(f())", "_loose_tasks"),
        ("gateway/web/a.py", "from asyncio import ensure_future", "_loose_tasks"),
        ("gateway/web/a.py", "print(1)", "_prints_and_exits"),
        ("gateway/web/a.py", "raise SystemExit", "_prints_and_exits"),
        ("gateway/web/a.py", "sys.exit(1)", "_prints_and_exits"),
        ("gateway/web/a.py", "cache: dict[str, str] = {}", "_module_state"),
        ("gateway/web/a.py", "current = contextvars.ContextVar('c')", "_module_state"),
        ("gateway/web/a.py", "def f():\n    global x", "_module_state"),
        ("gateway/web/a.py", "def f():\n" + "    x = 1\n" * 60, "_long_functions"),
        ("gateway/web/a.py", "x = 1\n" * 451, "_long_files"),
    ],
)
def test_each_rule_names_the_file_that_breaks_it(
    tmp_path: Path, path: str, text: str, rule: str
) -> None:
    for name, content in ((path, text), *_SURROUNDINGS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    check: Callable[[list[Module]], Iterator[str]] = globals()[rule]

    violations = list(check(read_tree(tmp_path, "gateway", "tests")))

    assert violations
    assert all(violation.startswith(path) for violation in violations)


_SURROUNDINGS = (
    ("gateway/app.py", "import gateway.web.fine\nimport gateway.cli.serve"),
    ("gateway/web/fine.py", "from gateway.services import store_target\nimport gateway.errors"),
    ("gateway/services/store_target.py", "import gateway.backends.base\nX = frozenset({1})"),
    ("gateway/services/search.py", "import gateway.dicom\nasync def f(g): g.create_task(h())"),
    ("gateway/backends/health.py", "import gateway.backends.base\nimport gateway.net.pool"),
    ("gateway/cli/serve.py", "import gateway.app\nprint(1)\nraise SystemExit(2)"),
)


def _report(rule: str, violations: Iterator[str]) -> None:
    found = list(dict.fromkeys(violations))
    assert not found, "\n  ".join([f"{rule}:", *found])


def _names(modules: list[Module]) -> frozenset[str]:
    return frozenset(module.name for module in modules)


def _is_own(target: str) -> bool:
    return target == "gateway" or target.startswith("gateway.")


def _allowed(layer: str, target: str) -> bool:
    """`backends.base` in a row allows that module alone, `backends` the whole package."""
    below = target.removeprefix("gateway").removeprefix(".")
    rows = ("", "errors", layer, *MAY_IMPORT[layer])
    return any(below == row or (row and below.startswith(f"{row}.")) for row in rows)


def _forbidden_arrows(modules: list[Module]) -> Iterator[str]:
    known = _names(modules)
    for module in modules:
        if module.layer in MAY_IMPORT_EVERYTHING:
            continue
        if module.layer not in MAY_IMPORT:
            yield f"{module.path}: `{module.layer}` has no row in the table"
            continue
        for found in module.imports(known):
            if _is_own(found.target) and not _allowed(module.layer, found.target):
                rows = ", ".join(MAY_IMPORT[module.layer]) or "nothing"
                yield (
                    f"{module.at(found.line)} imports {found.target}, but `{module.layer}`"
                    f" may import {rows} (itself and errors)"
                )


def _use_case(module_name: str) -> str | None:
    parts = module_name.split(".")
    return parts[2] if parts[1:2] == ["services"] and parts[2:] and parts[2] in USE_CASES else None


def _between_use_cases(modules: list[Module]) -> Iterator[str]:
    known = _names(modules)
    for module in modules:
        for found in module.imports(known) if _use_case(module.name) else ():
            if _use_case(found.target) not in (None, _use_case(module.name)):
                yield f"{module.at(found.line)} imports {found.target}"


def _hidden_imports(modules: list[Module]) -> Iterator[str]:
    known = _names(modules)
    for module in modules:
        for found in module.imports(known):
            if found.relative:
                yield f"{module.at(found.line)} imports relatively: write it from `gateway` on"
            elif found.lazy and _is_own(found.target):
                yield f"{module.at(found.line)} imports {found.target} late"


def _graph(modules: list[Module]) -> dict[str, set[str]]:
    known = _names(modules)
    return {
        module.name: {
            found.target
            for found in module.imports(known)
            if found.target in known and found.target != module.name
        }
        for module in modules
    }


def _foreign(modules: list[Module], packages: tuple[str, ...]) -> Iterator[str]:
    known = _names(modules)
    for module in modules:
        for found in module.imports(known):
            if found.target.split(".")[0] in packages:
                yield f"{module.at(found.line)} imports {found.target}"


def _impure_imports(modules: list[Module]) -> Iterator[str]:
    """Of asyncio only `to_thread` is pure: long work that must not hold up the loop."""

    def waits(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return node.module == "asyncio"
        return (
            isinstance(node, ast.Attribute)
            and ast.unparse(node.value) == "asyncio"
            and node.attr != "to_thread"
        )

    pure = [each for each in modules if each.layer in PURE_LAYERS]
    yield from _foreign(pure, NOT_PURE)
    yield from _lines(pure, waits)


def _http_inside(modules: list[Module]) -> Iterator[str]:
    return _foreign([each for each in modules if each.layer not in HTTP_LAYERS], ("aiohttp",))


def _mocks(modules: list[Module]) -> Iterator[str]:
    known = _names(modules) | {"unittest.mock"}
    for module in modules:
        for found in module.imports(known):
            if found.target in ("unittest.mock", "mock", "pytest_mock"):
                yield f"{module.at(found.line)} imports {found.target}"


def _where(
    modules: list[Module], is_violation: Callable[[ast.AST], bool]
) -> Iterator[tuple[Module, ast.AST]]:
    for module in modules:
        for node in ast.walk(module.tree):
            if is_violation(node):
                yield module, node


def _lines(modules: list[Module], is_violation: Callable[[ast.AST], bool]) -> Iterator[str]:
    for module, node in _where(modules, is_violation):
        line = int(getattr(node, "lineno", 0))
        yield f"{module.at(line)} {module.text.splitlines()[line - 1].strip()}"


def _loose_tasks(modules: list[Module]) -> Iterator[str]:
    """`group.create_task` of a TaskGroup is fine: the group waits for it."""
    starters = {"create_task", "ensure_future"}
    holders = {"asyncio", "loop", "asyncio.get_running_loop()", "asyncio.get_event_loop()"}

    def starts_one(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return node.module == "asyncio" and any(each.name in starters for each in node.names)
        return (
            isinstance(node, ast.Attribute)
            and node.attr in starters
            and ast.unparse(node.value) in holders
        )

    return _lines(modules, starts_one)


def _prints_and_exits(modules: list[Module]) -> Iterator[str]:
    ends = {"print", "exit", "quit", "sys.exit", "os._exit", "SystemExit", "breakpoint"}

    def is_one(node: ast.AST) -> bool:
        if isinstance(node, ast.Raise) and node.exc is not None:
            return ast.unparse(node.exc) == "SystemExit"
        return isinstance(node, ast.Call) and ast.unparse(node.func) in ends

    return _lines([each for each in modules if each.layer not in ("cli", "__main__")], is_one)


def _module_state(modules: list[Module]) -> Iterator[str]:
    """Empty containers, locks and context variables at the top of a file, and `global`."""
    yield from _lines(modules, lambda node: isinstance(node, ast.Global))
    for module in modules:
        for node in module.tree.body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if value is not None and _is_state(value):
                yield f"{module.at(node.lineno)} {ast.unparse(node)}"


def _is_state(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict | ast.List | ast.Set):
        return not (value.keys if isinstance(value, ast.Dict) else value.elts)
    if not isinstance(value, ast.Call):
        return False
    called = ast.unparse(value.func).split(".")[-1]
    return called in EMPTY_CONTAINERS


def _long_functions(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        for function in module.functions:
            if function.length > LONGEST_FUNCTION:
                yield f"{module.at(function.line)} {function.name} has {function.length} lines"


def _long_files(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        if module.lines > LONGEST_FILE:
            yield f"{module.path} has {module.lines} lines"
