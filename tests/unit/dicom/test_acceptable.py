"""Which forms each resource has for the Accept lists that real clients send."""

from collections.abc import Callable

import pytest

from gateway.dicom.acceptable import (
    Acceptable,
    acceptable_bulkdata,
    acceptable_frames,
    acceptable_instances,
    acceptable_metadata,
    acceptable_rendered,
    acceptable_store,
    wants_bulkdata,
)
from gateway.dicom.media_types import parse_accept
from gateway.dicom.resources import Level
from gateway.errors import GatewayError

_DICOM = "application/dicom"
_OCTETS = "application/octet-stream"
_JSON = "application/dicom+json"
_XML = "application/dicom+xml"
_J2K = "1.2.840.10008.1.2.4.90"
_JPEG = "1.2.840.10008.1.2.4.50"

_MERGED = f"{_JSON}, multipart/related; type=application/octet-stream; transfer-syntax=*"
_JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


def _instances(accept: str | None, level: Level = Level.INSTANCE) -> tuple[Acceptable, ...]:
    return acceptable_instances(parse_accept(accept, None), level)


def _frames(accept: str | None, count: int = 1) -> tuple[Acceptable, ...]:
    return acceptable_frames(parse_accept(accept, None), count)


def _status(call: Callable[[], object]) -> int:
    with pytest.raises(GatewayError) as refused:
        call()
    return refused.value.status


@pytest.mark.parametrize(
    ("accept", "syntax"),
    [
        (None, ""),
        ("*/*", ""),
        ("multipart/related", ""),
        ('multipart/related; type="application/dicom"', ""),
        ("multipart/related;type=application/dicom;transfer-syntax=*", "*"),
        (f'multipart/related; transfer-syntax={_J2K}; type="application/dicom"', _J2K),
    ],
)
@pytest.mark.parametrize("level", Level)
def test_studies_series_and_instances_come_in_parts(
    accept: str | None, syntax: str, level: Level
) -> None:
    assert _instances(accept, level) == (Acceptable(_DICOM, syntax, True, 1),)


def test_a_bare_file_is_for_one_instance_only() -> None:
    accept = 'application/dicom;transfer-syntax="*"'
    assert _instances(accept) == (Acceptable(_DICOM, "*", False, 1),)
    assert _status(lambda: _instances(accept, Level.SERIES)) == 406
    both = f'{accept}, multipart/related; type="application/dicom"; q=0.5'
    assert _instances(both, Level.STUDY) == (Acceptable(_DICOM, "", True, 0.5),)


@pytest.mark.parametrize("accept", [_JAVA, _BROWSER])
def test_a_list_that_ends_in_a_wildcard_gets_the_default(accept: str) -> None:
    (form,) = _instances(accept, Level.SERIES)
    assert (form.media_type, form.multipart) == (_DICOM, True)
    assert acceptable_metadata(parse_accept(accept, None)) == _JSON
    assert _frames(accept)[-1].media_type == "*/*"


@pytest.mark.parametrize(
    "rendered", ["image/jpeg", "image/png", 'multipart/related; type="video/mp4"', "text/html"]
)
def test_dicom_and_rendered_types_both_named_are_a_bad_request(rendered: str) -> None:
    accept = f'multipart/related; type="application/dicom", {rendered}'
    assert _status(lambda: _instances(accept)) == 400


def test_rendered_ranges_and_refusals_beside_dicom_do_not_count() -> None:
    assert _instances("application/dicom, image/*, */*")[0].media_type == _DICOM
    assert _instances("application/dicom, image/jpeg;q=0")[0].media_type == _DICOM


@pytest.mark.parametrize(
    "accept",
    ["text/csv", "image/jpeg", "application/zip", _JSON, "application/dicom;q=0", "*/*;q=0"],
)
def test_what_no_instance_is_available_as_is_not_acceptable(accept: str) -> None:
    assert _status(lambda: _instances(accept)) == 406


def test_octets_of_an_instance_are_its_bulk_data() -> None:
    octets = 'multipart/related; type="application/octet-stream"'
    assert wants_bulkdata(parse_accept(octets, None))
    assert wants_bulkdata(parse_accept(_MERGED, None))
    assert wants_bulkdata(parse_accept(f'{octets}, multipart/related; type="image/jpeg"', None))
    assert not wants_bulkdata(parse_accept(f"application/dicom, {octets}", None))
    assert not wants_bulkdata(parse_accept(f"*/*, {octets};q=0.5", None))
    assert not wants_bulkdata(parse_accept(f"{octets};q=0", None))
    assert not wants_bulkdata(parse_accept(_OCTETS, None))
    assert not wants_bulkdata(parse_accept("text/html", None))


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, Acceptable("*/*", "", True, 1)),
        ("*/*", Acceptable("*/*", "", True, 1)),
        ('multipart/related; type="*/*"', Acceptable("*/*", "", True, 1)),
        (
            'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
            Acceptable(_OCTETS, "*", True, 1),
        ),
        (_MERGED, Acceptable(_OCTETS, "*", True, 1)),
        (
            'application/octet-stream;transfer-syntax="*"',
            Acceptable(_OCTETS, "*", False, 1),
        ),
        (
            'multipart/related; type="image/dicom+jpeg"; transfer-syntax="1.2.840.10008.1.2.4.51"',
            Acceptable("image/jpeg", "1.2.840.10008.1.2.4.51", True, 1),
        ),
        ("multipart/related; type=image/x-jls", Acceptable("image/jls", "", True, 1)),
        ("image/x-dicom-rle", Acceptable("image/dicom-rle", "", False, 1)),
        ('multipart/related; type="image/*"; boundary=**', Acceptable("image/*", "", True, 1)),
    ],
)
def test_one_frame_has_the_form_that_its_viewer_asks_for(
    accept: str | None, form: Acceptable
) -> None:
    assert _frames(accept) == (form,)


