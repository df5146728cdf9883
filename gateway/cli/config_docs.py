"""`config-docs`: docs/configuration.md on standard output, or whether a file is up to date."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from gateway.config.docs import configuration_docs

HELP = "print docs/configuration.md"


def add_arguments(parser: ArgumentParser) -> None:
    """`--check FILE` prints nothing else and compares."""
    parser.add_argument("--check", type=Path, metavar="FILE", help="exit 1 if FILE differs")


def run(arguments: Namespace) -> int:
    """Print the page, or compare it: 1 if the file is another or is not there."""
    page, file = configuration_docs(), arguments.check
    if file is None:
        print(page, end="")
        return 0
    if file.is_file() and file.read_text(encoding="utf-8") == page:
        return 0
    print(f"{file} is out of date: dicomweb-gateway config-docs > {file}", file=sys.stderr)
    return 1
