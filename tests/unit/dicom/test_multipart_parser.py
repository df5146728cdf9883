"""Multipart bodies as archives and clients really write them, in pieces of any size."""

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dicom.multipart import body_length, closing, part_head
from gateway.dicom.multipart_parser import (
    Event,
    MultipartError,
    MultipartParser,
    PartBegin,
    PartData,
    PartEnd,
)

Parts = list[tuple[dict[str, str], bytes]]

BOUNDARIES = st.text(
    alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=70
)


def parse(body: bytes, boundary: str = "b", size: int | None = None) -> Parts:
    """All parts of a body that is fed in chunks of `size` bytes, or whole."""
    return collect(boundary, cut(body, [size or max(len(body), 1)] * len(body)))


def collect(boundary: str, chunks: Iterable[bytes]) -> Parts:
    parser = MultipartParser(boundary)
    events: list[Event] = []
    for chunk in chunks:
        events += parser.feed(chunk)
    return assemble(events + parser.close())


def assemble(events: list[Event]) -> Parts:
    """The parts that events tell of; their order is checked on the way."""
    parts: Parts = []
    is_open = False
    for event in events:
        if isinstance(event, PartBegin):
            assert not is_open
            parts.append((dict(event.headers), b""))
        elif isinstance(event, PartData):
            assert is_open
            assert event.data
            headers, payload = parts.pop()
            parts.append((headers, payload + event.data))
        is_open = not isinstance(event, PartEnd)
    assert not is_open
    return parts


def cut(body: bytes, sizes: Iterable[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(body[:size])
        body = body[size:]
    return [*chunks, body]


def write(boundary: str, payloads: list[bytes]) -> bytes:
    heads = [
        part_head(boundary, [("Content-Type", "application/dicom")], first=number == 0)
        for number in range(len(payloads))
    ]
    body = b"".join(head + payload for head, payload in zip(heads, payloads, strict=True))
    assert body_length(boundary, heads, map(len, payloads)) == len(body + closing(boundary))
    return body + closing(boundary)


def contains_delimiter(boundary: str, payload: bytes) -> bool:
    return f"\r\n--{boundary}".encode() in b"\r\n" + payload


@st.composite
def hostile_payloads(draw: st.DrawFn) -> bytes:
    """Payloads of the bytes that delimiters are made of."""
    pieces = st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"b", b"--b", b" ", b"\0\xff"])
    return b"".join(draw(st.lists(pieces, max_size=12)))


@given(
    boundary=BOUNDARIES,
    payloads=st.lists(st.binary(max_size=60) | hostile_payloads(), min_size=1, max_size=4),
    sizes=st.lists(st.integers(0, 30), max_size=40),
)
@example(boundary="b", payloads=[b"\r\n--", b""], sizes=[1] * 200)
def test_any_parts_come_back_under_any_boundary_and_any_cut(
    boundary: str, payloads: list[bytes], sizes: list[int]
) -> None:
    kept = [each for each in payloads if not contains_delimiter(boundary, each)] or [b"x"]
    chunks = cut(write(boundary, kept), sizes)
    expected = [({"content-type": "application/dicom"}, payload) for payload in kept]
    assert collect(boundary, chunks) == expected


@given(body=st.lists(hostile_payloads(), max_size=6).map(b"\r\n--b".join), data=st.data())
def test_how_a_body_is_cut_never_changes_what_is_found(body: bytes, data: st.DataObject) -> None:
    def outcome(chunks: list[bytes]) -> list[object]:
        """The events with neighbouring data joined, and whether the body was broken."""
        parser = MultipartParser("b")
        found: list[object] = []
        try:
            for chunk in [*chunks, None]:
                for event in parser.close() if chunk is None else parser.feed(chunk):
                    if isinstance(event, PartData) and found and isinstance(found[-1], bytes):
                        found[-1] += event.data
                    else:
                        found.append(event.data if isinstance(event, PartData) else event)
        except MultipartError as error:
            found.append(str(error))
        return found

    sizes = data.draw(st.lists(st.integers(0, 9), max_size=40))
    assert outcome(cut(body, sizes)) == outcome([body])


