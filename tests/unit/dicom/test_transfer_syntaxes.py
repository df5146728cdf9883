"""The table of transfer syntaxes, against the standard's own registry."""

from pydicom._uid_dict import UID_dictionary

from gateway.dicom.transfer_syntaxes import (
    DEFAULT_OF_MEDIA_TYPE,
    DEFLATED,
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
    Kind,
    known,
)

_PAPYRUS = "1.2.840.10008.1.20"


def _ending(*ends: str) -> set[str]:
    return {f"1.2.840.10008.1.2.{end}" for end in ends}


def _of(kind: Kind) -> set[str]:
    return {uid for uid, syntax in TRANSFER_SYNTAXES.items() if syntax.kind is kind}


def test_every_registered_transfer_syntax_is_in_the_table() -> None:
    registered = {uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"}
    assert registered - TRANSFER_SYNTAXES.keys() == {_PAPYRUS}


def test_only_native_data_in_explicit_little_endian_may_leave_as_it_is() -> None:
    native = {uid for uid in _of(Kind.NATIVE) if TRANSFER_SYNTAXES[uid].web}
    assert native == {EXPLICIT_LITTLE_ENDIAN}
    assert _of(Kind.NATIVE) - native == {IMPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN, DEFLATED}


def test_the_byte_order_and_form_of_native_data_is_told() -> None:
    assert TRANSFER_SYNTAXES[IMPLICIT_LITTLE_ENDIAN].implicit
    assert TRANSFER_SYNTAXES[EXPLICIT_BIG_ENDIAN].big_endian
    assert TRANSFER_SYNTAXES[DEFLATED].deflated
    explicit = TRANSFER_SYNTAXES[EXPLICIT_LITTLE_ENDIAN]
    assert not any((explicit.implicit, explicit.big_endian, explicit.deflated))


def test_what_may_be_lossy_by_content_counts_as_lossy() -> None:
    may_be_lossy = _ending("4.81", "4.91", "4.93", "4.112", "4.203")
    assert may_be_lossy <= _of(Kind.LOSSY)
    lossless = _ending("4.57", "4.70", "4.80", "4.90", "4.92", "4.110", "4.201", "4.202", "5")
    assert lossless <= _of(Kind.LOSSLESS)


def test_a_frame_has_the_media_type_of_the_standards_table() -> None:
    wanted = {
        "image/jpeg": {"4.50", "4.51", "4.57", "4.70"},
        "image/jls": {"4.80", "4.81"},
        "image/jp2": {"4.90", "4.91"},
        "image/jpx": {"4.92", "4.93"},
        "image/jxl": {"4.110", "4.111", "4.112"},
        "image/jphc": {"4.201", "4.202", "4.203"},
        "image/dicom-rle": {"5"},
        "video/mpeg": {"4.100", "4.101"},
        "video/mp4": {"4.102", "4.103", "4.104", "4.105", "4.106"},
        "video/h265": {"4.107", "4.108"},
    }
    for media_type, ends in wanted.items():
        for uid in _ending(*ends):
            assert TRANSFER_SYNTAXES[uid].media_type == media_type
    assert TRANSFER_SYNTAXES[EXPLICIT_LITTLE_ENDIAN].media_type is None


def test_the_default_of_a_media_type_is_lossless_and_of_that_type() -> None:
    for media_type, uid in DEFAULT_OF_MEDIA_TYPE.items():
        assert TRANSFER_SYNTAXES[uid].media_type == media_type
        assert TRANSFER_SYNTAXES[uid].kind is Kind.LOSSLESS
    assert set(DEFAULT_OF_MEDIA_TYPE.values()) == _ending(
        "4.70", "4.80", "4.90", "4.201", "4.110", "5"
    )


def test_an_unknown_syntax_is_opaque_and_keeps_its_uid() -> None:
    private = known("1.2.840.113619.5.2")
    assert (private.uid, private.kind, private.web) == ("1.2.840.113619.5.2", Kind.OPAQUE, True)
    assert known(_PAPYRUS).kind is Kind.OPAQUE


def test_the_name_that_htj2k_had_before_its_registration_is_known() -> None:
    assert known("1.2.840.10008.1.2.4.96").media_type == "image/jphc"
