"""Libraries that only some archives need: extras of the distribution."""

import importlib
from types import ModuleType

from gateway.errors import ConfigProblems


def load(module: str, extra: str, wanted_by: str) -> ModuleType:
    """A module of an extra. ConfigProblems, with the remedy, if the extra is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise ConfigProblems(
            (f'{wanted_by}: needs a library: pip install "dicomweb-gateway[{extra}]"',)
        ) from None
