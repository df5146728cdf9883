"""The one place that chooses the event loop."""

import asyncio


def new_event_loop() -> asyncio.AbstractEventLoop:
    """asyncio's own: uvloop answers no more frames or searches a second, as measured in bench/."""
    return asyncio.new_event_loop()
