"""`config-schema`: the JSON Schema of gateway.yaml on standard output, for editors."""

import json
from argparse import ArgumentParser, Namespace

from gateway.config.schema import json_schema

HELP = "print the JSON Schema of the configuration"


def add_arguments(parser: ArgumentParser) -> None:
    """None."""


def run(arguments: Namespace) -> int:
    """Print the schema."""
    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0
