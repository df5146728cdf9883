"""The one place that chooses the event loop."""

import asyncio


def new_event_loop() -> asyncio.AbstractEventLoop:
    """asyncio's own, which streams bodies faster than uvloop does."""
    return asyncio.new_event_loop()
