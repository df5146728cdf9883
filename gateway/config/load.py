"""A file and the environment become a Config, or all that is wrong with them is told at once."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from gateway.config.checks import CHECKS, is_unexpanded
from gateway.config.document import Document, Problem
from gateway.config.model import Config
from gateway.config.overrides import apply_overrides
from gateway.config.problems import explain, show
from gateway.config.secrets import ENVIRON
from gateway.config.yaml_text import MAX_BYTES, read_yaml
from gateway.errors import ConfigProblems

DEFAULT_PATH = Path("gateway.yaml")


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration of a file, with the overrides and secrets of an environment.

    Raises ConfigProblems with a line for each problem.
    """
    return build_config(read_document(path, environ), environ)


def read_document(path: Path, environ: Mapping[str, str]) -> Document:
    """What the file and the overrides say, not yet judged. Raises ConfigProblems."""
    document = read_yaml(_text(path))
    if not document.readable:
        raise ConfigProblems(_lines(document.problems, document))
    apply_overrides(document, environ)
    return document


def build_config(document: Document, environ: Mapping[str, str]) -> Config:
    """Judge a document. Raises ConfigProblems."""
    problems = [*document.problems, *(each for check in CHECKS for each in check(document))]
    config, found = _validated(document, environ)
    problems += [each for each in found if not is_unexpanded(document.get(each.path))]
    if problems or config is None:
        raise ConfigProblems(_lines(problems, document))
    return config


def _validated(
    document: Document, environ: Mapping[str, str]
) -> tuple[Config | None, list[Problem]]:
    try:
        return Config.model_validate(document.data, context={ENVIRON: environ}), []
    except ValidationError as error:
        return None, explain(Config, error, document)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigProblems((f"{path} does not exist: name the file with --config",)) from None
    except OSError as error:
        raise ConfigProblems((f"{path} cannot be read: {error.strerror}",)) from None
    if len(content) > MAX_BYTES:
        limit = f"{MAX_BYTES // 1024} KiB"
        raise ConfigProblems((f"{path} is over {limit}: is it the right file?",))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte {error.start}"
        raise ConfigProblems((f"{path} is not UTF-8 text at {where}: save it as UTF-8",)) from None


def _lines(problems: list[Problem], document: Document) -> tuple[str, ...]:
    """In the order of the file; what the environment gave comes first."""
    ordered = sorted(problems, key=lambda each: each.place or document.place(each.path))
    return tuple(show(each, document) for each in ordered)
