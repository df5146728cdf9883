"""What the architecture's test stands on: it finds each kind of import, cycles and lengths."""

from pathlib import Path

import pytest

from tests.source_tree import Import, Module, find_cycle, read_tree


def _tree(root: Path, files: dict[str, str]) -> dict[str, Module]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {module.name: module for module in read_tree(root, "gateway")}


def _imports(tmp_path: Path, text: str) -> list[Import]:
    modules = _tree(
        tmp_path,
        {"gateway/web/search.py": text, "gateway/net/redis.py": "", "gateway/net/__init__.py": ""},
    )
    return modules["gateway.web.search"].imports(frozenset(modules))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import gateway.net.redis", Import("gateway.net.redis", 1, lazy=False)),
        ("from gateway.net import redis", Import("gateway.net.redis", 1, lazy=False)),
        ("from gateway.net.redis import Pool", Import("gateway.net.redis", 1, lazy=False)),
        ("from gateway.net import NAME", Import("gateway.net", 1, lazy=False)),
        ("from .. import net", Import("", 1, lazy=False, relative=True)),
        ("if True:\n    import aiohttp", Import("aiohttp", 2, lazy=False)),
        ("def f():\n    import gateway.net", Import("gateway.net", 2, lazy=True)),
        ("class A:\n  def f(s):\n    import gateway.net", Import("gateway.net", 3, lazy=True)),
        ("import_module('gateway.net')", Import("gateway.net", 1, lazy=True)),
        ("importlib.import_module('gateway.net')", Import("gateway.net", 1, lazy=True)),
        ("__import__('gateway.net')", Import("gateway.net", 1, lazy=True)),
    ],
)
def test_every_way_to_import_is_seen(tmp_path: Path, text: str, expected: Import) -> None:
    found = _imports(tmp_path, text)

    assert [(each.line, each.lazy, each.relative) for each in found] == [
        (expected.line, expected.lazy, expected.relative)
    ]
    assert expected.relative or found[0].target == expected.target


def test_a_package_has_the_name_of_its_folder_and_the_layer_of_its_first_one(
    tmp_path: Path,
) -> None:
    modules = _tree(tmp_path, {"gateway/__init__.py": "", "gateway/web/middleware/errors.py": ""})

    assert {name: module.layer for name, module in modules.items()} == {
        "gateway": "gateway",
        "gateway.web.middleware.errors": "web",
    }


def test_a_function_is_measured_from_its_def_to_its_last_line(tmp_path: Path) -> None:
    text = "@decorated\ndef outer():\n    def inner():\n        pass\n\n    return (\n  1\n    )\n"
    modules = _tree(tmp_path, {"gateway/a.py": text})

    assert [(f.name, f.line, f.length) for f in modules["gateway.a"].functions] == [
        ("outer", 2, 7),
        ("inner", 3, 2),
    ]
    assert modules["gateway.a"].lines == 8


def test_a_circle_of_imports_is_found_wherever_it_is_entered() -> None:
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"b"}}) == ["b", "c", "d", "b"]


def test_two_ways_to_one_module_are_no_circle() -> None:
    assert find_cycle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) is None
