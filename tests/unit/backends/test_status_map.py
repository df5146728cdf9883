"""What an archive's status means to the client: never 200, and never the inside of the gateway."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.backends.status_map import is_away, read_retry_after, refusal, silence
from gateway.errors import BackendError, BackendNotFound, BackendRefused
from gateway.net.failures import Trouble

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def mapped(status: int, *, forwards: bool = False, retry_after: str | None = None) -> BackendError:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return refusal(status, headers, "pacs", forwards=forwards, now=NOW)


@pytest.mark.parametrize(
    ("upstream", "status", "category"),
    [
        *((300, 502, "redirected"), (302, 502, "redirected"), (304, 502, "redirected")),
        *((400, 400, "backend_refused"), (406, 406, "backend_refused")),
        *((415, 415, "backend_refused"), (422, 422, "backend_refused")),
        *((401, 502, "backend_credentials"), (403, 502, "backend_credentials")),
        *((404, 404, "not_found"), (410, 404, "not_found")),
        *((405, 502, "backend_answer"), (409, 502, "backend_answer"), (418, 502, "backend_answer")),
        *((408, 504, "timeout"), (413, 413, "too_large"), (429, 503, "backend_busy")),
        *((500, 502, "backend_failed"), (501, 501, "backend_refused")),
        *((502, 502, "unreachable"), (503, 503, "backend_busy"), (504, 504, "timeout")),
        *((507, 502, "backend_failed"), (599, 502, "backend_failed"), (101, 502, "backend_answer")),
    ],
)
def test_every_status_has_a_meaning(upstream: int, status: int, category: str) -> None:
    error = mapped(upstream)

    assert (error.status, error.category) == (status, category)
    assert (error.backend, error.upstream_status) == ("pacs", upstream)


def test_what_may_be_asked_otherwise_is_of_its_own_kind() -> None:
    kinds = {status: type(mapped(status)) for status in range(100, 600)}

    assert {s for s, kind in kinds.items() if kind is BackendRefused} == {400, 406, 415, 422, 501}
    assert {s for s, kind in kinds.items() if kind is BackendNotFound} == {404, 410}


def test_credentials_of_the_caller_are_the_callers_to_mend() -> None:
    unauthorised, forbidden = mapped(401, forwards=True), mapped(403, forwards=True)

    assert (unauthorised.status, forbidden.status) == (401, 403)
    assert unauthorised.headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *(("7", 7), (" 7 ", 7), ("0", 5), ("86400", 300)),
        *(("Thu, 01 Jan 2026 00:01:00 GMT", 60), ("Thu, 01 Jan 2026 00:01:00 -0000", 60)),
        *(("Wed, 31 Dec 2025 00:00:00 GMT", 1), ("Fri, 01 Jan 2027 00:00:00 GMT", 300)),
        *(("soon", 5), ("-1", 5), ("1.5", 5), ("", 5)),
    ],
)
def test_a_busy_archive_says_when_to_come_back_within_reason(header: str, seconds: int) -> None:
    assert mapped(503, retry_after=header).retry_after == timedelta(seconds=seconds)


def test_a_busy_archive_that_says_nothing_is_left_alone_for_a_moment() -> None:
    assert read_retry_after(None, NOW) is None
    assert mapped(429).retry_after == timedelta(seconds=5)
    assert mapped(500).retry_after is None


def test_only_an_archive_that_is_not_there_is_away() -> None:
    assert [s for s in range(100, 600) if is_away(s, {})] == [502, 503, 504]
    assert not is_away(503, {"retry-after": "1"})


@pytest.mark.parametrize("trouble", list(Trouble))
def test_silence_is_502_or_if_it_took_too_long_504(trouble: Trouble) -> None:
    error = silence(trouble, "pacs")

    took_too_long = trouble in (Trouble.CONNECT_TIMEOUT, Trouble.SLOW, Trouble.STALLED)
    assert error.status == (504 if took_too_long else 502)
    assert (error.backend, error.upstream_status) == ("pacs", None)
