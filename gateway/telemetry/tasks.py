"""The one place that starts a task outside of a TaskGroup."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

_log = logging.getLogger(__name__)


def spawn(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Run `coroutine` beside its caller; its failure is logged when it happens.

    The caller holds the task and cancels it in the end: asyncio itself keeps only weak references,
    and tells of a failure that nobody awaited when the task is collected, if at all.
    """
    task = asyncio.create_task(coroutine, name=name)  # noqa: TID251 - here alone
    task.add_done_callback(_tell)
    return task


@asynccontextmanager
async def beside(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> AsyncIterator[None]:
    """Run `work` for as long as this context lasts; it has ended when the context has."""
    task = spawn(work(), name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _tell(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        _log.error("The task %s failed", task.get_name(), exc_info=failure)
