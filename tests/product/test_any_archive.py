"""Archives that answer anything: generated answers, byte for byte over real sockets.

Whatever comes, a client is told 404, 5xx for the archive's fault but never a 500 for the gateway's
own, or gets a body that is strictly what it says; nothing stays behind, and the next is answered.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from aiohttp import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.gateway import Gateway
from tests.fakes.odd_requests import CUTS, FILE, JUNK, one_of_lines, spoiled
from tests.fakes.pacs import Cut, Pacs, Raw, Reply, Step
from tests.fakes.pacs_answers import (
    BULKDATA,
    DICOM_JSON,
    EXPLICIT_LE,
    FILES_AS_STORED,
    FRAMES_AS_STORED,
    INSTANCE_PATH,
    ROOT,
    SERIES_PATH,
    STUDY_PATH,
    Part,
    behind_a_pacs,
    counts,
    metadata,
    multipart_body,
    parts_in,
    study_row,
)

OCTETS = f"application/octet-stream; transfer-syntax={EXPLICIT_LE}"
FRAMES_BODY = multipart_body([Part(b"12345678", OCTETS)])
FILES_BODY = multipart_body([Part(FILE), Part(FILE)])
METADATA_BODY = json.dumps(
    [
        metadata(
            x00081140={"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]},
            x00100010={"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
            x00180050={"vr": "DS", "Value": ["1.5", None]},
            x00420011={"vr": "OB", "BulkDataURI": f"{ROOT}{INSTANCE_PATH}/bulk/1"},
            x7FE00010={"vr": "OW", "InlineBinary": "AAAA"},
        )
    ]
).encode()
ROWS_BODY = json.dumps([study_row() | metadata()]).encode()
MULTIPART = b"multipart/related; boundary=a-boundary"
JSON_TYPE = DICOM_JSON.encode()

# Path, what is accepted, and what a good archive answers.
RESOURCES = {
    "/studies": (DICOM_JSON, JSON_TYPE, ROWS_BODY),
    f"{SERIES_PATH}/instances": (DICOM_JSON, JSON_TYPE, ROWS_BODY),
    f"{STUDY_PATH}/metadata": (DICOM_JSON, JSON_TYPE, METADATA_BODY),
    STUDY_PATH: (FILES_AS_STORED, MULTIPART, FILES_BODY),
    INSTANCE_PATH: ("application/dicom", MULTIPART, multipart_body([Part(FILE)])),
    f"{INSTANCE_PATH}/frames/1": (FRAMES_AS_STORED, MULTIPART, FRAMES_BODY),
    f"{INSTANCE_PATH}/bulk/1": (BULKDATA, MULTIPART, FRAMES_BODY),
    f"{INSTANCE_PATH}/attributes/00420011": (BULKDATA, MULTIPART, FRAMES_BODY),
    f"{INSTANCE_PATH}/attributes/7FE00010": (BULKDATA, MULTIPART, FRAMES_BODY),
}
STATUS_LINES = one_of_lines(
    r"""
HTTP/1.1 200 OK
HTTP/1.1 200
HTTP/1.1 206 Partial Content
HTTP/1.1 204 No Content
HTTP/1.1 301 Moved
HTTP/1.1 304 Not Modified
HTTP/1.1 400 Bad
HTTP/1.1 404 \xff
HTTP/1.1 503 Busy
HTTP/1.1 999 What
HTTP/1.1 -1 x
HTTP/1.0 200 OK
HTTP/3 200 OK
200 OK
"""
)
HEADERS = one_of_lines(
    r"""
Content-Encoding: gzip
Content-Encoding: br
Content-Encoding: gzip, gzip
Content-Length: 0
Content-Length: 99999999999
Content-Length: x
Transfer-Encoding: chunked
Transfer-Encoding: gzip, chunked
Connection: close
Connection: keep-alive, \x00
Content-Location: http://inner/null
Content-Type: text/html
Content-Type: multipart/related
Content-Type: multipart/related; boundary="
Content-Type: \xff
Content-Type: application/dicom; transfer-syntax=*
Retry-After: soon
Retry-After: -1
Retry-After: Wed, 99 Oct 9999 99:99:99 GMT
Warning: 299 x "There are 7 additional results that can be requested"
Warning: 299 x "There are 99999999999999999999999 additional results"
Location: http://169.254.169.254/
X: \r\n folded
: none
no colon
""",
    b"X: " + b"y" * 9000,
)
ODD_JSON = one_of_lines(
    r"""
