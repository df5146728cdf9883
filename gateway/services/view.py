"""The seam for de-identification: a two-way map of UIDs and a transform on every output."""

from typing import Protocol

from gateway.dicom.resources import Dataset, Resource


class View(Protocol):
    """How a principal sees the archives; `key` is part of every cache key."""

    @property
    def key(self) -> str: ...

    def incoming(self, resource: Resource) -> Resource:
        """The archive's resource behind the one that the client named."""

    def outgoing(self, dataset: Dataset) -> Dataset:
        """The dataset as the client may see it."""


class IdentityView:
    """Everything as the archives have it."""

    key = "identity"

    def incoming(self, resource: Resource) -> Resource:
        return resource

    def outgoing(self, dataset: Dataset) -> Dataset:
        return dataset
