"""Multipart answers: their form, their length, their boundary."""

import pytest

from gateway.dicom.media_types import MediaType
from gateway.services.representation import Representation, Retrieved
from gateway.web.boundaries import keyed_boundary, random_boundary
from gateway.web.multipart_body import retrieved_body
from tests.fakes.backend import each
from tests.fakes.calls import read

OCTETS = MediaType("application/octet-stream", (("transfer-syntax", "1.2.840.10008.1.2.1"),))


def representation(*chunks: bytes, length: int | None = None) -> Representation:
    return Representation(OCTETS, each(chunks), length, "https://gw/frames/1")


async def test_a_body_begins_with_its_delimiter_and_title_case_headers() -> None:
    retrieved = Retrieved(True, representation(b"one"), each([representation(b"two", b"!")]))
    body = retrieved_body(retrieved, "b")
    assert body.content_type == 'multipart/related; type="application/octet-stream"; boundary=b'
    head = (
        b"--b\r\nContent-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1\r\n"
        b"Content-Location: https://gw/frames/1\r\n\r\n"
    )
    whole = head + b"one\r\n" + head + b"two!\r\n--b--\r\n"
    assert await read(body.chunks) == whole
    assert body.length is None


@pytest.mark.parametrize("chunks", [(b"",), (), (b"abc", b"d")])
async def test_the_length_of_an_only_part_is_known_before_it_is_sent(
    chunks: tuple[bytes, ...],
) -> None:
    only = representation(*chunks, length=sum(map(len, chunks)))
    body = retrieved_body(Retrieved(True, only), "b")
    assert body.length == len(await read(body.chunks))


async def test_a_part_without_bytes_keeps_its_head() -> None:
    others = each([representation(b"two"), representation()])
    body = retrieved_body(Retrieved(True, representation(), others), "b")
    heads = (await read(body.chunks)).split(b"--b")
    assert [part.partition(b"\r\n\r\n")[2] for part in heads[1:-1]] == [
        b"\r\n",
        b"two\r\n",
        b"\r\n",
    ]


async def test_a_head_leaves_with_what_follows_it_and_nothing_large_is_copied() -> None:
    large = b"x" * (64 * 1024 + 1)
    others = each([representation(b"small")])
    body = retrieved_body(Retrieved(True, representation(large), others), "b")
    head, first, second, end = [piece async for piece in body.chunks]
    assert first is large
    assert head.endswith(b"\r\n\r\n")
    assert second.endswith(b"\r\n\r\nsmall")
    assert end == b"\r\n--b--\r\n"


async def test_bytes_never_wait_for_what_the_archive_has_yet_to_send() -> None:
    only = representation(b"one", b"two", b"three", length=12)
    two = Retrieved(True, representation(b"one", b"two"), each([representation(b"three")]))
    for retrieved in (Retrieved(True, only, each([])), two):
        body = retrieved_body(retrieved, "b")
        ends = [piece[-5:] async for piece in body.chunks]
        assert ends == [b"\r\none", b"two", b"three", b"b--\r\n"]


async def test_the_last_bytes_of_a_known_length_leave_with_the_end() -> None:
    only = representation(b"one", b"two", length=6)
    body = retrieved_body(Retrieved(True, only), "b")
    first, last = [piece async for piece in body.chunks]
    assert first.endswith(b"\r\n\r\none")
    assert last == b"two\r\n--b--\r\n"


async def test_a_single_part_is_the_representation_itself() -> None:
    body = retrieved_body(Retrieved(False, representation(b"one", length=3)), "b")
    assert (body.content_type, body.length) == (str(OCTETS), 3)
    assert body.headers == {"Content-Location": "https://gw/frames/1"}
    assert await read(body.chunks) == b"one"


def test_a_keyed_boundary_is_stable_and_differs_by_secret_and_representation() -> None:
    boundary = keyed_boundary(b"secret", "frames/1")
    assert boundary == keyed_boundary(b"secret", "frames/1")
    assert (
        len({boundary, keyed_boundary(b"other", "frames/1"), keyed_boundary(b"secret", "2")}) == 3
    )


def test_every_byte_of_a_long_secret_counts() -> None:
    assert keyed_boundary(b"s" * 200 + b"a", "x") != keyed_boundary(b"s" * 200 + b"b", "x")


def test_boundaries_are_short_tokens_that_never_repeat() -> None:
    boundaries = {random_boundary() for _ in range(100)} | {keyed_boundary(b"s", "x")}
    assert len(boundaries) == 101
    assert all(len(each) == 40 and each.isalnum() for each in boundaries)
