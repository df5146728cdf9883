"""The walk through a dataset: what is met, and what is refused."""

import pytest

from gateway.dicom.part10.data_elements import Element, Encoding, Part10Error
from gateway.dicom.part10.dataset_scanner import DatasetScanner, Kind, Reading
from tests.fakes.part10_files import SEQUENCE_END, UNDEFINED, explicit, implicit, item

EXPLICIT = Encoding()
IMPLICIT = Encoding(implicit=True)
BIG = Encoding(big_endian=True)
UID = 0x00081155
SEQUENCE = 0x00081140
UN_SEQUENCE = 0x00091001
PIXELS = 0x7FE00010
END = implicit(SEQUENCE_END, b"")


class Recorder:
    """A visitor that writes down what it is told, as indented lines."""

    def __init__(self, stop: int | None = None) -> None:
        self.lines: list[str] = []
        self._stop = stop
        self._indent = ""

    def on_element(self, element: Element, encoding: Encoding, depth: int, offset: int) -> Reading:
        if element.tag == self._stop:
            return Reading.STOP
        is_sequence = element.tag in (SEQUENCE, UN_SEQUENCE)
        self._write(f"{element.tag:08x} at {offset}, depth {depth}")
        if is_sequence or element.length == UNDEFINED:
            self._indent += " "
        return Reading.ITEMS if is_sequence else Reading.VALUE

    def on_value(self, piece: bytes) -> None:
        if self.lines[-1].lstrip().startswith("="):
            self.lines[-1] += piece.decode("latin-1")
        else:
            self._write("=" + piece.decode("latin-1"))

    def on_begin(self, kind: Kind) -> None:
        self._write("item" if kind is Kind.DATASET else "fragment")
        self._indent += " " * (kind is Kind.DATASET)

    def on_end(self, kind: Kind) -> None:
        self._indent = self._indent[:-1]
        self._write("end")

    def _write(self, line: str) -> None:
        self.lines.append(self._indent + line)


def walk(data: bytes, encoding: Encoding = EXPLICIT, size: int = 1 << 16) -> list[str]:
    recorder = Recorder()
    scanner = DatasetScanner(encoding, recorder)
    for start in range(0, len(data), size):
        scanner.feed(data[start : start + size])
    scanner.close()
    return recorder.lines


@pytest.mark.parametrize("size", [1, 5, 1 << 16])
def test_elements_items_and_their_ends_are_met_in_order(size: int) -> None:
    uid = explicit(UID, b"UI", b"1.2\0")
    data = (
        explicit(SEQUENCE, b"SQ", item(uid) + item(b"", delimited=True))
        + explicit(SEQUENCE, b"SQ", item(uid, delimited=True), length=UNDEFINED)
        + END
        + explicit(UID, b"UI", b"")
    )
    assert walk(data, EXPLICIT, size) == [
        "00081140 at 0, depth 0",
        " item",
        "  00081155 at 20, depth 1",
        "  =1.2\0",
        " end",
        " item",
        " end",
        "end",
        "00081140 at 48, depth 0",
        " item",
        "  00081155 at 68, depth 1",
        "  =1.2\0",
        " end",
        "end",
        "00081155 at 96, depth 0",
    ]


@pytest.mark.parametrize("size", [1, 5, 1 << 16])
def test_fragments_are_bytes_and_no_items(size: int) -> None:
    pixels = explicit(PIXELS, b"OB", item(b"") + item(item(b"\xff\xd8")), length=UNDEFINED)
    assert walk(pixels + END, EXPLICIT, size) == [
        "7fe00010 at 0, depth 0",
        " fragment",
        " fragment",
        " =" + item(b"\xff\xd8").decode("latin-1"),
        "end",
    ]


@pytest.mark.parametrize("length", [None, UNDEFINED])
def test_an_item_of_un_may_be_implicit_or_explicit_and_says_so_by_its_first_vr(
    length: int | None,
) -> None:
    in_both = item(implicit(UID, b"1.2\0")) + item(explicit(UID, b"UI", b"1.2\0"))
    vr = b"SQ" if length is None else b"UN"
    data = explicit(UN_SEQUENCE, vr, in_both, length=length) + END * (length is not None)
    assert [line for line in walk(data) if "=" in line] == ["  =1.2\0"] * 2


