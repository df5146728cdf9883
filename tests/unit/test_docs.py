"""What the documentation shows can be done: links lead somewhere, examples are accepted."""

import re
from pathlib import Path

import pytest
import yaml

from gateway.__main__ import COMMANDS
from gateway.config.load import load_config

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
GENERATED = "configuration.md"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_SECRET = re.compile(r"\{ env: ([A-Z_]+) \}")


def _blocks(language: str) -> list[tuple[str, str]]:
    """(page, text) of each code block in that language, of pages written by hand."""
    return [
        (page.name, text)
        for page in PAGES
        if page.name != GENERATED
        for found, text in _FENCE.findall(page.read_text())
        if found == language
    ]


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def _configurations() -> list[str]:
    """Whole files, and entries of `backends` with what they need to be whole."""
    whole = [text for _, text in _blocks("yaml") if text.startswith("version:")]
    entries = [text for _, text in _blocks("yaml") if text.startswith("  - name:")]
    return whole + [f"version: 1\nbackends:\n{entry}" for entry in entries]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_pages_and_headings_that_exist(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in {_anchor(each) for each in _HEADING.findall(target.read_text())}


def test_there_are_configurations_to_check() -> None:
    assert len(_configurations()) >= 9


@pytest.mark.parametrize("text", _configurations())
def test_every_configuration_that_is_shown_is_accepted(text: str, tmp_path: Path) -> None:
    # Files of certificates and keys are the reader's own; here they are empty ones.
    for name in set(re.findall(r"(?<=[ {:])/[\w./-]+\.(?:pem|key|json)", text)):
        (tmp_path / Path(name).name).write_text("x")
        text = text.replace(name, str(tmp_path / Path(name).name))
    shown = tmp_path / "gateway.yaml"
    shown.write_text(text)

    config = load_config(shown, dict.fromkeys(_SECRET.findall(text), "secret"))

    assert config.backends


@pytest.mark.parametrize(("page", "text"), _blocks("yaml"))
def test_every_yaml_that_is_shown_is_yaml(page: str, text: str) -> None:
    assert yaml.safe_load(text), page


@pytest.mark.parametrize(("page", "text"), _blocks("sh"))
def test_every_command_that_is_shown_exists(page: str, text: str) -> None:
    verbs = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = {name for name, _ in COMMANDS}

    for words in re.findall(r"^make +((?:[A-Za-z0-9-]+(?!\S) *)+)", text, re.MULTILINE):
        assert set(words.split()) <= verbs, page
    called = set(re.findall(r"^dicomweb-gateway ([a-z][a-z-]+)", text, re.MULTILINE))
    assert called <= commands, page
