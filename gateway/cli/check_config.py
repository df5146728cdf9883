"""`check-config`: every problem of a configuration at once, before anything starts."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from gateway.config.load import DEFAULT_PATH
from gateway.config.report import report_on

HELP = "say whether a configuration is valid, or all that is wrong with it"


def add_arguments(parser: ArgumentParser) -> None:
    """The file, as an argument or as `--config`, like `serve`."""
    one = parser.add_mutually_exclusive_group()
    one.add_argument("file", type=Path, nargs="?", metavar="FILE", help=f"else {DEFAULT_PATH}")
    one.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help="the same")


def run(arguments: Namespace) -> int:
    """Print the report: 0 for a valid file, 1 for another."""
    report = report_on(arguments.file or arguments.config, os.environ)
    print(*report.lines, sep="\n", file=sys.stdout if report.valid else sys.stderr)
    return 0 if report.valid else 1
