"""The Dockerfile keeps to the rules of its linter, and to ours."""

import re
import subprocess
import sys
from pathlib import Path

import gateway

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"


def _instructions() -> list[tuple[str, str]]:
    """(instruction, arguments), continuation lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(each.split()[0], each.split(None, 1)[1]) for each in joined.splitlines() if each]


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stdout) == (0, "")


def test_the_gateway_runs_as_a_numbered_user_who_is_not_root() -> None:
    users = [arguments for instruction, arguments in _instructions() if instruction == "USER"]

    assert users == ["65532:65532"]


def test_the_image_does_not_decide_who_may_use_it() -> None:
    set_by_it = " ".join(text for name, text in _instructions() if name in ("ENV", "CMD", "ARG"))

    assert "GATEWAY__SERVER__HOST=0.0.0.0" in set_by_it
    assert "AUTH" not in set_by_it.upper()


def test_the_image_is_labelled_with_the_version_of_the_gateway() -> None:
    assert ("ARG", f"VERSION={gateway.__version__}") in _instructions()


def test_only_hashed_packages_are_installed() -> None:
    installs = re.findall(
        r"install (?:(?!&&).)*", " ".join(text for name, text in _instructions() if name == "RUN")
    )

    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_what_the_image_copies_is_not_ignored() -> None:
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for name, text in _instructions()
        if name == "COPY" and not text.startswith("--from")
        for source in text.split()[:-1]
    }

    assert copied == kept
