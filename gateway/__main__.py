"""The command line: `dicomweb-gateway COMMAND`, or `python -m gateway COMMAND`."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Protocol

from gateway import __version__
from gateway.cli import check_config, config_docs, config_schema, healthcheck, serve
from gateway.errors import ConfigProblems


class Command(Protocol):
    """One file of `gateway.cli`."""

    HELP: str

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, arguments: Namespace) -> int:
        """The exit code. ConfigProblems are printed by the caller."""


COMMANDS: tuple[tuple[str, Command], ...] = (
    ("serve", serve),
    ("healthcheck", healthcheck),
    ("check-config", check_config),
    ("config-docs", config_docs),
    ("config-schema", config_schema),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for a failure, 2 for wrong arguments."""
    arguments = _parser().parse_args(argv)
    command: Command = arguments.command
    try:
        return command.run(arguments)
    except ConfigProblems as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return 1


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="dicomweb-gateway",
        description="One clean DICOMweb origin in front of the PACS you already have.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS:
        subparser = commands.add_parser(name, help=command.HELP, description=command.__doc__)
        command.add_arguments(subparser)
        subparser.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
