"""The one place that starts a task outside of a TaskGroup.

asyncio keeps only weak references to tasks, and a failure that nobody awaits is told at garbage
collection, if at all. `spawn` keeps the task until it ends and logs its failure at once.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)
_running: set[asyncio.Task[Any]] = set()


def spawn(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Run `coroutine` beside its caller, who cancels it or lets it end; a failure is logged."""
    task = asyncio.create_task(coroutine, name=name)  # noqa: TID251
    _running.add(task)
    task.add_done_callback(_settle)
    return task


def _settle(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and (failure := task.exception()) is not None:
        _log.error("The task %s failed", task.get_name(), exc_info=failure)
