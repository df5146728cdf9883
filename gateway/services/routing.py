"""Which backend serves a request: the one that is named, or the first that lists the service."""

from collections.abc import Mapping

from gateway.backends.base import Backend
from gateway.dicom.operations import Operation
from gateway.errors import GatewayError, method_not_allowed, not_found, not_implemented

_READ_METHODS = ("GET", "HEAD")


class Routing:
    """The configured backends in their order, which is their precedence."""

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        self._backends = dict(backends)

    def resolve(self, operation: Operation, name: str | None) -> Backend:
        """The backend for it; 404 for an unknown name, 405 or 501 where none offers it."""
        candidates = self._backends.values() if name is None else (self._named(name),)
        for backend in candidates:
            if operation in backend.services:
                return backend
        raise _not_offered(operation)

    def _named(self, name: str) -> Backend:
        backend = self._backends.get(name)
        if backend is None:
            raise not_found("There is no backend of this name.")
        return backend


def _not_offered(operation: Operation) -> GatewayError:
    if operation in (Operation.SEARCH, Operation.RETRIEVE):
        return not_implemented(f"No archive behind this address offers {operation}.")
    return method_not_allowed(_READ_METHODS)
