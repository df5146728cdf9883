"""Parts of an answer, as archives write them (field failures 1, 5, 9, 11, 15)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest

from gateway.backends.answer_parts import exactly, label, parts_of
from gateway.backends.base import Part
from gateway.dicom.media_types import MediaType
from gateway.errors import StreamBroken

TYPE = 'multipart/related; type="application/dicom"'
JPEG_LS = "1.2.840.10008.1.2.4.80"


@dataclass
class CannedAnswer:
    headers: Mapping[str, str]
    pieces: list[bytes] = field(default_factory=list)
    status: int = 200
    url: str = ""

    @property
    def length(self) -> int | None:
        said = self.headers.get("content-length")
        return None if said is None else int(said)

    async def read(self, limit: int) -> bytes:
        return b"".join(self.pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


def answer(content_type: str, *pieces: bytes, status: int = 200, **headers: str) -> CannedAnswer:
    others = {name.replace("_", "-"): value for name, value in headers.items()}
    return CannedAnswer({"content-type": content_type, **others}, list(pieces), status)


async def read(answer: CannedAnswer) -> list[tuple[str, bytes]]:
    return [
        (str(part.media_type), b"".join([chunk async for chunk in part.chunks]))
        async for part in parts_of(answer)
    ]


def body(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    whole = b"".join(
        f"--{boundary}\r\n{head}\r\n".encode() + payload + b"\r\n" for head, payload in parts
    )
    return whole + f"--{boundary}--\r\n".encode()


ONE_AND_TWO = [("application/dicom", b"one"), ("application/dicom", b"two")]
DICOM = "Content-Type: application/dicom\r\n"


@pytest.mark.parametrize("quoted", [True, False])
async def test_the_quotes_of_a_boundary_are_not_part_of_it(quoted: bool) -> None:
    boundary = '"myBoundary:1"' if quoted else "myBoundary:1"
    whole = body("myBoundary:1", (DICOM, b"one"), (DICOM, b"two"))

    assert await read(answer(f"{TYPE}; boundary={boundary}", whole)) == ONE_AND_TWO


async def test_a_preamble_full_heads_and_no_last_line_end_are_taken() -> None:
    head = "content-TYPE: application/dicom\r\nContent-Length: 3\r\nMIME-Version: 1.0\r\n"
    whole = b"\r\nsome text\r\n" + body("b", (head, b"one"), (head, b"two"))

    assert await read(answer(f"{TYPE}; boundary=b", whole.removesuffix(b"\r\n"))) == ONE_AND_TWO


async def test_a_part_says_its_length_and_place() -> None:
    head = DICOM + "Content-Length: 3\r\nContent-Location: http://inner/frames/1\r\n"
    parts = parts_of(answer(f"{TYPE}; boundary=b", body("b", (head, b"one"))))
    part = await anext(parts)

    assert (part.length, part.location) == (3, "http://inner/frames/1")
    await parts.aclose()


async def test_a_single_part_is_one_part() -> None:
    bare = answer("application/dicom", b"DI", b"CM", content_length="4", content_location="/x")
    (part,) = [part async for part in parts_of(bare)]

    assert (part.media_type, part.length, part.location) == (
        MediaType("application/dicom"),
        4,
        "/x",
    )
    assert [chunk async for chunk in part.chunks] == [b"DI", b"CM"]


@pytest.mark.parametrize(
    "empty",
    [
        answer("application/dicom", status=204),
        answer("application/dicom", content_length="0"),
        answer(f"{TYPE}; boundary=b", b"--b--\r\n"),
    ],
    ids=["204", "no bytes", "no parts"],
)
async def test_an_answer_without_anything_has_no_parts(empty: CannedAnswer) -> None:
    assert await read(empty) == []


@pytest.mark.parametrize("content_type", [TYPE, f"{TYPE}; boundary=", f'{TYPE}; boundary=""'])
async def test_a_multipart_answer_without_a_boundary_is_broken(content_type: str) -> None:
    with pytest.raises(StreamBroken):
        await read(answer(content_type, body("b", (DICOM, b"one"))))


@pytest.mark.parametrize(
    "whole",
    [
        body("b", (DICOM, b"one"), (DICOM, b"two")).removesuffix(b"--b--\r\n"),
        b"--b\r\n" + DICOM.encode(),
        b"no delimiter at all",
        b"",
    ],
    ids=["no-end", "in-head", "no-delimiter", "empty"],
)
async def test_a_multipart_answer_that_is_cut_is_broken(whole: bytes) -> None:
    with pytest.raises(StreamBroken) as caught:
        await read(answer(f"{TYPE}; boundary=b", whole))

    assert caught.value.status == 502


async def test_an_answer_whose_type_cannot_be_read_is_octets() -> None:
    assert await read(answer("nonsense", b"x")) == [("application/octet-stream", b"x")]


# -- labels


@pytest.mark.parametrize(
    ("own", "whole", "expected"),
    [
        (
            f"image/jls; transfer-syntax={JPEG_LS}",
            'multipart/related; type="image/jls"',
            f"image/jls; transfer-syntax={JPEG_LS}",
        ),
        (
            "image/jls",
            f'multipart/related; type="image/jls; transfer-syntax={JPEG_LS}"',
            f"image/jls; transfer-syntax={JPEG_LS}",
        ),
        (
            "image/jls; transfer-syntax=*",
            'multipart/related; type="image/jls"; transfer-syntax=*',
            "image/jls",
        ),
        (
            "application/octet-stream; transfer-syntax=*",
            f"multipart/related; transfer-syntax={JPEG_LS}",
            f"application/octet-stream; transfer-syntax={JPEG_LS}",
        ),
        (
            f"image/jls; transfer-syntax={JPEG_LS}",
            "multipart/related; transfer-syntax=1.2.840.10008.1.2.4.90",
            f"image/jls; transfer-syntax={JPEG_LS}",
        ),
        (
            "image/jls",
            f"multipart/related; transfer-syntax={JPEG_LS}; transfer-syntax=1.2.840.10008.1.2.1",
            "image/jls",
        ),
        (
            "image/jls; transfer-syntax=nonsense; charset=x",
            "multipart/related",
            "image/jls; charset=x",
        ),
        (
            f'image/jls; transfer-syntax="{JPEG_LS}"',
            "multipart/related",
            f"image/jls; transfer-syntax={JPEG_LS}",
        ),
    ],
)
def test_a_part_is_labelled_with_its_own_concrete_syntax(
    own: str, whole: str, expected: str
) -> None:
    assert str(label(MediaType.parse(own), MediaType.parse(whole))) == expected


async def test_a_part_without_a_type_has_that_of_the_whole() -> None:
    content_type = f'multipart/related; type="image/jls; transfer-syntax={JPEG_LS}"; boundary=b'

    assert await read(answer(content_type, body("b", ("X: y\r\n", b"one")))) == [
        (f"image/jls; transfer-syntax={JPEG_LS}", b"one")
    ]


# -- counts


async def parts(*payloads: list[bytes]) -> AsyncIterator[Part]:
    for pieces in payloads:
        yield Part(MediaType("a/b"), each(pieces))


async def each(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def counted(count: int, *payloads: list[bytes]) -> list[bytes]:
    seen: list[bytes] = []
    async for part in exactly(count, parts(*payloads)):
        async for chunk in part.chunks:
            seen.append(chunk)  # noqa: PERF401 - what came before a failure is looked at
    return seen


async def test_as_many_parts_as_expected_pass() -> None:
    assert await counted(2, [b"1", b"2"], [b"3", b"4"]) == [b"1", b"2", b"3", b"4"]
    assert await counted(1, []) == []


@pytest.mark.parametrize("payloads", [[], [[b"1"]]])
async def test_too_few_parts_are_broken(payloads: list[list[bytes]]) -> None:
    with pytest.raises(StreamBroken):
        await counted(2, *payloads)


async def test_one_part_too_many_is_seen_before_the_last_chunk_has_left() -> None:
    part = await anext(exactly(1, parts([b"1", b"2"], [b"3"])))

    assert await anext(part.chunks) == b"1"
    with pytest.raises(StreamBroken):
        await anext(part.chunks)


async def test_the_rest_of_a_body_is_read_although_nobody_asks_for_another_part() -> None:
    ended: list[bool] = []

    async def watched() -> AsyncIterator[Part]:
        yield Part(MediaType("a/b"), each([b"1"]))
        ended.append(True)

    found = exactly(1, watched())
    part = await anext(found)
    assert [chunk async for chunk in part.chunks] == [b"1"]
    assert ended == [True]
