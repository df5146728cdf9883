"""`search`: what holds for the answer merged of all backends."""

from gateway.config.choices import Flag
from gateway.config.section import Section
from gateway.config.units import Count


class SearchConfig(Section):
    """What holds for every answer to a search."""

    max_results: Count = 10000
    """The most rows of one answer; a cut is said with Warning 299."""
    strict: Flag = False
    """true: a missing backend makes 504 instead of a partial answer."""
