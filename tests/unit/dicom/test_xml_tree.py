import pytest

from gateway.dicom.xml_tree import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, parse_xml

BILLION_LAUGHS = b"""<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<x>&b;</x>"""
EXTERNAL = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>'


def test_elements_are_found_by_name_whatever_their_namespace() -> None:
    root = parse_xml(b'<n:a xmlns:n="urn:x" k="v"><n:b>1<c/>2</n:b><b>3</b><n:d/></n:a>')
    assert root.name == "a"
    assert root.attributes == {"k": "v"}
    assert [child.content for child in root.named("b")] == ["12", "3"]
    assert root.first("d") is root.children[2]
    assert root.first("e") is None


@pytest.mark.parametrize(
    "document", [BILLION_LAUGHS, EXTERNAL, b'<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><x/>']
)
def test_a_document_type_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match="document type"):
        parse_xml(document)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"   ",
        b"plain",
        b"<x>",
        b"<x></y>",
        b"<x/><x/>",
        b"<x>&nbsp;</x>",
        b"<x>\0</x>",
        b"\xff\xfe\xfd",
        b'<?xml version="1.0" encoding="no-such-code"?><x/>',
        b'<?xml version="1.0" encoding="rot13"?><x/>',
        b'<?xml version="1.0" encoding="UTF-8"?><x>\xe4</x>',
    ],
)
def test_what_is_not_well_formed_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match="well-formed"):
        parse_xml(document)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_the_declared_encoding_is_used(encoding: str) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?><x>Äöü</x>'.encode(encoding)
    assert parse_xml(document).content == "Äöü"


def test_depth_is_bounded() -> None:
    assert parse_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).name == "a"
    with pytest.raises(ValueError, match="too deep"):
        parse_xml(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1))


def test_elements_are_bounded() -> None:
    assert len(parse_xml(b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>").children) > 1
    with pytest.raises(ValueError, match="too many elements"):
        parse_xml(b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>")


def test_bytes_are_bounded() -> None:
    with pytest.raises(ValueError, match="too long"):
        parse_xml(b"<a>" + b" " * MAX_BYTES + b"</a>")