@pytest.mark.parametrize("size", [1, 2, 3, 7, None])
@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\nContent-Type: a/b\r\n\r\n\x00\r\n\x01\r\n--b--\r\n",
        b"\r\n--b\r\nContent-Type: a/b\r\n\r\n\x00\r\n\x01\r\n--b--",
        b"\n--b\nContent-Type: a/b\n\n\x00\r\n\x01\r\n--b--\n",
        b"A text for mail readers.\r\n\r\n--b\r\ncontent-TYPE:a/b\r\n\r\n\x00\r\n\x01\r\n--b--",
        b"--b \t \r\nContent-Type  : a/b  \r\n\r\n\x00\r\n\x01\r\n--b-- \t\r\n",
        b"--b\r\nContent-Type:\r\n a/b\r\n\r\n\x00\r\n\x01\r\n--b--\r\nepilogue\r\n--b\r\n",
        b"--b\r\nContent-Type: a/b\nContent-Type: c/d\r\n\n\x00\r\n\x01\r\n--b--\r\n\r\n",
        b"--bX\r\n--b\r\nContent-Type: a/b\r\n\r\n\x00\r\n\x01\r\n--b--\r\n",
    ],
    ids=[
        "as the standard writes it",
        "a line end before, none behind",
        "lone line feeds",
        "a preamble",
        "blanks behind the boundary and around the colon",
        "a folded header and an epilogue",
        "mixed line ends and a doubled header",
        "a line that only begins like the delimiter",
    ],
)
def test_what_archives_write_around_a_payload_is_taken(body: bytes, size: int | None) -> None:
    parts = [(headers["content-type"], payload) for headers, payload in parse(body, size=size)]
    assert parts == [("a/b", b"\x00\r\n\x01")]


@pytest.mark.parametrize("size", [1, 2, 5, None])
@pytest.mark.parametrize(
    ("body", "payloads"),
    [
        (b"--b\r\n\r\n\r\n--b--", [b""]),
        (b"--b\r\n\r\n--b--", [b""]),
        (b"--b\r\nA: 1\r\n\r\n--b\r\nA: 1\r\n\r\n\r\n--b--", [b"", b""]),
        (b"--b\r\n\r\n\r\n\r\n--b--", [b"\r\n"]),
        (b"--b\n\n--b\r\n--b--", [b"--b"]),
        (b"--b\r\n\r\nx\n--b\r\n\r\n--b--", [b"x\n--b\r\n"]),
        (b"--b\r\n\r\nx\r\n--bc\r\n--b-\r\n--b--x\r\n--b--", [b"x\r\n--bc\r\n--b-\r\n--b--x"]),
        (b"--b\r\n\r\n\r\n--bc\r\n\r\n--b--", [b"\r\n--bc\r\n"]),
        (b"--b\r\n\r\nx\r\n\r\n--b\r\n\r\ny\r\n--b--", [b"x\r\n", b"y"]),
        (b"--b--", []),
    ],
)
def test_only_a_whole_delimiter_line_behind_a_line_end_ends_a_part(
    body: bytes, payloads: list[bytes], size: int | None
) -> None:
    assert [payload for _, payload in parse(body, size=size)] == payloads


@pytest.mark.parametrize("boundary", ["b--", "--", "-", "a b", "myBoundary:1", "(.)*[x]+?\\"])
def test_a_boundary_of_odd_characters_is_taken_literally(boundary: str) -> None:
    payload = b"x\r\n--" + boundary[:-1].encode() + b"\r\n"
    assert [each for _, each in parse(write(boundary, [payload, b"y"]), boundary, 3)] == [
        payload,
        b"y",
    ]


def test_a_payload_without_line_ends_is_handed_on_without_a_copy() -> None:
    parser = MultipartParser("b")
    parser.feed(b"--b\r\n\r\nfirst")
    chunk = bytes(range(11)) * 1000
    (event,) = parser.feed(chunk)
    assert isinstance(event, PartData)
    assert event.data is chunk


