"""Content codings: inflated once, in pieces of a bounded size, and never half of it."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest

from gateway.errors import StreamBroken
from gateway.net.content_coding import PIECE, decoded, is_identity, known

TEXT = b'[{"00080018":{"vr":"UI"}}]' * 4000


async def chunks_of(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, coding: str, size: int = 1000) -> bytes:
    return b"".join([chunk async for chunk in decoded(chunks_of(body, size), coding)])


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
async def test_gzip_is_inflated_however_it_is_cut(size: int) -> None:
    assert await read(gzip.compress(TEXT), "gzip", size) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", " gzip "])
async def test_the_name_of_a_coding_is_read_in_any_case(coding: str) -> None:
    assert known(coding)
    assert not is_identity(coding)
    assert await read(gzip.compress(TEXT), coding) == TEXT


async def test_deflate_is_zlib() -> None:
    assert await read(zlib.compress(TEXT), "deflate") == TEXT


async def test_identity_is_handed_on_as_it_is() -> None:
    for coding in ("", "identity", "Identity"):
        assert is_identity(coding)
        assert await read(gzip.compress(TEXT), coding) == gzip.compress(TEXT)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
def test_other_codings_are_not_known(coding: str) -> None:
    assert not known(coding)


async def chunks_cut_at(body: bytes, cut: int) -> AsyncIterator[bytes]:
    yield body[:cut]
    yield body[cut:]


@pytest.mark.parametrize(
    "between", [b"", b"\0" * 5], ids=["one behind the other", "with padding between them"]
)
async def test_several_gzip_members_are_one_body_wherever_it_is_cut(between: bytes) -> None:
    body = gzip.compress(b"[") + between + gzip.compress(b"1") + gzip.compress(b"]")
    for cut in range(len(body) + 1):
        chunks = decoded(chunks_cut_at(body, cut), "gzip")
        assert b"".join([chunk async for chunk in chunks]) == b"[1]", cut
    assert await read(body, "gzip", 1) == b"[1]"


@pytest.mark.parametrize(
    "behind",
    [b"\0" * 512, b"\0\0no member", b"\x1fno member", b"x" + gzip.compress(b"[]")],
    ids=["zeros", "text", "half a mark", "a member behind text"],
)
async def test_what_is_no_member_behind_the_last_one_is_dropped_wherever_it_is_cut(
    behind: bytes,
) -> None:
    member = gzip.compress(TEXT)
    for cut in range(len(member), len(member + behind) + 1):
        chunks = decoded(chunks_cut_at(member + behind, cut), "gzip")
        assert b"".join([chunk async for chunk in chunks]) == TEXT, cut


@pytest.mark.parametrize("kept", range(1, 20))
async def test_a_body_that_is_cut_in_its_second_member_is_broken(kept: int) -> None:
    with pytest.raises(StreamBroken):
        await read(gzip.compress(b"[") + gzip.compress(b"]")[:kept], "gzip")


async def test_a_bomb_comes_in_small_pieces() -> None:
    bomb = gzip.compress(b"\0" * (64 * PIECE))
    sizes = [len(piece) async for piece in decoded(chunks_of(bomb, 10**6), "gzip")]

    assert max(sizes) == PIECE
    assert sum(sizes) == 64 * PIECE


@pytest.mark.parametrize("cut", [1, 9, 12, 200])
async def test_a_body_that_is_cut_is_broken(cut: int) -> None:
    with pytest.raises(StreamBroken) as caught:
        await read(gzip.compress(TEXT)[:-cut], "gzip")

    assert caught.value.status == 502


async def test_a_damaged_body_is_broken() -> None:
    body = bytearray(gzip.compress(TEXT))
    body[40] ^= 0xFF
    with pytest.raises(StreamBroken):
        await read(bytes(body), "gzip")


async def test_a_body_that_was_never_compressed_is_broken_and_not_passed_on() -> None:
    with pytest.raises(StreamBroken):
        await read(b"[]", "gzip")


async def test_an_empty_body_is_empty() -> None:
    assert await read(b"", "gzip") == b""
