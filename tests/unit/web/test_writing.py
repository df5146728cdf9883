"""JSON bodies and the Warning header."""

import pytest

from gateway.web.writing import json_answer, json_array
from tests.fakes.backend import each
from tests.fakes.calls import read


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
