"""The operations that a backend offers and a rule grants."""

from enum import StrEnum


class Operation(StrEnum):
    """A backend's services (PS3.18 10 and 11), and the gateway's own `admin`."""

    SEARCH = "search"
    RETRIEVE = "retrieve"
    STORE = "store"
    DELETE = "delete"
    WORKLIST = "worklist"
    ADMIN = "admin"
