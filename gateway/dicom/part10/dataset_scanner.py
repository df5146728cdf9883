"""A sans-IO walk through a natively written dataset (PS3.5 7), in pieces of any size.

Hostile input costs no more than honest input: nothing but a head is ever held, there is no
recursion, and depth is bounded.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from gateway.dicom.part10.data_elements import (
    ITEM,
    ITEM_END,
    PIXEL_DATA,
    SEQUENCE_END,
    UNDEFINED,
    Element,
    Encoding,
    Part10Error,
    is_vr,
    read_head,
)

MAX_DEPTH = 64
"""Sequences within one another; real objects have a dozen."""


class Reading(Enum):
    """What a visitor wants of an element."""

    VALUE = auto()
    """The value as it is. Of an undefined length it cannot be had: that means ITEMS."""
    ITEMS = auto()
    """The items and elements within."""
    STOP = auto()
    """Nothing: the walk ends before it."""


class Kind(Enum):
    """What the scanner is within, and so what may come next."""

    DATASET = auto()
    """Elements: the dataset itself, or an item."""
    SEQUENCE = auto()
    FRAGMENTS = auto()
    """Items of bytes: encapsulated pixel data (PS3.5 A.4)."""


class Visitor(Protocol):
    """Who is told what the scanner meets. `depth` is 0 in the dataset itself, 1 in an item..."""

    def on_element(self, element: Element, encoding: Encoding, depth: int, offset: int) -> Reading:
        """An element whose head begins at `offset`."""

    def on_value(self, piece: bytes) -> None:
        """The next bytes of the value of the element, or fragment, that was met last."""

    def on_begin(self, kind: Kind) -> None:
        """Within a sequence: an item (DATASET) or fragment (FRAGMENTS) begins."""

    def on_end(self, kind: Kind) -> None:
        """What was begun, or the SEQUENCE or FRAGMENTS of an element, ends."""


@dataclass(slots=True)
class _Frame:
    kind: Kind
    encoding: Encoding
    end: int | None
    """Where it ends; None if a delimiter ends it."""
    limit: int | None
    """Where the innermost frame around it ends that says so, or it itself."""
    undecided: bool = False
    """Whether its VRs are explicit is told by its first element only."""


class DatasetScanner:
    """Tells `visitor` of each element of what is fed. Errors are Part10Error."""

    def __init__(self, encoding: Encoding, visitor: Visitor) -> None:
        self._visitor = visitor
        self._frames = [_Frame(Kind.DATASET, encoding, None, None, undecided=True)]
        self._held = b""
        self._offset = 0
        self._left = 0
        self.stopped = False

    @property
    def bytes_left(self) -> int:
        """How many bytes of the value that is being passed on are still to come."""
        return self._left

    def feed(self, data: bytes) -> None:
        """Walk on through `data`; nothing happens once the visitor has stopped the walk."""
        if self.stopped:
            return
        data = self._held + data if self._held else data
        position = 0
        while not self.stopped:
            position = self._pass_value(data, position)
            if self._left:
                break
            self._leave_ended(self._offset + position)
            head = self._read_head(data, position)
            if head is None:
                break
            self._meet(head, self._offset + position)
            position += 0 if self.stopped else head.size
        self._held = data[position:]
        self._offset += position

    def close(self) -> None:
        """The end of all bytes: Part10Error if it is not also that of the dataset."""
        self._leave_ended(self._offset)
        is_within = self._held or self._left or len(self._frames) > 1
        if not self.stopped and is_within:
            raise Part10Error("the dataset is cut")

    def _pass_value(self, data: bytes, position: int) -> int:
        if self._left and position < len(data):
            piece = data[position : position + self._left]
            self._left -= len(piece)
            self._visitor.on_value(piece)
            return position + len(piece)
        return position

    def _leave_ended(self, offset: int) -> None:
        while len(self._frames) > 1 and self._frames[-1].end == offset:
            self._visitor.on_end(self._frames.pop().kind)

    def _read_head(self, data: bytes, position: int) -> Element | None:
        frame = self._frames[-1]
        if len(data) - position < 8:
            return None
        if frame.kind is Kind.SEQUENCE:
            # The items of a UN element are little endian whatever is around it (PS3.5 6.2.2).
            big_endian = data.startswith(b"\xff\xfe", position)
            frame.encoding = Encoding(frame.encoding.implicit, big_endian)
        elif frame.undecided and frame.kind is Kind.DATASET:
            frame.encoding = self._decide(frame, data[position + 4 : position + 6])
            frame.undecided = False
        return read_head(frame.encoding, data, position)

    def _decide(self, frame: _Frame, vr: bytes) -> Encoding:
        """Some datasets are not written as labelled, and items of UN never are (PS3.5 6.2.2)."""
        if frame.encoding.implicit and len(self._frames) > 1:
            return frame.encoding
        return Encoding(not is_vr(vr), frame.encoding.big_endian)

    def _meet(self, head: Element, offset: int) -> None:
        frame = self._frames[-1]
        value = offset + head.size
        end = value if head.length == UNDEFINED else value + head.length
        if frame.limit is not None and end > frame.limit:
            raise Part10Error("an element is longer than what holds it")
        if head.tag == (ITEM_END if frame.kind is Kind.DATASET else SEQUENCE_END):
            self._delimit(frame)
        elif frame.kind is Kind.DATASET:
            self._meet_element(frame, head, offset)
        elif head.tag == ITEM:
            self._meet_item(frame, head, value)
        else:
            raise Part10Error("a sequence holds what is no item")

    def _delimit(self, frame: _Frame) -> None:
        if len(self._frames) == 1 or frame.end is not None:
            raise Part10Error("a delimiter ends what it cannot end")
        self._visitor.on_end(self._frames.pop().kind)

    def _meet_element(self, frame: _Frame, head: Element, offset: int) -> None:
        if head.tag >> 16 == 0xFFFE:
            raise Part10Error("an item or delimiter is out of place")
        depth = len(self._frames) // 2
        reading = self._visitor.on_element(head, frame.encoding, depth, offset)
        if reading is Reading.STOP:
            self.stopped = True
        elif head.length == UNDEFINED:
            self._enter(_content(head), frame, None)
        elif reading is Reading.ITEMS:
            self._enter(Kind.SEQUENCE, frame, offset + head.size + head.length)
        else:
            self._left = head.length

    def _meet_item(self, frame: _Frame, head: Element, value: int) -> None:
        is_fragment = frame.kind is Kind.FRAGMENTS
        self._visitor.on_begin(Kind.FRAGMENTS if is_fragment else Kind.DATASET)
        if is_fragment:
            if head.length == UNDEFINED:
                raise Part10Error("a fragment has no length")
            self._left = head.length
        else:
            end = None if head.length == UNDEFINED else value + head.length
            self._enter(Kind.DATASET, frame, end)

    def _enter(self, kind: Kind, outer: _Frame, end: int | None) -> None:
        if len(self._frames) > 2 * MAX_DEPTH:
            raise Part10Error("sequences are nested too deeply")
        limit = outer.limit if end is None else end
        self._frames.append(_Frame(kind, outer.encoding, end, limit, undecided=True))


def _content(head: Element) -> Kind:
    """What an element of undefined length holds: only pixel data holds anything but items."""
    is_sequence = head.vr in (b"SQ", b"UN", b"") and head.tag != PIXEL_DATA
    return Kind.SEQUENCE if is_sequence else Kind.FRAGMENTS
