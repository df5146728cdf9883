"""The seam for de-identification: a two-way map of UIDs and a transform on every output."""

from typing import Protocol

from gateway.dicom.resources import Dataset, Resource


class View(Protocol):
    """How a principal sees the archives; `key` is part of every cache key."""

    @property
    def key(self) -> str: ...

    def incoming(self, resource: Resource) -> Resource:
        """The archive's resource behind the one that the client named."""

    def shown(self, resource: Resource) -> Resource:
        """The way back of `incoming`: links name a resource as the client knows it."""

    def outgoing(self, dataset: Dataset) -> Dataset:
        """The dataset as the client may see it; the gateway's links in it stay as they are."""


class IdentityView:
    """Everything as the archives have it."""

    key = "identity"

    def incoming(self, resource: Resource) -> Resource:
        return resource

    def shown(self, resource: Resource) -> Resource:
        return resource

    def outgoing(self, dataset: Dataset) -> Dataset:
        return dataset
