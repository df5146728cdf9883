"""Bodies as they are written, and the Warning header."""

import pytest
from aiohttp import ClientError, web

from gateway.web.writing import Body, json_answer, json_array, write_body
from tests.fakes.backend import each
from tests.fakes.calls import read
from tests.fakes.gateway_app import Served, running


@pytest.mark.parametrize(
    ("items", "body"), [([], b"[]"), ([b"{}"], b"[{}]"), ([b"{}", b'{"a":1}'], b'[{},{"a":1}]')]
)
async def test_items_make_one_array(items: list[bytes], body: bytes) -> None:
    assert await read(json_array(each(items))) == body


def test_dicom_json_has_no_charset() -> None:
    assert json_answer(b"[]").headers["Content-Type"] == "application/dicom+json"


def test_each_warning_is_a_header_that_no_text_can_break() -> None:
    answer = json_answer(b"[]", ["one", 'a"b\\c\r\nX: y é'])
    assert answer.headers.getall("Warning") == [
        '299 dicomweb-gateway "one"',
        '299 dicomweb-gateway "a?b?c??X: y ?"',
    ]


@pytest.mark.parametrize("chunks", [(b"abc",), (b"ab", b"cdef"), (b"abcdef",), ()])
async def test_a_body_of_another_length_than_said_never_looks_whole(
    chunks: tuple[bytes, ...],
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await write_body(request, Body("application/octet-stream", each(chunks), 4))

    async with running(Served({"/x": handler})) as gateway:
        with pytest.raises(ClientError):
            async with gateway.client.get("/dicom-web/x") as response:
                await response.read()
