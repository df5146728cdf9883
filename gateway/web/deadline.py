"""The longest that a request may go without progress."""


class Deadline:
    """Restarts while bytes flow; a request that stands still for too long is ended.

    Bytes that reach or leave the client count by themselves. `extend` is for progress that the
    client does not see yet, such as a backend's rows that are still being merged.
    """

    __slots__ = ("_moved",)

    def __init__(self) -> None:
        self._moved = False

    def extend(self) -> None:
        """Something moved. Cheap enough to be called for each chunk."""
        self._moved = True
