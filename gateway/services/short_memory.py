"""A short memory of a yes or no about a search.

To find out whether a result is cut costs a request, or a row more than the client asked for,
which an archive may take as long for as for the page: what is asked again within seconds is not
found out again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Generic, TypeVar

_LIFETIME = timedelta(seconds=5)
_CAPACITY = 256

Question = TypeVar("Question")


class ShortMemory(Generic[Question]):
    """Bounded, and forgetful as the results of a search are short-lived."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: OrderedDict[Question, tuple[float, bool]] = OrderedDict()

    def recall(self, question: Question) -> bool | None:
        """None if the answer has to be found out."""
        until, answer = self._answers.get(question, (0.0, False))
        return answer if until > self._clock() else None

    def note(self, question: Question, *, answer: bool) -> None:
        """The answer has been found out just now."""
        self._answers[question] = (self._clock() + _LIFETIME.total_seconds(), answer)
        self._answers.move_to_end(question)
        if len(self._answers) > _CAPACITY:
            self._answers.popitem(last=False)
