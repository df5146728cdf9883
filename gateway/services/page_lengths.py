"""Whether a short page was the last one, or the most that an archive gives at once."""

_NEVER_A_CAP = 9
"""Rows; no archive is known that gives no more than these at once."""


class PageLengths:
    """What the pages of one backend, at one level, have shown.

    An archive may cap a page without saying so. A page shorter than one seen before was not cut;
    only a page of a new greatest length has to be followed to find out.
    """

    def __init__(self) -> None:
        self._whole = _NEVER_A_CAP
        self._cap: int | None = None

    def may_be_cut(self, length: int) -> bool:
        """True unless a page of this length, shorter than asked for, is known to be the last."""
        return length > self._whole or length == self._cap

    def saw(self, length: int) -> None:
        """A page of this length came: what is shorter was not cut."""
        self._whole = max(self._whole, length - 1)

    def followed(self, length: int, *, by_more: bool) -> None:
        """After a page of this length came another with rows, or none."""
        if by_more:
            self._cap = length
        else:
            self._whole = max(self._whole, length)
