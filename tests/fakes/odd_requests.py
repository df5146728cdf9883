"""Requests that nobody should send, generated: strategies for what each part of one may hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import strategies as st

from tests.fakes.pacs_answers import INSTANCE_PATH, ROOT, SERIES_PATH, STUDY_PATH
from tests.fakes.store_requests import BOUNDARY, dicom_file, multipart


@dataclass(frozen=True)
class Sent:
    """One request, as bytes in their pieces."""

    method: bytes = b"GET"
    target: bytes = f"{ROOT}/studies".encode()
    version: bytes = b"HTTP/1.1"
    headers: tuple[bytes, ...] = (b"Host: localhost",)
    body: bytes = b""
    whole: bool = True
    """False if its own framing may say that there is more to come: then nobody owes an answer."""
    cuts: Sequence[int] = ()
    """Where it is cut into pieces, in thousandths of its length."""

    def pieces(self) -> list[bytes]:
        line = b" ".join((self.method, self.target, self.version))
        wire = b"\r\n".join((line, *self.headers, b"", b"")) + self.body
        ends = sorted({len(wire) * cut // 1000 for cut in self.cuts} | {0, len(wire)})
        return [wire[start:end] for start, end in pairwise(ends)]


def with_headers(sent: Sent, *lines: bytes) -> Sent:
    return replace(sent, headers=(*sent.headers, *lines))


def stored(content_type: bytes, body: bytes, *lines: bytes, target: str = "/studies") -> Sent:
    """A request to store."""
    sent = Sent(b"POST", (ROOT + target).encode(), body=body)
    return with_headers(sent, b"Content-Type: " + content_type, *lines)


def one_line(value: bytes) -> bytes:
    """Without what would end a line of the head."""
    return value.replace(b"\r", b"").replace(b"\n", b"")


def one_of_lines(text: str, *more: bytes) -> st.SearchStrategy[bytes]:
    r"""One of the lines, each as Python would read it within b"": \r, \xff and \x20 are bytes."""
    lines = text.strip("\n").split("\n")
    found = [line.encode().decode("unicode_escape").encode("latin-1") for line in lines]
    return st.sampled_from([*found, *more])


@st.composite
def spoiled(draw: st.DrawFn, good: bytes, by: st.SearchStrategy[bytes]) -> bytes:
    """Good bytes with something put in, cut out or put in their place."""
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(start + 8, len(good))))
    return good[:start] + draw(by) + good[end:]


JUNK = st.binary(max_size=40)
TEXTS = st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass"))
CUTS = st.lists(st.integers(1, 999), max_size=3)

# -- targets

PATHS = (
    "/studies",
    "/series",
    "/instances",
    f"{STUDY_PATH}/series",
    f"{SERIES_PATH}/instances",
    STUDY_PATH,
    SERIES_PATH,
    INSTANCE_PATH,
    f"{INSTANCE_PATH}/metadata",
    f"{INSTANCE_PATH}/frames/1",
    f"{INSTANCE_PATH}/frames/1/rendered",
    f"{INSTANCE_PATH}/bulk/1",
    f"{INSTANCE_PATH}/attributes/00420011",
    f"{SERIES_PATH}/thumbnail",
)
GOOD_TARGETS = st.sampled_from([(ROOT + path).encode() for path in PATHS])
ODD_SEGMENTS = one_of_lines(
    r"""