def test_an_item_of_an_implicit_dataset_is_implicit_whatever_its_first_length_looks_like() -> None:
    value = b"x" * int.from_bytes(b"OB", "little")
    data = implicit(SEQUENCE, item(implicit(UID, value)))
    data = implicit(0x00080005, b"ISO_IR 6") + data
    assert ("  =" + value.decode()) in walk(data, IMPLICIT)


def test_items_of_un_are_little_endian_in_a_big_endian_dataset() -> None:
    little = item(implicit(UID, b"1.2\0"), delimited=True) + END
    data = explicit(UN_SEQUENCE, b"UN", little, length=UNDEFINED, order=">")
    behind = explicit(
        SEQUENCE, b"SQ", item(explicit(UID, b"UI", b"3\0", order=">"), order=">"), order=">"
    )
    values = [line.strip() for line in walk(data + behind, BIG) if "=" in line]
    assert values == ["=1.2\0", "=3\0"]


def test_nothing_is_met_behind_a_stop() -> None:
    recorder = Recorder(stop=PIXELS)
    scanner = DatasetScanner(EXPLICIT, recorder)
    scanner.feed(explicit(UID, b"UI", b"") + explicit(PIXELS, b"OW", b"1234"))
    scanner.feed(explicit(UID, b"UI", b""))
    scanner.close()
    assert scanner.stopped
    assert recorder.lines == ["00081155 at 0, depth 0"]


def test_the_bytes_that_a_value_still_lacks_are_told() -> None:
    scanner = DatasetScanner(EXPLICIT, Recorder())
    scanner.feed(explicit(PIXELS, b"OW", b"1234", length=10))
    assert scanner.bytes_left == 6


@pytest.mark.parametrize(
    "data",
    [
        explicit(SEQUENCE, b"SQ", item(explicit(UID, b"UI", b"1.2\0", length=6)) + bytes(20)),
        explicit(SEQUENCE, b"SQ", implicit(0xFFFEE000, b"12345678", length=30)) + bytes(40),
        explicit(SEQUENCE, b"SQ", b"\xfe\xff\x00\xe0") + bytes(40),
        explicit(
            SEQUENCE,
            b"SQ",
            item(explicit(SEQUENCE, b"SQ", item(b"", delimited=True), length=UNDEFINED)),
        )
        + END,
    ],
    ids=["a value", "an item", "a head", "a delimiter"],
)
def test_what_is_longer_than_what_holds_it_is_refused(data: bytes) -> None:
    with pytest.raises(Part10Error, match="longer than what holds it"):
        walk(data)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (item(b""), "out of place"),
        (END, "out of place"),
        (implicit(0xFFFEE00D, b""), "cannot end"),
        (explicit(SEQUENCE, b"SQ", END), "cannot end"),
        (explicit(SEQUENCE, b"SQ", item(implicit(0xFFFEE00D, b""))), "cannot end"),
        (explicit(SEQUENCE, b"SQ", explicit(UID, b"UI", b"")), "no item"),
        (explicit(SEQUENCE, b"SQ", item(END, delimited=True), length=UNDEFINED), "out of place"),
        (
            explicit(PIXELS, b"OB", item(b"", delimited=True), length=UNDEFINED) + END,
            "fragment has no length",
        ),
        (explicit(PIXELS, b"OB", explicit(UID, b"UI", b""), length=UNDEFINED), "no item"),
    ],
)
def test_items_and_delimiters_out_of_place_are_refused(data: bytes, match: str) -> None:
    with pytest.raises(Part10Error, match=match):
        walk(data + bytes(20))


@pytest.mark.parametrize(
    "data",
    [
        explicit(UID, b"UI", b"1.2\0"),
        explicit(PIXELS, b"OW", b"1234"),
        explicit(SEQUENCE, b"SQ", item(explicit(UID, b"UI", b"1.2\0"))),
        explicit(SEQUENCE, b"SQ", item(b"", delimited=True), length=UNDEFINED) + END,
        explicit(PIXELS, b"OB", item(b"") + item(b"\xff\xd8"), length=UNDEFINED) + END,
    ],
)
def test_a_dataset_that_is_cut_within_an_element_is_broken(data: bytes) -> None:
    walk(data)
    for end in range(1, len(data)):
        with pytest.raises(Part10Error, match="cut"):
            walk(data[:end])
