"""File meta information (PS3.10 7.1): found, read and written with another transfer syntax."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.dicom.part10.data_elements import (
    EXPLICIT_LITTLE,
    TRANSFER_SYNTAX_UID,
    Element,
    Encoding,
    Part10Error,
    is_vr,
    read_head,
    write_head,
)
from gateway.dicom.transfer_syntaxes import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    known,
)

MAX_LENGTH = 256 * 1024
"""Bytes of preamble and meta information; a few hundred are usual."""

_PREAMBLE = 128
_PREFIX = b"DICM"
_META_GROUP = b"\x02\x00"
_GROUP_LENGTH = 0x00020000
_META_VERSION = 0x00020001
_SOP_CLASS = 0x00020002
_SOP_INSTANCE = 0x00020003
_IMPLEMENTATION = 0x00020012

IMPLEMENTATION_CLASS_UID = "2.25.322295691802880222620989493119278788975"
"""Names this product as the writer of meta information (PS3.10 7.1): a UUID-derived UID."""


class _MetaElement(NamedTuple):
    head: Element
    start: int
    value: int
    stop: int


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What a file says of itself; a file without meta information is `guessed`."""

    transfer_syntax: str
    length: int
    """Bytes before the dataset."""
    data: bytes
    """Those bytes."""
    guessed: bool = False

    @property
    def encoding(self) -> Encoding:
        """How the dataset is written once it is inflated."""
        syntax = known(self.transfer_syntax)
        return Encoding(syntax.implicit, syntax.big_endian)

    @property
    def deflated(self) -> bool:
        return known(self.transfer_syntax).deflated

    def rewritten(self, transfer_syntax: str) -> bytes:
        """Preamble and meta information as they are, but for the syntax and the group length."""
        kept = [
            _uid_element(TRANSFER_SYNTAX_UID, transfer_syntax)
            if each.head.tag == TRANSFER_SYNTAX_UID
            else self.data[each.start : each.stop]
            for each in _elements(self.data, _first_element(self.data))
            if each.head.tag != _GROUP_LENGTH
        ]
        preamble = self.data[:_PREAMBLE] if self.data[_PREAMBLE:].startswith(_PREFIX) else b""
        return _meta(preamble, kept)


def read_file_meta(data: bytes, *, at_end: bool) -> FileMeta | None:
    """The meta information that a file begins with; None if more of it is needed.

    Taken are also files without a preamble, and datasets without meta information whose native
    encoding is plain from their first element: archives store them. Meta information without a
    transfer syntax is refused: what the pixel data is then encoded in cannot be known.
    """
    if len(data) < _PREAMBLE + len(_PREFIX) and not at_end:
        return None
    start = _first_element(data)
    if start == 0 and not data.startswith(_META_GROUP):
        guessed = _guess(data)
        if guessed is None:
            raise Part10Error("this is no DICOM file")
        return FileMeta(guessed, 0, b"", guessed=True)
    syntax, stop, declared = _walk(data, start)
    is_ended = stop == declared or not data.startswith(_META_GROUP, stop)
    if len(data) < stop + 2 or not is_ended:
        if at_end or len(data) > MAX_LENGTH:
            raise Part10Error("the file meta information is too long, or nothing follows it")
        return None
    if not syntax:
        raise Part10Error("the file meta information names no transfer syntax")
    return FileMeta(syntax, stop, data[:stop])


def stored_transfer_syntax(first_bytes: bytes) -> str | None:
    """The transfer syntax that a file's meta information names, if these bytes of it show it.

    A native dataset without meta information counts as implicit little endian, however it is
    encoded: like one, it cannot leave as it is.
    """
    start = _first_element(first_bytes)
    for each in _elements(first_bytes, start):
        if each.head.tag == TRANSFER_SYNTAX_UID:
            return _text(first_bytes, each) or None
    is_bare = start == 0 and _guess(first_bytes) is not None
    return IMPLICIT_LITTLE_ENDIAN if is_bare else None


def missing_preamble(first_bytes: bytes) -> bytes:
    """What must come before a file that begins with its meta information for readers to take it.

    Writers leave out the preamble, archives store that, and most readers refuse it.
    """
    if first_bytes.startswith(_PREFIX):
        return bytes(_PREAMBLE)
    is_bare = first_bytes.startswith(_META_GROUP) and _first_element(first_bytes) == 0
    return bytes(_PREAMBLE) + _PREFIX if is_bare else b""


def new_file_meta(sop_class: str, instance: str, transfer_syntax: str) -> bytes:
    """Preamble and meta information for a dataset that has none (PS3.10 7.1).

    Part10Error for a UID that cannot be written there: datasets hold anything.
    """
    elements = (
        write_head(_META_VERSION, b"OB", 2) + b"\0\1",
        _uid_element(_SOP_CLASS, sop_class),
        _uid_element(_SOP_INSTANCE, instance),
        _uid_element(TRANSFER_SYNTAX_UID, transfer_syntax),
        _uid_element(_IMPLEMENTATION, IMPLEMENTATION_CLASS_UID),
    )
    return _meta(b"", elements)


def _first_element(data: bytes) -> int:
    for start in (_PREAMBLE, 0):
        if data.startswith(_PREFIX, start):
            return start + len(_PREFIX)
    return 0


def _walk(data: bytes, start: int) -> tuple[str, int, int]:
    """The transfer syntax, or an empty one; where the whole elements of group 0002 end; and
    where the group length says so, if it is to be trusted.

    That is for a deflated dataset only, which may begin with any bytes: group lengths are
    often wrong.
    """
    syntax, stop, declared = "", start, -1
    for each in _elements(data, start):
        if each.start == declared and known(syntax).deflated:
            break
        if each.head.tag == _GROUP_LENGTH:
            declared = each.stop + int.from_bytes(data[each.value : each.stop], "little")
        elif each.head.tag == TRANSFER_SYNTAX_UID:
            syntax = _text(data, each)
        stop = each.stop
    return syntax, stop, declared if known(syntax).deflated else -1


def _elements(data: bytes, start: int) -> Iterator[_MetaElement]:
    """The elements of group 0002 that `data` holds whole; meta is explicit little endian."""
    while head := read_head(EXPLICIT_LITTLE, data, start):
        value = start + head.size
        if head.tag >> 16 != 2 or value + head.length > len(data):
            return
        yield _MetaElement(head, start, value, value + head.length)
        start = value + head.length


def _text(data: bytes, element: _MetaElement) -> str:
    return data[element.value : element.stop].decode("latin-1").strip("\0 ")


def _meta(preamble: bytes, elements: Sequence[bytes]) -> bytes:
    length = sum(map(len, elements)).to_bytes(4, "little")
    head = write_head(_GROUP_LENGTH, b"UL", 4)
    return b"".join((preamble.ljust(_PREAMBLE, b"\0"), _PREFIX, head, length, *elements))


def _uid_element(tag: int, uid: str) -> bytes:
    try:
        value = uid.encode("ascii")
        value += b"\0" * (len(value) % 2)
        return write_head(tag, b"UI", len(value)) + value
    except ValueError as error:
        raise Part10Error("a UID is no ASCII text, or far too long") from error


def _guess(data: bytes) -> str | None:
    """The native syntax of a dataset without meta information, which begins with group 0008."""
    explicit = is_vr(data[4:6])
    if data.startswith(b"\x08\x00") and (explicit or data[6:8] == b"\0\0"):
        return EXPLICIT_LITTLE_ENDIAN if explicit else IMPLICIT_LITTLE_ENDIAN
    if data.startswith(b"\x00\x08") and explicit:
        return EXPLICIT_BIG_ENDIAN
    return None
