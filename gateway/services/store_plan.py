"""Where an instance is stored: a list of targets, even while there is only one."""

from dataclasses import dataclass

from gateway.backends.base import Backend


@dataclass(frozen=True, slots=True)
class StoreTarget:
    """A backend that takes instances, and how many of them it likes in one request."""

    backend: Backend
    batch: int


@dataclass(frozen=True, slots=True)
class StorePlan:
    """The targets of an instance. What the primary says of it is what the client is told."""

    primary: StoreTarget
    others: tuple[StoreTarget, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The backends' names, the primary's first."""
        return tuple(target.backend.name for target in (self.primary, *self.others))