def test_a_list_of_typed_frames_keeps_its_order() -> None:
    accept = (
        f'multipart/related; type="image/jpeg"; transfer-syntax={_JPEG}, '
        f'multipart/related; type="image/jp2"; transfer-syntax={_J2K}'
    )
    wanted = (
        Acceptable("image/jpeg", _JPEG, True, 1),
        Acceptable("image/jp2", _J2K, True, 1),
    )
    assert _frames(accept, 3) == wanted


def test_a_doubled_transfer_syntax_gives_a_form_for_each() -> None:
    accept = f'multipart/related; type="image/jp2"; transfer-syntax={_J2K}; transfer-syntax=*'
    forms = _frames(accept)
    assert [form.transfer_syntax for form in forms] == [_J2K, "*"]


def test_several_frames_never_come_in_a_single_part() -> None:
    assert _status(lambda: _frames("application/octet-stream", 2)) == 406
    assert len(_frames("application/octet-stream, */*", 2)) == 1


@pytest.mark.parametrize("accept", ["text/csv", "image/png", "application/dicom", _JSON])
def test_what_no_frame_is_available_as_is_not_acceptable(accept: str) -> None:
    assert _status(lambda: _frames(accept)) == 406


def test_bulk_data_may_be_of_any_type_and_lists_rendered_types_beside_octets() -> None:
    accept = (
        'multipart/related; type="application/pdf", '
        'multipart/related; type="application/octet-stream"'
    )
    forms = acceptable_bulkdata(parse_accept(accept, None))
    assert [form.media_type for form in forms] == ["application/pdf", _OCTETS]
    (single,) = acceptable_bulkdata(parse_accept("video/mp4", None))
    assert not single.multipart


@pytest.mark.parametrize(
    "accept",
    [
        *(None, "*/*", _JSON, "application/dicom+json, application/json", "application/json"),
        *(_MERGED, "application/*;q=0.1", "application/json; charset=utf-8"),
        f"{_XML};q=1, {_JSON};q=0.1",
    ],
)
def test_metadata_and_searches_are_json(accept: str | None) -> None:
    assert acceptable_metadata(parse_accept(accept, None)) == _JSON


@pytest.mark.parametrize(
    "accept",
    [
        *(_XML, 'multipart/related; type="application/dicom+xml"', "text/csv", "text/*"),
        *("image/jpeg", "application/dicom+json;q=0", "*/*, application/dicom+json;q=0"),
    ],
)
def test_metadata_in_another_form_is_not_acceptable(accept: str) -> None:
    assert _status(lambda: acceptable_metadata(parse_accept(accept, None))) == 406


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, _JSON),
        ("*/*", _JSON),
        (_JAVA, _JSON),
        (_JSON, _JSON),
        ("application/json", _JSON),
        (_XML, _XML),
        ("application/xml", _XML),
        ("text/xml", _XML),
        (f"{_JSON};q=0.5, {_XML}", _XML),
        (f"{_XML}, {_JSON}", _XML),
        (f"{_XML};q=0.5, */*;q=0.6", _JSON),
        ("*/*, application/dicom+json;q=0", _XML),
    ],
)
def test_a_stores_response_is_json_or_the_xml_that_is_preferred(
    accept: str | None, chosen: str
) -> None:
    assert acceptable_store(parse_accept(accept, None)) == chosen


def test_a_stores_response_in_another_form_is_not_acceptable() -> None:
    assert _status(lambda: acceptable_store(parse_accept("text/html", None))) == 406


@pytest.mark.parametrize(
    ("header", "query", "value"),
    [
        (None, None, "image/jpeg"),
        ("image/*", None, "image/jpeg"),
        ("video/*, image/png;q=0.5", None, "video/mp4, image/png;q=0.5"),
        ('multipart/related; type="application/octet-stream"', "image/jpeg", "image/jpeg"),
        ("image/png, image/jpeg;q=0.25, */*;q=0.1", None, "image/png, image/jpeg;q=0.25"),
        (_JAVA, None, "text/html, image/gif, image/jpeg"),
        ('multipart/related; type="image/jpeg"', None, 'multipart/related; type="image/jpeg"'),
        ("*/*, image/jpeg;q=0, image/png", None, "image/png"),
    ],
)
def test_a_rendered_resource_is_asked_for_by_its_types_alone(
    header: str | None, query: str | None, value: str
) -> None:
    assert acceptable_rendered(parse_accept(header, query)) == value


@pytest.mark.parametrize("accept", [_JSON, "text/csv", "image/jpeg;q=0"])
def test_what_nothing_renders_is_not_acceptable(accept: str) -> None:
    assert _status(lambda: acceptable_rendered(parse_accept(accept, None))) == 406
