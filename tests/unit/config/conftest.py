"""A configuration file that a test writes, and what becomes of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from gateway.config.load import load_config
from gateway.config.model import Config
from gateway.errors import ConfigProblems

Load: TypeAlias = Callable[..., Config]
Problems: TypeAlias = Callable[..., tuple[str, ...]]

BACKEND = "{ name: orthanc, type: dicomweb, url: http://127.0.0.1:8042/dicom-web"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text, with an environment."""

    def load(text: str, environ: Mapping[str, str] | None = None) -> Config:
        path = tmp_path / "gateway.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path, environ or {})

    return load


@pytest.fixture
def problems(load: Load) -> Problems:
    """All that is wrong with a text, which must be something."""

    def problems(text: str, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
        with pytest.raises(ConfigProblems) as raised:
            load(text, environ)
        return raised.value.problems

    return problems


@pytest.fixture
def with_backend(load: Load) -> Callable[..., Config]:
    """Load one backend with more keys, as they are written behind `url: ...,`."""

    def with_backend(keys: str, environ: Mapping[str, str] | None = None) -> Config:
        return load(_with_backend(keys), environ)

    return with_backend


@pytest.fixture
def backend_problems(problems: Problems) -> Problems:
    """What is wrong with one backend with more keys."""

    def backend_problems(keys: str, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
        return problems(_with_backend(keys), environ)

    return backend_problems


@pytest.fixture
def section_problems(problems: Problems) -> Problems:
    """What is wrong with sections beside a backend that is right."""

    def section_problems(text: str, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
        return problems(f"version: 1\nbackends: [{BACKEND} }}]\n{text}", environ)

    return section_problems


@pytest.fixture
def with_section(load: Load) -> Load:
    """Load sections beside a backend that is right."""

    def with_section(text: str, environ: Mapping[str, str] | None = None) -> Config:
        return load(f"version: 1\nbackends: [{BACKEND} }}]\n{text}", environ)

    return with_section


def _with_backend(keys: str) -> str:
    return f"version: 1\nbackends:\n  - {BACKEND}, {keys} }}\n"
