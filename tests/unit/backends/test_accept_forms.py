"""The forms that archives are asked in, and how one that is refused is left for the next."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.backends.accept_forms import FORMS, first_taken
from gateway.backends.capabilities import PROOF, Learned
from gateway.dicom.media_types import MediaType, parse_accept
from gateway.errors import BackendError, BackendRefused

FRAME = FORMS["frame"]


@dataclass
class FakeAnswer:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    length: int | None = None

    async def read(self, limit: int) -> bytes:
        return b""

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b""


class Archive:
    """Takes some forms and answers the others with a status."""

    def __init__(self, takes: frozenset[str], status: int = 406) -> None:
        self._takes = takes
        self._status = status
        self.asked: list[str] = []
        self.open = 0

    @asynccontextmanager
    async def ask(self, accept: str) -> AsyncIterator[FakeAnswer]:
        self.asked.append(accept)
        if accept not in self._takes:
            kind = BackendRefused if self._status in (400, 406, 501) else BackendError
            raise kind(self._status, "no", "backend", backend="pacs", upstream_status=self._status)
        self.open += 1
        try:
            yield FakeAnswer()
        finally:
            self.open -= 1


async def take(archive: Archive, learned: Learned, operation: str = "frame") -> None:
    async with first_taken(operation, archive.ask, learned):
        assert archive.open == 1
    assert archive.open == 0


async def test_the_best_form_that_is_taken_is_the_answer() -> None:
    archive = Archive(frozenset(FRAME[2:]))
    await take(archive, Learned())

    assert archive.asked == list(FRAME[:3])


async def test_a_form_that_an_archive_does_not_know_is_asked_last_from_then_on() -> None:
    archive, learned = Archive(frozenset({FORMS["metadata"][1]})), Learned()
    for _ in range(PROOF):
        await take(archive, learned, "metadata")
    archive.asked.clear()
    await take(archive, learned, "metadata")

    assert archive.asked == [FORMS["metadata"][1]]


@pytest.mark.parametrize("operation", sorted(FORMS.keys() - {"metadata"}))
async def test_what_is_stored_is_asked_for_first_whatever_odd_instances_were_refused(
    operation: str,
) -> None:
    forms, learned = FORMS[operation], Learned()
    odd = Archive(frozenset(forms[-2:]))
    for _ in range(2 * PROOF):
        await take(odd, learned, operation)
    archive = Archive(frozenset(forms))
    await take(archive, learned, operation)

    assert archive.asked == [forms[0]]
    assert forms[0].endswith("; transfer-syntax=*")


async def test_each_form_for_what_is_stored_is_asked_before_any_other() -> None:
    """It is the second here, and odd instances that are given in neither came first."""
    learned = Learned()
    for _ in range(2 * PROOF):
        await take(Archive(frozenset(FRAME[2:])), learned)
    archive = Archive(frozenset(FRAME[1:]))
    await take(archive, learned)

    assert archive.asked == [FRAME[0], FRAME[1]]


async def test_of_the_forms_for_what_is_stored_the_one_that_is_known_comes_first() -> None:
    learned = Learned()
    for _ in range(PROOF):
        await take(Archive(frozenset({FRAME[1]})), learned)
    archive = Archive(frozenset(FRAME))
    await take(archive, learned)

    assert archive.asked == [FRAME[1]]


async def test_a_form_that_was_taken_once_stays_the_first_whatever_an_odd_instance_does() -> None:
    learned = Learned()
    await take(Archive(frozenset(FRAME)), learned)
    for _ in range(2 * PROOF):
        await take(Archive(frozenset({FRAME[1]})), learned)
    archive = Archive(frozenset(FRAME))
    await take(archive, learned)

    assert archive.asked == [FRAME[0]]


async def test_an_archive_that_learns_a_form_is_understood() -> None:
    learned = Learned()
    for _ in range(PROOF):
        await take(Archive(frozenset({FRAME[2]})), learned)
    await take(Archive(frozenset({FRAME[0]})), learned)
    archive = Archive(frozenset(FRAME))
    await take(archive, learned)

    assert archive.asked == [FRAME[0]]


async def test_each_operation_learns_for_itself() -> None:
    learned = Learned()
    for _ in range(PROOF):
        await take(Archive(frozenset({FRAME[2]})), learned)
    archive = Archive(frozenset({FORMS["instance"][0]}))
    await take(archive, learned, "instance")

    assert archive.asked == [FORMS["instance"][0]]


async def test_what_is_refused_in_every_form_teaches_nothing() -> None:
    learned = Learned()
    for _ in range(PROOF):
        with pytest.raises(BackendRefused):
            await take(Archive(frozenset()), learned)
    archive = Archive(frozenset({FRAME[1]}))
    await take(archive, learned)

    assert archive.asked == list(FRAME[:2])


@pytest.mark.parametrize(("upstream", "status"), [(400, 502), (406, 502), (501, 501)])
async def test_an_archive_that_refuses_all_is_not_the_clients_fault(
    upstream: int, status: int
) -> None:
    archive, learned = Archive(frozenset(), upstream), Learned()
    with pytest.raises(BackendRefused) as caught:
        await take(archive, learned)

    assert archive.asked == list(FRAME)
    assert (caught.value.status, caught.value.upstream_status) == (status, upstream)


async def test_an_error_that_is_no_refusal_ends_it() -> None:
    archive = Archive(frozenset(), 500)
    with pytest.raises(BackendError):
        await take(archive, Learned())

    assert archive.asked == [FRAME[0]]


@pytest.mark.parametrize("operation", sorted(FORMS))
def test_each_form_is_a_proper_accept_value_and_asks_for_nothing_to_be_made(operation: str) -> None:
    for form in FORMS[operation]:
        (member,) = parse_accept(form, None)
        assert str(member.media_type) == form
        assert member.media_type.get("transfer-syntax") in (None, "*")


def test_an_instances_files_are_asked_as_stored_and_never_by_a_syntax() -> None:
    first = MediaType.parse(FORMS["instance"][0])

    assert first.get("type") == "application/dicom"
    assert first.get("transfer-syntax") == "*"
