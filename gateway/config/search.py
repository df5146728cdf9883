"""`search`: what holds for the answer merged of all backends."""

from typing import Annotated

from gateway.config.choices import Flag
from gateway.config.section import Idle, Section
from gateway.config.units import Count


class SearchConfig(Section):
    """What holds for every answer to a search."""

    max_results: Count = 10000
    """The most rows of one answer; a cut is said with Warning 299."""
    strict: Annotated[Flag, Idle()] = False
    """true: a missing backend makes 504 instead of a partial answer."""