NaN
-Infinity
null
[]
{}
""
"vr"
1e999
"\\ud800"
"\xe9"
[[[
}}}
,
:
{"vr":"SQ","Value":[null,1,"x",[],{"00080018":5}]}
{"vr":5,"Value":"x"}
{"vr":"PN","Value":[1,null,{"Alphabetic":5}]}
{"vr":"UI","Value":[""]}
{"vr":"OB","InlineBinary":5}
{"vr":"OB","InlineBinary":"%%%"}
{"vr":"OB","BulkDataURI":"http://[bad"}
{"vr":"OB","BulkDataURI":[]}
99999999999999999999999999
""",
    b"[" * 5000,
    b"9" * 6000,
)
ENDS = st.sampled_from([Cut.CLOSE, Cut.RESET])


@st.composite
def bodies(draw: st.DrawFn, good: bytes) -> bytes:
    """A good body, a spoiled one, or junk."""
    body = good
    for _ in range(draw(st.integers(0, 3))):
        body = draw(spoiled(body, ODD_JSON | JUNK))
    return draw(st.sampled_from([body, body, body, body[: len(body) // 2], b"", body * 2]))


@st.composite
def answers(draw: st.DrawFn, content_type: bytes, good: bytes) -> Raw:
    """The wire of one answer, in pieces, and its end."""
    body = draw(bodies(good))
    status = draw(STATUS_LINES | st.just(b"HTTP/1.1 200 OK"))
    lines = [status, b"Content-Type: " + content_type]
    lines += draw(st.lists(HEADERS, max_size=2))
    if draw(st.booleans()):
        lines.append(b"Content-Length: %d" % len(body))
    wire = draw(st.just(b"\r\n".join([*lines, b"", b""]) + body) | JUNK)
    ends = sorted({len(wire) * cut // 1000 for cut in draw(CUTS)} | {0, len(wire)})
    pieces: Sequence[Step] = [wire[a:b] for a, b in pairwise(ends)]
    return Raw([*pieces, draw(ENDS)])


@dataclass
class Suffering:
    """A gateway before an archive that answers anything."""

    pacs: Pacs
    gateway: Gateway

    async def read(self, path: str, accept: str) -> tuple[int, str, bytes | None]:
        """Status, media type and body; None for a body that was broken off."""
        async with self.gateway.get(path, headers={"Accept": accept}) as response:
            try:
                body: bytes | None = await response.read()
            except ClientError:
                body = None
            return response.status, response.headers["Content-Type"], body


@pytest.fixture
async def suffering() -> AsyncIterator[Suffering]:
    timeouts = {"first_byte": "5s", "idle": "2s", "search": "5s"}
    breaker = {"failures": 1_000_000, "open_for": "1s"}
    async with behind_a_pacs(timeouts=timeouts, breaker=breaker) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/series", Reply(json=[]))
        yield Suffering(pacs, gateway)
        await pacs.wait_for(lambda pacs: pacs.active == 0)
        assert (await counts(gateway))["gateway_requests_in_flight", ""] == 1
        for line in gateway.log.events:
            assert line["level"] != "error", line


def is_what_it_says(content_type: str, body: bytes) -> bool:
    """A strict reader takes the body."""
    if content_type.startswith("multipart/"):
        return len(parts_in(content_type, body)) > 0
    if content_type == DICOM_JSON:
        return isinstance(json.loads(body, parse_constant=pytest.fail), list)
    return content_type.startswith("application/dicom;") and body[128:132] == b"DICM"


@settings(
    max_examples=250,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), path=st.sampled_from(sorted(RESOURCES)))
async def test_any_answer_becomes_an_error_or_a_proper_body(
    suffering: Suffering, data: st.DataObject, path: str
) -> None:
    accept, content_type, good = RESOURCES[path]
    pacs = suffering.pacs
    whole = Reply(headers={"Content-Type": DICOM_JSON}, body=METADATA_BODY)
    pacs.on("GET", f"{ROOT}{INSTANCE_PATH}/metadata", whole)
    answered = f"{INSTANCE_PATH}/bulk/1" if "/attributes/" in path else path
    pacs.on("GET", ROOT + answered, data.draw(answers(content_type, good)))

    status, said, body = await suffering.read(path, accept)

    assert status in (200, 400, 404, 406, 501, 502, 503, 504)
    if status != 200:
        assert said == "application/problem+json"
    elif body is not None:
        assert is_what_it_says(said, body), body[:2000]
    async with suffering.gateway.get("/series") as response:
        assert response.status == 200


@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_any_answer_to_a_store_becomes_an_error_or_a_report(
    suffering: Suffering, data: st.DataObject
) -> None:
    good = json.dumps({"00081199": {"vr": "SQ", "Value": []}}).encode()
    suffering.pacs.on("POST", f"{ROOT}/studies", data.draw(answers(JSON_TYPE, good)))
    headers = {"Content-Type": "application/dicom", "Accept": DICOM_JSON}
    async with suffering.gateway.post("/studies", data=FILE, headers=headers) as response:
        body = await response.read()
        assert response.status in (200, 400, 404, 409, 501, 502, 503, 504)
        if response.content_type == DICOM_JSON:
            report = json.loads(body)
            stored = len(report.get("00081199", {"Value": []})["Value"])
            failed = len(report.get("00081198", {"Value": []})["Value"])
            assert (stored, failed) in ((1, 0), (0, 1))
            assert response.status == (200 if stored else 409)
