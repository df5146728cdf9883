"""How viewers take a multipart answer apart: each by rules of its own, and none by the book.

An answer that these can read is one that the viewers can show.
"""

from dataclasses import dataclass

END_OF_HEAD = b"\r\n\r\n"
JS_CLIENT_WINDOW = 1000
"""The bytes in which the JavaScript client looks for the end of a part's head."""
SHORT_BOUNDARY = 70
"""What some clients give the boundary room for."""

# The transfer syntax that Cornerstone assumes for a type without the parameter.
_ASSUMED = {
    "image/jpeg": "1.2.840.10008.1.2.4.50",
    "image/x-dicom-rle": "1.2.840.10008.1.2.5",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
}
_NATIVE = "1.2.840.10008.1.2"


class CannotShow(Exception):
    """The viewer would throw, or stay black."""


@dataclass(frozen=True)
class Frame:
    pixels: bytes
    transfer_syntax: str


def cornerstone_frame(content_type: str, body: bytes) -> Frame:
    """Cornerstone's image loader: the first part only, with a boundary taken from the body."""
    if "multipart" not in content_type:
        return Frame(body, _cornerstone_syntax(content_type))
    end_of_head = body.find(END_OF_HEAD)
    if end_of_head < 0:
        raise CannotShow("the head of the part has no end")
    lines = body[:end_of_head].decode("latin-1").split("\r\n")
    boundary = next((line for line in lines if line.startswith("--")), None)
    if boundary is None:
        raise CannotShow("no line of the head is a boundary")
    start = end_of_head + len(END_OF_HEAD)
    stop = body.find(boundary.encode("latin-1"), start)
    if stop < 0:
        raise CannotShow("the part has no end")
    # The name is compared as it is written.
    labels = [line for line in lines if line.startswith("Content-Type:")]
    label = labels[0].removeprefix("Content-Type:").strip() if labels else ""
    return Frame(body[start : stop - 2], _cornerstone_syntax(label))


def _cornerstone_syntax(label: str) -> str:
    essence, *parameters = (piece.strip() for piece in label.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "transfer-syntax":
            return value.strip('"')
    return _ASSUMED.get(essence, _NATIVE)


def js_client_parts(body: bytes) -> list[bytes]:
    """The JavaScript dicomweb-client: heads must end early, the boundary is the first line."""
    boundary = body[: body.index(b"\r\n")] if b"\r\n" in body else b""
    if not boundary.startswith(b"--"):
        raise CannotShow("the body does not begin with a boundary")
    parts, start = [], 0
    while not body.startswith(boundary + b"--", start):
        end_of_head = body.find(END_OF_HEAD, start, start + JS_CLIENT_WINDOW)
        if end_of_head < 0:
            raise CannotShow("the head of a part does not end soon enough")
        stop = body.find(b"\r\n" + boundary, end_of_head + len(END_OF_HEAD))
        if stop < 0:
            raise CannotShow("a part has no end")
        parts.append(body[end_of_head + len(END_OF_HEAD) : stop])
        start = stop + 2
    return parts


def parts_by_parameter(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Weasis and others: the boundary parameter is needed; each part's headers and content."""
    _, named, rest = content_type.partition("boundary=")
    boundary = rest.split(";")[0].strip().strip('"')
    if not named or not 0 < len(boundary) < SHORT_BOUNDARY:
        raise CannotShow("no boundary is named, or too long a one")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("ascii"))
    if pieces[0] or pieces[-1].strip() != b"--":
        raise CannotShow("something stands before the first part, or the last one is not closed")
    parts = []
    for piece in pieces[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(END_OF_HEAD)
        lines = (line.partition(": ") for line in head.decode("ascii").split("\r\n"))
        parts.append(({name: value for name, _, value in lines}, content))
    return parts
