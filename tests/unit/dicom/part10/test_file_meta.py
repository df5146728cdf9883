"""File meta information: where it ends, and how it is rewritten."""

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from gateway.dicom.part10.data_elements import Encoding, Part10Error
from gateway.dicom.part10.file_meta import MAX_LENGTH, read_file_meta
from tests.fakes.part10_files import explicit, file_of, identified, written

DATASET = explicit(0x00080016, b"UI", b"1.2\0")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_meta_is_found_as_soon_as_the_dataset_has_begun(syntax: str) -> None:
    head = file_of(syntax, b"")
    for end in range(len(head) + 2):
        assert read_file_meta((head + DATASET)[:end], at_end=False) is None
    meta = read_file_meta(head + DATASET[:2], at_end=False)
    assert meta is not None
    assert (meta.transfer_syntax, meta.length, meta.data) == (syntax, len(head), head)


def test_the_encoding_is_that_of_the_dataset() -> None:
    meta = read_file_meta(file_of(ImplicitVRLittleEndian, DATASET), at_end=True)
    assert meta is not None
    assert (meta.encoding, meta.deflated) == (Encoding(implicit=True), False)
    deflated = read_file_meta(file_of(DeflatedExplicitVRLittleEndian, DATASET), at_end=True)
    assert deflated is not None
    assert (deflated.encoding, deflated.deflated) == (Encoding(), True)


def test_a_deflated_dataset_may_begin_like_meta() -> None:
    head = file_of(DeflatedExplicitVRLittleEndian, b"")
    meta = read_file_meta(head + b"\x02\0\x12\0UI\x02\x001\0", at_end=True)
    assert meta is not None
    assert meta.length == len(head)


@pytest.mark.parametrize("end", [132, 140, 150, -1, None])
def test_meta_with_nothing_behind_it_is_broken(end: int | None) -> None:
    with pytest.raises(Part10Error):
        read_file_meta(file_of(ExplicitVRLittleEndian, b"")[:end], at_end=True)


def test_meta_without_an_end_is_refused() -> None:
    endless = file_of(ExplicitVRLittleEndian, explicit(0x00020102, b"OB", b"", length=1 << 31))
    assert read_file_meta(endless, at_end=False) is None
    with pytest.raises(Part10Error, match="too long"):
        read_file_meta(endless + bytes(MAX_LENGTH), at_end=False)


def test_only_the_syntax_and_the_group_length_are_rewritten() -> None:
    data = written(identified(), ImplicitVRLittleEndian)
    meta = read_file_meta(data, at_end=True)
    expected = written(identified(), ExplicitVRLittleEndian)
    assert meta is not None
    out = meta.rewritten(ExplicitVRLittleEndian)
    assert expected.startswith(out)
    assert expected[len(out) :].startswith(b"\x08\0\x16\0")


def test_a_missing_preamble_is_written() -> None:
    whole = file_of(ImplicitVRLittleEndian, DATASET)
    for start in (128, 132):
        meta = read_file_meta(whole[start:], at_end=True)
        assert meta is not None
        assert meta.rewritten(ExplicitVRLittleEndian) == file_of(ExplicitVRLittleEndian, b"")