def test_every_header_of_every_part_is_read_and_none_is_left_in_the_payload() -> None:
    head = b"MIME-Version: 1.0\r\ncontent-length: 3\r\nContent-Type: application/dicom\r\n\r\n"
    parts = parse(b"\r\n--b\r\n" + head + b"abc\r\n--b\r\n" + head + b"def\r\n--b--")
    headers = {
        "mime-version": "1.0",
        "content-length": "3",
        "content-type": "application/dicom",
    }
    assert parts == [(headers, b"abc"), (headers, b"def")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"--",
        b"--b",
        b"--b-",
        b"--b\r\n",
        b"--b\r\nA: 1\r\n",
        b"--b\r\nA: 1\r\n\r\n",
        b"--b\r\n\r\ndata",
        b"--b\r\n\r\ndata\r\n--b",
        b"--b\r\n\r\ndata\r\n--b-",
        b"--b\r\n\r\ndata\r\n--b\r\n",
        b"--b\r\n\r\ndata\r\n--b--x",
        b"--b\r\n\r\ndata\n--b--",
        b"--b\r\n--b--",
        b"--a\r\n\r\ndata\r\n--a--\r\n",
        b'--"b"\r\n\r\ndata\r\n--"b"--\r\n',
    ],
)
@pytest.mark.parametrize("size", [1, None])
def test_a_body_that_ends_before_its_closing_delimiter_is_broken(
    body: bytes, size: int | None
) -> None:
    with pytest.raises(MultipartError, match="ends before its closing delimiter"):
        parse(body, size=size)


@pytest.mark.parametrize("declared", [0, 3, 5, 10**17])
def test_a_payload_of_another_length_than_its_head_says_is_broken(declared: int) -> None:
    body = f"--b\r\nContent-Length: {declared}\r\n\r\ndata\r\n--b--\r\n".encode()
    with pytest.raises(MultipartError, match=r"Content-Length|closing delimiter"):
        parse(body)


@pytest.mark.parametrize("declared", ["4", "unknown", "-1", "4 ", "9" * 30, ""])
def test_a_length_that_is_right_or_no_number_is_no_fault(declared: str) -> None:
    body = f"--b\r\nContent-Length: {declared}\r\n\r\ndata\r\n--b--\r\n".encode()
    assert [payload for _, payload in parse(body)] == [b"data"]


@pytest.mark.parametrize(
    "header",
    [b"no colon", b": no name", b"a b: 1", b"A: \x001", b"A: 1\r1", b"\xff: 1", b"--b", b" A: 1"],
)
def test_a_head_that_is_no_header_is_broken(header: bytes) -> None:
    with pytest.raises(MultipartError, match="cannot be read"):
        parse(b"--b\r\n" + header + b"\r\n\r\ndata\r\n--b--")


def test_what_stands_before_a_broken_part_is_not_lost() -> None:
    parser = MultipartParser("b")
    events = parser.feed(b"--b\r\n\r\ngood\r\n--b\r\nbad\r\n\r\nx\r\n--b--")
    assert assemble(events) == [({}, b"good")]
    with pytest.raises(MultipartError, match="cannot be read"):
        parser.feed(b"more")
    with pytest.raises(MultipartError, match="cannot be read"):
        parser.close()


@pytest.mark.parametrize("size", [1, 1000, None])
def test_heads_are_bounded(size: int | None) -> None:
    long_head = b"--b\r\nA: " + b"x" * 20_000 + b"\r\n\r\ndata\r\n--b--"
    with pytest.raises(MultipartError, match="too long"):
        parse(long_head, size=size)
    with pytest.raises(MultipartError, match="too many headers"):
        parse(b"--b\r\n" + b"A: 1\r\n" * 101 + b"\r\ndata\r\n--b--", size=size)


@pytest.mark.parametrize("size", [1000, None])
def test_a_body_under_another_boundary_is_told_early(size: int | None) -> None:
    with pytest.raises(MultipartError, match="does not begin"):
        parse(b"--a\r\n\r\n" + bytes(20_000), size=size)


def test_nothing_behind_the_closing_delimiter_is_kept() -> None:
    parser = MultipartParser("b")
    assert not parser.complete
    parser.feed(b"--b\r\n\r\ndata\r\n--b--\r\n")
    assert parser.complete
    assert parser.feed(b"\r\n--b\r\n\r\nmore\r\n--b--") == []
    assert parser.close() == []


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_counted_payload_may_hold_its_own_boundary(size: int) -> None:
    """Archives with a constant boundary exist, and pixels can be anything."""
    payload = b"\r\n--b--\r\nand more\r\n--b\r\n\r\n"
    body = b"--b\r\nContent-Length: %d\r\n\r\n%b\r\n--b--\r\n" % (len(payload), payload)
    parser = MultipartParser("b")
    events = [e for at in range(0, len(body), size) for e in parser.feed(body[at : at + size])]
    parser.close()
    assert b"".join(e.data for e in events if isinstance(e, PartData)) == payload
    assert sum(isinstance(e, PartEnd) for e in events) == 1
