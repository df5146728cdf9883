"""The verbs say what they are, and what is missing, before they do anything."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=clean | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _python_that_says(folder: Path, version: str, *, venv: bool = True) -> str:
    """A program that answers what scripts/find-python asks of a Python."""
    program = folder / f"python-{version}"
    program.write_text(
        f'#!/bin/sh\ncase "$2" in\n*version_info*) echo {version} ;;\n'
        f"*ensurepip*) exit {0 if venv else 1} ;;\n*executable*) echo chosen ;;\nesac\n"
    )
    program.chmod(0o755)
    return str(program)


def test_make_alone_lists_every_verb() -> None:
    listed = {line.split()[1] for line in _run("make").stdout.splitlines()}

    assert listed >= {
        *("run", "test", "check", "bench", "e2e"),
        *("docs", "image", "chart", "lock", "clean"),
    }


def test_run_without_an_archive_names_the_next_step() -> None:
    told = _run("make", "run")

    assert told.returncode == 2
    assert "make run BACKEND=http://host:8042/dicom-web" in told.stderr


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_python_that_is_supported_is_chosen(tmp_path: Path, version: str) -> None:
    found = _run("scripts/find-python", _python_that_says(tmp_path, version))

    assert (found.returncode, found.stdout.strip()) == (0, "chosen")


@pytest.mark.parametrize("version", ["3.10", "3.14", "2.7"])
def test_another_python_is_refused_by_its_version(tmp_path: Path, version: str) -> None:
    found = _run("scripts/find-python", _python_that_says(tmp_path, version))

    assert (found.returncode, found.stdout) == (1, "")
    assert f"is {version}" in found.stderr
    assert "make PYTHON=" in found.stderr


def test_a_python_without_venv_names_the_package_that_brings_it(tmp_path: Path) -> None:
    found = _run("scripts/find-python", _python_that_says(tmp_path, "3.12", venv=False))

    assert found.returncode == 1
    assert "apt install python3.12-venv" in found.stderr


def test_the_python_of_these_tests_is_found() -> None:
    found = _run("scripts/find-python", sys.executable)

    assert found.stdout.strip() == sys.executable


def test_what_cannot_be_installed_is_told_in_one_line_and_named_for_pytest(tmp_path: Path) -> None:
    for name in ("bash", "env", "id", "tr"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")

    told = _run("scripts/install-servers", "no-such-server", PATH=str(tmp_path))

    assert told.returncode == 0
    assert told.stdout == "no-such-server\n"
    assert len(told.stderr.splitlines()) == 1
    assert "sudo apt install no-such-server" in told.stderr


def test_nothing_is_said_where_nothing_is_missing() -> None:
    told = _run("scripts/install-servers", "env")

    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
