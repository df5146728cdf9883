"""What has happened, for those who have to know: caches, outbox, webhooks."""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.dicom.resources import Resource

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InstanceStored:
    """A backend has taken an instance."""

    backend: str
    resource: Resource
    sop_class: str


@dataclass(frozen=True, slots=True)
class StudyChanged:
    """A study is no longer what it was: instances were added to it."""

    study: str


E = TypeVar("E", InstanceStored, StudyChanged)


class Events:
    """Tells each subscriber of a kind of event at once, in the order of their subscription.

    Subscribers are plain functions that return quickly. One that fails is logged and hurts
    neither the others nor the request that the event came from.
    """

    def __init__(self) -> None:
        self._subscribers: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)

    def subscribe(self, kind: type[E], subscriber: Callable[[E], None]) -> None:
        """Call `subscriber` with each event of this kind from now on."""
        self._subscribers[kind].append(subscriber)

    def publish(self, event: InstanceStored | StudyChanged) -> None:
        """Tell everybody who has subscribed to events of this kind."""
        for subscriber in self._subscribers[type(event)]:
            try:
                subscriber(event)
            except Exception:
                _log.exception("A subscriber to %s failed", type(event).__name__)
