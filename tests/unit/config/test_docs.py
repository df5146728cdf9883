import re
from pathlib import Path

import pytest
import yaml

from gateway.config.docs import configuration_docs
from gateway.config.model import Config
from tests.unit.config.conftest import Load, Problems
from tests.unit.config.test_contract import DATA

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_in_the_repository_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == configuration_docs(), (
        "run: dicomweb-gateway config-docs > docs/configuration.md"
    )


def _section(name: str) -> str:
    _, _, rest = configuration_docs().partition(f"\n## `{name}`\n")
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("name", [key for key in Config.model_fields if key != "version"])
def test_each_section_has_a_row_for_every_key_of_the_format(name: str) -> None:
    section = _section(name)

    def leaves(prefix: str, value: object) -> list[str]:
        if not isinstance(value, dict) or not value or prefix in ("auth.", "headers."):
            return [prefix.removesuffix(".")]
        return [leaf for key in value for leaf in leaves(f"{prefix}{key}.", value[key])]

    data = DATA[name][0] if name == "backends" else DATA[name]
    rows = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    assert {leaf for key in data for leaf in leaves(f"{key}.", data[key])} <= rows


def test_every_row_says_what_it_takes_and_means() -> None:
    rows = re.findall(r"^\| `.*\|$", _reference(), re.MULTILINE)

    assert len(rows) > 120
    assert [row for row in rows if len(row.split(" | ")) != 4 or row.endswith("|  |")] == []


def _reference() -> str:
    return configuration_docs().partition("# Reference")[2]


def test_the_defaults_that_it_shows_are_the_defaults(load: Load) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", _reference(), re.DOTALL)

    shown = load("version: 1\n" + "".join(blocks))

    assert len(blocks) == len(Config.model_fields) - 1
    assert shown == load(
        "version: 1\n"
        "backends: [{name: orthanc, type: dicomweb, url: http://orthanc:8042/dicom-web}]"
    )


def test_the_least_file_that_it_shows_is_valid(load: Load) -> None:
    block = re.findall(r"```yaml\n(.*?)```", configuration_docs(), re.DOTALL)[0]

    assert load(block).backends[0].name == "orthanc"


def test_the_overrides_that_it_shows_work(with_section: Load) -> None:
    lines = re.findall(r"^(GATEWAY__\w+)=(.*?)(?: +#.*)?$", configuration_docs(), re.MULTILINE)
    environ = {name: value.strip("'") for name, value in lines}

    config = with_section("", {**environ, "PACS_TOKEN": "t"})

    assert len(environ) == 5
    assert (config.server.port, config.server.allowed_hosts) == (9000, ("pacs.example.org",))
    assert config.backends[0].url == "https://archive.example.org/dicom-web"
    assert config.backends[0].auth.type == "bearer"


def test_the_problems_that_it_shows_are_told_in_these_words(problems: Problems) -> None:
    shown = re.findall(r"^  (\S+ \(line .*)$", configuration_docs(), re.MULTILINE)
    text = (
        "version: 1\nserver:\n  prot: 1\nbackends:\n  - name: a\n    type: dicomweb\n"
        "    url: http://a\n    timeouts: { connect: 5 }\n"
    )

    assert list(problems(text)) == shown


def test_what_is_not_there_is_marked() -> None:
    assert "| `origins` |" in _section("cors")
    assert _row("cors", "origins").endswith("*Not in this version.* |")
    assert _row("auth", "mode").endswith("*Only `none` in this version.* |")
    assert _row("store", "outbox.path").endswith("*Does nothing in this version.* |")
    assert "version" not in _row("server", "port")


def _row(section: str, key: str) -> str:
    (row,) = re.findall(rf"^\| `{re.escape(key)}` \|.*$", _section(section), re.MULTILINE)
    return str(row)


def test_every_example_in_yaml_parses() -> None:
    for block in re.findall(r"```yaml\n(.*?)```", configuration_docs(), re.DOTALL):
        assert yaml.safe_load(block)
