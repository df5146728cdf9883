"""The short memory of a yes or no."""

from gateway.services.short_memory import ShortMemory
from tests.fakes.clock import Clock


def test_an_answer_is_remembered_for_seconds() -> None:
    clock = Clock()
    memory = ShortMemory[str](clock)
    memory.note("yes", answer=True)
    memory.note("no", answer=False)

    assert [memory.recall(question) for question in ("yes", "no", "other")] == [True, False, None]
    clock.now += 4.9
    assert memory.recall("yes") is True
    clock.now += 0.2
    assert [memory.recall(question) for question in ("yes", "no")] == [None, None]


def test_the_oldest_answer_is_forgotten_before_the_memory_grows() -> None:
    memory = ShortMemory[int](Clock())
    for question in range(256):
        memory.note(question, answer=True)
    memory.note(0, answer=True)
    memory.note(256, answer=True)

    assert memory.recall(0) is True
    assert memory.recall(1) is None
