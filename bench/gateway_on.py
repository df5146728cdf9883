"""The gateway's own command, on an event loop of one's choice.

python -m bench.gateway_on asyncio|uvloop serve ...
"""

import asyncio
import sys
from importlib import import_module

from gateway.__main__ import main

if __name__ == "__main__":
    if sys.argv.pop(1) == "uvloop":
        # gateway.serving.loops asks asyncio for a loop, and asyncio asks this.
        asyncio.set_event_loop_policy(import_module("uvloop").EventLoopPolicy())
    sys.exit(main())