%00
%2F
%2e%2e
%
%zz
%C0%AF
%0d%0aX: y
..
//
\\
%252F
;
@
*
%F0%9F%98%80
\xff
\x00
\t
\x20
#
|
1.2.%D9%A3
null
-1
1,2,x
{
""",
    b"9" * 70,
    b"a" * 300,
)
SEGMENTS = st.one_of(
    ODD_SEGMENTS,
    JUNK,
    TEXTS,
    st.sampled_from(
        b"studies series instances frames bulk metadata 1.2 rendered pacs wado".split()
    ),
    st.sampled_from([b"attributes", b"backends"]),
)
ODD_TARGETS = one_of_lines(
    r"""

*
/
//
/..
?
#
http://localhost/dicom-web/studies
http://[
https://evil.example/dicom-web/studies
evil.example:443
dicom-web/studies
/dicom-web
""",
    b"/dicom-web/studies?" + b"a" * 9000,
    b"/" + b"a" * 70_000,
)
TARGETS = st.one_of(
    st.lists(SEGMENTS, max_size=9).map(lambda each: ROOT.encode() + b"/" + b"/".join(each)),
    GOOD_TARGETS.flatmap(lambda target: spoiled(target, ODD_SEGMENTS | JUNK)),
    ODD_TARGETS,
)
ODD_VALUES = one_of_lines(
    r"""

-1
1e9
true
all
20260101-20250101
1.2,1.3
1\\2
[
%FF%FE
0x10
1.2.
-
""
""",
    b"9" * 30,
    b"*" * 200,
)
NAMES = st.one_of(
    st.sampled_from(b"limit offset includefield fuzzymatching PatientName StudyDate".split()),
    st.sampled_from(b"StudyInstanceUID 00100020 0010002 accept viewport".split()),
    st.sampled_from([b"00400275.00400009", b"ModalitiesInStudy", b"emptyvaluematching", b""]),
    JUNK,
)


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    """A query of a few pairs, or of far too many."""
    values = ODD_VALUES | ODD_SEGMENTS | TEXTS
    pairs = draw(st.lists(st.tuples(NAMES, values), max_size=6))
    joined = draw(st.sampled_from([b"&", b";", b"&&"])).join(n + b"=" + v for n, v in pairs)
    many = [joined, joined, joined, joined + b"?#", joined * 40, b"&" * 1200, b"a=1&" * 1001]
    return one_line(draw(st.sampled_from(many)))


# -- headers

MEDIA_TYPES = one_of_lines(
    r"""
*/*
multipart/related
multipart/related; type="application/dicom"
multipart/related; type=application/octet-stream
type="application/dicom"
application/dicom+json
application/dicom
image/jpeg
transfer-syntax=*
transfer-syntax=1.2
boundary=x
q=
q=0
q=2
q=nan
q=-1
"
=
/
*
text/
/json
"\\
\xe9
"""
)
ACCEPTS = st.tuples(
    st.sampled_from([b",", b";", b", ", b" "]), st.lists(MEDIA_TYPES | JUNK, max_size=8)
).map(lambda made: one_line(made[0].join(made[1])))
HEADER_LINES = st.binary(max_size=60) | one_of_lines(
    r"""
Content-Length: -1
Content-Length: x
Content-Length: +5
Content-Length: 5, 5
Content-Length: 1\r\nContent-Length: 2
Transfer-Encoding: gzip
Transfer-Encoding: chunked, chunked
Transfer-Encoding: chunked\r\nContent-Length: 5
: no name
\x20x: y
X
Host:
Host: evil.example
X: a\r\n folded
X : y
X\x00: y
X: \x00
X: \x7f
X: y\nZ: 1
X: y\rZ
Connection: upgrade\r\nUpgrade: websocket
Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk
Connection: close, keep-alive
Content-Encoding: gzip
Content-Type: \xc3\x28
Authorization: Bearer \xff
Cookie: ;=;
traceparent: 00-zz
Forwarded: host=evil
X-Forwarded-Host: evil
If-None-Match: W/
If-Range: x
""",
    b"Content-Length: 9" + b"9" * 30,
    b"X-Request-ID: " + b"a" * 5000,
    b"X: " + b"y" * 70_000,
    b"\r\n".join(b"X%d: y" % number for number in range(500)),
)
METHODS = st.sampled_from(
    b"GET HEAD POST PUT DELETE OPTIONS TRACE CONNECT PATCH get PRI PROPFIND".split()
) | one_of_lines("\nG ET\n\\x00GET\nGET\\t\n\\x16\\x03\\x01\nG\\xc9T", b"X" * 5000)
VERSIONS = one_of_lines(
    r"""
HTTP/1.1
HTTP/1.0
HTTP/0.9
HTTP/2.0
HTTP/9.9

HTTP/1.
http/1.1
HTTP/1.1 x
HTP/1.1
HTTP/1.11111111111111111111
HTTP/-1.1
HTTP/1.1\x00
"""
)
RANGES = st.binary(max_size=30).map(one_line) | one_of_lines(
    r"""

bytes=0-
bytes=2-5
bytes=-0
bytes=9-1
bytes=-
bytes=a-b
bytes=0-1,2-3
items=1
bytes
=
bytes=0--1
bytes=\xd9\xa1-
bytes=+1-2
bytes=1e2-
bytes = 0-1
bytes=5000-
""",
    b"bytes=" + b"9" * 40 + b"-",
    b"bytes=0-" + b"9" * 5000,
    b"bytes=" + b"0-0," * 2000,
)
EXPECTATIONS = st.binary(max_size=20).map(one_line) | one_of_lines(
    "100-continue\n100-Continue\n200-ok\n\n100-continue, x\n100"
)

# -- bodies

STORE_TYPE = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY}"'.encode()
FILE = dicom_file(1)
GOOD_BODY = multipart([FILE, dicom_file(2)])
_DELIMITER = b"--" + BOUNDARY.encode()
PIECES = JUNK | one_of_lines(
    r"""
\r\n\r\n
\n
DICM
Content-Type: application/dicom\r\n
Content-Type: text/plain\r\n
Content-Length: 5\r\n
Content-Length: -5\r\n
""",
    *(_DELIMITER, _DELIMITER + b"--", _DELIMITER + b"\r\n", b"\r\n" + _DELIMITER),
    *(FILE, FILE[:300], FILE[:132], FILE[:-100], b"\x00" * 200, b"A" * 20_000),
    *(b"X: " + b"y" * 20_000 + b"\r\n", b"\r\n".join([b"X: y"] * 200)),
)
BODIES = st.one_of(
    st.lists(PIECES, max_size=8).map(b"".join),
    spoiled(GOOD_BODY, PIECES),
    st.integers(0, len(GOOD_BODY)).map(lambda end: GOOD_BODY[:end]),
)
CONTENT_TYPES = JUNK.map(one_line) | one_of_lines(
    r"""

application/dicom
multipart/related
multipart/related; boundary=
multipart/related; boundary=\xff
multipart/related; boundary="
multipart/related; type=application/dicom+json; boundary=x
multipart/mixed; boundary=x
text/plain
*/*
application/json
;
multipart
""",
    b'multipart/related; boundary="' + b"a" * 71 + b'"',
)
CHUNK_HEADS = one_of_lines(
    r"""
5\r\n
5;x=y\r\n
-5\r\n
0x5\r\n
\r\n
5\n
g\r\n
\x205\r\n
5 \r\n
5\r
00000000000000005\r\n
\xff\r\n
+5\r\n
""",
    b"F" * 40 + b"\r\n",
    b"5;" + b"x" * 20_000 + b"\r\n",
)
GOOD_CHUNKS = st.binary(min_size=5, max_size=5).map(lambda data: b"5\r\n" + data + b"\r\n")
ODD_CHUNKS = st.tuples(
    CHUNK_HEADS, st.binary(max_size=6), st.sampled_from([b"\r\n", b"", b"\n", b"xx"])
).map(b"".join)
LAST_CHUNKS = one_of_lines(
    r"""
0\r\n\r\n
0\r\nX: y\r\n\r\n
0\r\nX\r\n\r\n
0;x\r\n\r\n
000\r\n\r\n
0\r\nContent-Length: 7\r\n\r\n
g\r\n\r\n
-1\r\n\r\n
""",
    b"0\r\n" + b"X: y\r\n" * 300 + b"\r\n",
)
GARBAGE = st.binary(min_size=1, max_size=400) | one_of_lines(
    r"""
\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03
PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n
GET / HTTP/1.1\r\nGET / HTTP/1.1\r\n
\x05\x01\x00
STLS\r\n
\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00ANY-SCP
""",
    *(b"\r\n" * 50, b"\x00" * 2000, b"A" * 100_000, bytes(range(256)) * 4),
)
