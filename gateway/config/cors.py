"""`cors`: which web pages may use the gateway from a browser."""

from datetime import timedelta
from typing import Annotated

from gateway.config.choices import Flag
from gateway.config.section import Lacking, Section
from gateway.config.units import Duration


class CorsConfig(Section):
    """Which web pages may use the gateway from a browser."""

    origins: Annotated[tuple[str, ...], Lacking()] = ()
    """Such as `https://viewer.example.org`, `https://*.example.org` or `http://localhost:3000`."""
    credentials: Flag = True
    """Whether they may send cookies and Authorization."""
    max_age: Duration = timedelta(hours=2)
    """How long a browser keeps the answer to a preflight."""
    cross_origin_isolation: Annotated[Flag, Lacking(False)] = False
    """Sends what a viewer needs for SharedArrayBuffer."""
