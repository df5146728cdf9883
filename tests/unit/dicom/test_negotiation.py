"""The table of what leaves in which transfer syntax, cell by cell."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicom.acceptable import (
    Acceptable,
    acceptable_bulkdata,
    acceptable_frames,
    acceptable_instances,
)
from gateway.dicom.media_types import MediaType, parse_accept
from gateway.dicom.negotiation import Action, Choice, choose, choose_bulkdata
from gateway.dicom.resources import Level
from gateway.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, Kind

_KEEP, _EXPLICIT, _TRANSCODE = Action.KEEP, Action.TO_EXPLICIT_LITTLE_ENDIAN, Action.TRANSCODE
_DICOM = "application/dicom"
_OCTETS = "application/octet-stream"


def _uid(end: str) -> str:
    """A UID by its end after the common root; `imp` is the root itself."""
    return "1.2.840.10008.1.2" + (f".{end}" if end != "imp" else "")


class _Cell(NamedTuple):
    media_type: str
    asked: str
    stored: str
    now: str | None
    """What leaves without transcoding; None is a 406."""
    later: str | None
    """What leaves with it."""


_NATIVE = ("imp", "1", "2", "1.99")
_LOSSLESS = ("4.57", "4.70", "4.80", "4.90", "4.201", "4.202", "4.110", "5", "8.1", "1.98")
_LOSSY = ("4.50", "4.51", "4.81", "4.91", "4.112", "4.203")
_AS_THEY_ARE = ("4.102", "4.107", "4.94", "9999")


def _cells() -> list[_Cell]:
    cells = []
    for media_type in (_DICOM, _OCTETS):
        for stored in _NATIVE:
            cells += [_Cell(media_type, asked, stored, "1", "1") for asked in ("", "*", "1")]
            cells += [_Cell(media_type, "4.90", stored, None, "4.90")]
        for stored in _LOSSLESS:
            cells += [_Cell(media_type, "", stored, stored, "1")]
            cells += [_Cell(media_type, asked, stored, stored, stored) for asked in ("*", stored)]
            cells += [_Cell(media_type, "1", stored, None, "1")]
            cells += [_Cell(media_type, "4.203", stored, None, "4.203")]
        for stored in _LOSSY:
            cells += [
                _Cell(media_type, asked, stored, stored, stored) for asked in ("", "*", stored)
            ]
            cells += [_Cell(media_type, asked, stored, None, asked) for asked in ("1", "4.80")]
        for stored in _AS_THEY_ARE:
            cells += [
                _Cell(media_type, asked, stored, stored, stored) for asked in ("", "*", stored)
            ]
            cells += [_Cell(media_type, asked, stored, None, None) for asked in ("1", "4.90")]
    return cells


_TYPED = [
    _Cell("image/jpeg", "", "1", None, "4.70"),
    _Cell("image/jpeg", "*", "2", None, "4.70"),
    _Cell("image/jpeg", "", "4.50", "4.50", "4.50"),
    _Cell("image/jpeg", "", "4.57", "4.57", "4.57"),
    _Cell("image/jpeg", "*", "4.55", "4.55", "4.55"),
    _Cell("image/jpeg", "", "4.90", None, "4.70"),
    _Cell("image/jpeg", "", "4.91", None, "4.70"),
    _Cell("image/jpeg", "4.50", "4.50", "4.50", "4.50"),
    _Cell("image/jpeg", "4.50", "1", None, "4.50"),
    _Cell("image/jls", "", "1", None, "4.80"),
    _Cell("image/jls", "", "4.81", "4.81", "4.81"),
    _Cell("image/jls", "", "4.50", None, "4.80"),
    _Cell("image/jp2", "", "1", None, "4.90"),
    _Cell("image/jp2", "", "4.91", "4.91", "4.91"),
    _Cell("image/jphc", "", "4.90", None, "4.201"),
    _Cell("image/jphc", "", "4.202", "4.202", "4.202"),
    _Cell("image/jxl", "", "1", None, "4.110"),
    _Cell("image/jxl", "", "4.111", "4.111", "4.111"),
    _Cell("image/dicom-rle", "", "1", None, "5"),
    _Cell("image/dicom-rle", "", "5", "5", "5"),
    _Cell("image/jpx", "", "1", None, None),
    _Cell("image/jpx", "", "4.90", None, None),
    _Cell("image/jpx", "", "4.92", "4.92", "4.92"),
    _Cell("image/jpx", "", "4.93", "4.93", "4.93"),
    _Cell("video/mp4", "", "4.102", "4.102", "4.102"),
    _Cell("video/mp4", "", "4.100", None, None),
    _Cell("video/mp4", "", "1", None, None),
    _Cell("image/jpeg", "", "9999", None, None),
    _Cell("image/jp2", "4.80", "4.80", None, None),
]


@pytest.mark.parametrize("cell", [*_cells(), *_TYPED])
@pytest.mark.parametrize("can_transcode", [False, True])
def test_every_cell_of_the_table_holds(cell: _Cell, can_transcode: bool) -> None:
    asked = cell.asked if cell.asked in ("", "*") else _uid(cell.asked)
    form = Acceptable(cell.media_type, asked, True, 1.0)
    choice = choose([form], _uid(cell.stored), can_transcode=can_transcode)
    target = cell.later if can_transcode else cell.now
    if target is None:
        assert choice is None
        return
    action = _KEEP if target == cell.stored else _TRANSCODE
    if cell.stored in _NATIVE and target == "1" != cell.stored:
        action = _EXPLICIT
    assert choice == Choice(cell.media_type, _uid(target), True, action)


@pytest.mark.parametrize("asked", ["imp", "2", "1.99"])
@pytest.mark.parametrize("stored", ["imp", "1", "2", "1.99", "4.90"])
def test_what_may_not_go_over_the_web_is_not_to_be_had_even_by_name(
    asked: str, stored: str
) -> None:
    form = Acceptable(_DICOM, _uid(asked), True, 1.0)
    assert choose([form], _uid(stored), can_transcode=True) is None


def test_a_transfer_syntax_that_is_none_is_not_to_be_had() -> None:
    assert choose([Acceptable(_DICOM, "jpeg", True, 1.0)], _uid("1"), can_transcode=True) is None


def _choose_frame(accept: str, stored: str, *, can_transcode: bool = False) -> Choice | None:
    forms = acceptable_frames(parse_accept(accept, None), 1)
    return choose(forms, _uid(stored), can_transcode=can_transcode)


def test_compressed_octets_are_labelled_with_what_they_are() -> None:
    accept = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
    assert _choose_frame(accept, "4.90") == Choice(_OCTETS, _uid("4.90"), True, _KEEP)


@pytest.mark.parametrize("accept", ["*/*", 'multipart/related; type="*/*"'])
def test_an_unnamed_type_becomes_that_of_the_stored_frame(accept: str) -> None:
    assert _choose_frame(accept, "4.50") == Choice("image/jpeg", _uid("4.50"), True, _KEEP)
    assert _choose_frame(accept, "5") == Choice("image/dicom-rle", _uid("5"), True, _KEEP)
    assert _choose_frame(accept, "8.1") == Choice(_OCTETS, _uid("8.1"), True, _KEEP)
    assert _choose_frame(accept, "imp") == Choice(_OCTETS, _uid("1"), True, _EXPLICIT)


def test_a_range_of_types_takes_what_is_stored_in_one_of_them() -> None:
    assert _choose_frame("image/*", "4.90") == Choice("image/jp2", _uid("4.90"), False, _KEEP)
    assert _choose_frame("image/*", "1") is None
    assert _choose_frame("video/*", "4.90") is None
    assert _choose_frame("video/*", "4.102") == Choice("video/mp4", _uid("4.102"), False, _KEEP)
    assert _choose_frame("application/*", "4.90") == Choice(_OCTETS, _uid("4.90"), False, _KEEP)


def test_the_highest_q_that_can_be_met_wins() -> None:
    accept = (
        f"image/jp2; transfer-syntax={_uid('4.90')}; q=0.9, "
        f"image/jls; q=0.8, application/octet-stream; transfer-syntax=*; q=0.7"
    )
    for stored, media_type in (("4.90", "image/jp2"), ("4.81", "image/jls"), ("4.50", _OCTETS)):
        choice = _choose_frame(accept, stored)
        assert choice is not None
        assert (choice.media_type, choice.transfer_syntax) == (media_type, _uid(stored))
    best = _choose_frame(accept, "4.81", can_transcode=True)
    assert best == Choice("image/jp2", _uid("4.90"), False, _TRANSCODE)


def test_among_equals_what_needs_no_work_wins_and_then_the_order_given() -> None:
    accept = "image/jls, image/jp2, application/octet-stream; transfer-syntax=*"
    choice = _choose_frame(accept, "4.91", can_transcode=True)
    assert choice == Choice("image/jp2", _uid("4.91"), False, _KEEP)
    choice = _choose_frame(accept, "1", can_transcode=True)
    assert choice == Choice(_OCTETS, _uid("1"), False, _KEEP)
    choice = _choose_frame(accept, "imp", can_transcode=True)
    assert choice == Choice(_OCTETS, _uid("1"), False, _EXPLICIT)
    choice = _choose_frame("image/jls, image/jp2", "1", can_transcode=True)
    assert choice == Choice("image/jls", _uid("4.80"), False, _TRANSCODE)


def test_a_uid_and_then_any_in_one_member_is_met_as_stored() -> None:
    accept = (
        f'multipart/related; type="image/jp2"; transfer-syntax={_uid("4.90")}; transfer-syntax=*'
    )
    assert _choose_frame(accept, "4.91") == Choice("image/jp2", _uid("4.91"), True, _KEEP)


def test_what_is_refused_with_a_q_of_zero_is_not_chosen() -> None:
    assert _choose_frame("image/*, image/jpeg;q=0", "4.50") is None
    assert _choose_frame("image/*, image/jpeg;q=0", "4.90") is not None
    assert _choose_frame("image/jpeg, image/*;q=0", "4.50") is not None
    assert _choose_frame("image/jpeg, image/jpeg;q=0", "4.50") is None
    syntax = f"transfer-syntax={_uid('4.91')}"
    refused = f'*/*, multipart/related; type="image/jp2"; {syntax}; q=0'
    assert _choose_frame(refused, "4.91") is None
    assert _choose_frame(refused, "4.90") is not None


def test_one_instance_leaves_in_parts_or_bare_as_asked() -> None:
    ranges = parse_accept("application/dicom; transfer-syntax=*", None)
    choice = choose(acceptable_instances(ranges, Level.INSTANCE), _uid("4.80"))
    assert choice == Choice(_DICOM, _uid("4.80"), False, _KEEP)


_PDF = MediaType("application/pdf")
_BULK = MediaType(_OCTETS)


def _choose_bulk(accept: str, stored: MediaType) -> Choice | None:
    return choose_bulkdata(acceptable_bulkdata(parse_accept(accept, None)), stored)


def test_bulk_data_leaves_under_its_own_type_where_that_is_accepted() -> None:
    accept = (
        'multipart/related; type="application/pdf", '
        'multipart/related; type="application/octet-stream"'
    )
    assert _choose_bulk(accept, _PDF) == Choice("application/pdf", "", True, _KEEP)
    assert _choose_bulk(accept, _BULK) == Choice(_OCTETS, "", True, _KEEP)
    assert _choose_bulk("*/*", _PDF) == Choice("application/pdf", "", True, _KEEP)
    assert _choose_bulk("application/*", _PDF) == Choice("application/pdf", "", False, _KEEP)


def test_bulk_data_of_any_type_may_leave_as_octets() -> None:
    video = MediaType("video/mp4", (("transfer-syntax", _uid("4.102")),))
    assert _choose_bulk("application/octet-stream", video) == Choice(
        _OCTETS, _uid("4.102"), False, _KEEP
    )
    assert _choose_bulk("application/*", video) == Choice(_OCTETS, _uid("4.102"), False, _KEEP)
    assert _choose_bulk("video/mp4", video) == Choice("video/mp4", _uid("4.102"), False, _KEEP)


def test_bulk_data_of_another_type_or_syntax_is_not_acceptable() -> None:
    assert _choose_bulk("application/pdf", _BULK) is None
    assert _choose_bulk("image/jpeg", _PDF) is None
    compressed = MediaType("image/x-jls", (("transfer-syntax", _uid("4.80")),))
    explicit = f"application/octet-stream; transfer-syntax={_uid('1')}"
    assert _choose_bulk(explicit, compressed) is None
    assert _choose_bulk(explicit, _BULK) == Choice(_OCTETS, "", False, _KEEP)
    assert _choose_bulk("image/jls", compressed) == Choice("image/jls", _uid("4.80"), False, _KEEP)
    assert _choose_bulk("*/*, application/pdf;q=0", _PDF) == Choice(
        "application/pdf", "", True, _KEEP
    )
    refused = '*/*, multipart/related; type="application/pdf"; q=0'
    assert _choose_bulk(refused, _PDF) is None


@pytest.mark.parametrize("stored", ["", ".1", ".1.99"])
@pytest.mark.parametrize("asked", ["", "; transfer-syntax=*", f"; transfer-syntax={_uid('1')}"])
def test_native_bulk_data_is_called_explicit_little_endian(stored: str, asked: str) -> None:
    labelled = MediaType(_OCTETS, (("transfer-syntax", f"1.2.840.10008.1.2{stored}"),))
    choice = _choose_bulk(f"application/octet-stream{asked}", labelled)
    assert choice == Choice(_OCTETS, _uid("1"), False, _KEEP)


def test_big_endian_bulk_data_would_have_to_be_made_little_endian() -> None:
    stored = MediaType(_OCTETS, (("transfer-syntax", _uid("2")),))
    choice = _choose_bulk("*/*", stored)
    assert choice == Choice(_OCTETS, _uid("1"), True, Action.TO_EXPLICIT_LITTLE_ENDIAN)
    as_stored = f"application/octet-stream; transfer-syntax={_uid('2')}"
    assert _choose_bulk(as_stored, stored) is None


_FORMS = st.builds(
    Acceptable,
    st.sampled_from([_DICOM, _OCTETS, "*/*", "image/*", "image/jpeg", "image/jls", "video/mp4"]),
    st.sampled_from(["", "*", *TRANSFER_SYNTAXES]),
    st.booleans(),
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)


@given(st.lists(_FORMS, max_size=6), st.sampled_from([*TRANSFER_SYNTAXES, "1.2.3"]), st.booleans())
def test_whatever_is_chosen_may_leave_and_was_accepted(
    forms: list[Acceptable], stored: str, can_transcode: bool
) -> None:
    forms.sort(key=lambda form: -form.q)
    choice = choose(forms, stored, can_transcode=can_transcode)
    if choice is None:
        return
    syntax = TRANSFER_SYNTAXES.get(choice.transfer_syntax)
    assert syntax is None or syntax.web
    assert (choice.action is _KEEP) == (choice.transfer_syntax == stored)
    assert can_transcode or choice.action is not _TRANSCODE
    if choice.action is _EXPLICIT:
        assert TRANSFER_SYNTAXES[stored].kind is Kind.NATIVE
    assert any(
        form.q
        and form.multipart == choice.multipart
        and form.transfer_syntax in ("", "*", choice.transfer_syntax)
        for form in forms
    )
