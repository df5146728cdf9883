"""DICOM JSON Model (PS3.18 F.2) to and from the Native DICOM Model, which is XML (PS3.19 A.1).

What is read comes from archives and is not trusted: see `gateway.dicom.xml_tree`. What is written
is well-formed whatever the dataset holds.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

from pydicom.datadict import keyword_for_tag

from gateway.dicom.dictionary import UNKNOWN_VR, vr_of
from gateway.dicom.json_values import EXACT_INTEGER, PERSON_NAME_GROUPS
from gateway.dicom.resources import Attribute, Dataset
from gateway.dicom.xml_tree import Element, parse_xml

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<NativeDicomModel xmlns="{_NAMESPACE}" xml:space="preserve">'
)
_TAIL = "</NativeDicomModel>\n"

_TAG = re.compile(r"[0-9A-F]{8}")
_VR = re.compile(r"[A-Z]{2}")
_SPACE_MATTERS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_NUMBER = re.compile(r"[-+.0-9Ee]+")

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Line ends other than \n do not survive an XML parser unless they are written as references.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE_ESCAPES = _ESCAPES | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})

_NAME_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def to_xml(dataset: Dataset) -> bytes:
    """The dataset as one UTF-8 document; characters that XML cannot hold become U+FFFD."""
    return (_HEAD + "".join(_dataset_text(dataset)) + _TAIL).encode()


def from_xml(document: bytes) -> Dataset:
    """The dataset of one document, its attributes in ascending order.

    Raises ValueError for what is no Native DICOM Model, or is over a bound. Numbers that JSON
    cannot hold exactly stay text.
    """
    root = parse_xml(document)
    if root.name != "NativeDicomModel":
        raise ValueError("the document is no Native DICOM Model")
    return _dataset(root)


# Writing


def _dataset_text(dataset: Dataset) -> Iterator[str]:
    creators = _creators(dataset)
    for tag, attribute in dataset.items():
        if _TAG.fullmatch(tag) is not None and isinstance(attribute, dict):
            yield from _attribute_text(tag, attribute, creators.get(tag[:6]))


def _creators(dataset: Dataset) -> dict[str, str]:
    """The private creator of each block, by the first six digits of the block's tags."""
    found: dict[str, str] = {}
    for tag, attribute in dataset.items():
        values = attribute.get("Value") if _is_creator(tag) else None
        if values and isinstance(values[0], str):
            found[tag[:4] + tag[6:]] = values[0]
    return found


def _is_private(tag: str) -> bool:
    return _TAG.fullmatch(tag) is not None and int(tag[3], 16) % 2 == 1


def _is_creator(tag: str) -> bool:
    return _is_private(tag) and tag[4:6] == "00" and tag[6:] >= "10"


def _attribute_text(tag: str, attribute: Attribute, creator: str | None) -> Iterator[str]:
    vr = str(attribute.get("vr", ""))
    named = [("tag", tag), ("vr", vr if _VR.fullmatch(vr) else UNKNOWN_VR)]
    if creator is not None and not _is_creator(tag):
        named = [("tag", f"{tag[:4]}00{tag[6:]}"), named[1], ("privateCreator", creator)]
    elif keyword := keyword_for_tag(int(tag, 16)):
        named.append(("keyword", keyword))
    yield "<DicomAttribute" + "".join(_xml_attribute(name, text) for name, text in named) + ">"
    yield from _content_text(vr, attribute)
    yield "</DicomAttribute>"


def _content_text(vr: str, attribute: Attribute) -> Iterator[str]:
    if "BulkDataURI" in attribute:
        yield f"<BulkData{_xml_attribute('uri', attribute['BulkDataURI'])}/>"
    elif "InlineBinary" in attribute:
        yield f"<InlineBinary>{_escaped(attribute['InlineBinary'])}</InlineBinary>"
    else:
        write = _VALUE_WRITERS.get(vr, _value_text)
        for number, value in enumerate(attribute.get("Value") or (), start=1):
            yield from write(number, value)


def _value_text(number: int, value: Any) -> Iterator[str]:
    if value is None:
        yield f'<Value number="{number}"/>'
    else:
        yield f'<Value number="{number}">{_escaped(value)}</Value>'


def _item_text(number: int, item: Any) -> Iterator[str]:
    yield f'<Item number="{number}">'
    if isinstance(item, dict):
        yield from _dataset_text(item)
    yield "</Item>"


def _person_text(number: int, name: Any) -> Iterator[str]:
    """A person name's groups; text, which some archives give, is a name as DICOM writes it."""
    if isinstance(name, str):
        name = dict(zip(PERSON_NAME_GROUPS, name.split("="), strict=False))
    yield f'<PersonName number="{number}">'
    for group in PERSON_NAME_GROUPS:
        text = name.get(group) if isinstance(name, dict) else None
        if text:
            yield f"<{group}>" + "".join(_components_text(str(text))) + f"</{group}>"
    yield "</PersonName>"


def _components_text(text: str) -> Iterator[str]:
    for component, value in zip(_NAME_COMPONENTS, text.split("^", 4), strict=False):
        if value:
            yield f"<{component}>{_escaped(value)}</{component}>"


_VALUE_WRITERS: Mapping[str, Callable[[int, Any], Iterator[str]]] = {
    "SQ": _item_text,
    "PN": _person_text,
}


def _escaped(value: object) -> str:
    return _NOT_XML.sub("\ufffd", str(value)).translate(_ESCAPES)


def _xml_attribute(name: str, value: object) -> str:
    return f' {name}="{_NOT_XML.sub(chr(0xFFFD), str(value)).translate(_ATTRIBUTE_ESCAPES)}"'


# Reading


def _dataset(parent: Element) -> Dataset:
    public: Dataset = {}
    private: list[tuple[str, str, Attribute]] = []
    for element in parent.named("DicomAttribute"):
        tag = element.attributes.get("tag", "").strip().upper()
        creator = element.attributes.get("privateCreator")
        if _TAG.fullmatch(tag) is None:
            continue
        if creator is not None and _is_private(tag) and tag[4:6] == "00":
            private.append((creator, tag, _attribute(tag, element)))
        else:
            public[tag] = _attribute(tag, element)
    for creator, tag, attribute in private:
        public[tag[:4] + _block(public, tag[:4], creator) + tag[6:]] = attribute
    return dict(sorted(public.items()))


def _block(dataset: Dataset, group: str, creator: str) -> str:
    """The two digits of the creator's block in a group: the first free one if it has none."""
    reservations = [f"{group}00{number:02X}" for number in range(0x10, 0x100)]
    for tag in reservations:
        if dataset.get(tag, {}).get("Value") == [creator]:
            return tag[6:]
    free = next((tag for tag in reservations if tag not in dataset), None)
    if free is None:
        raise ValueError("a private group has no free block left")
    dataset[free] = {"vr": "LO", "Value": [creator]}
    return free[6:]


def _attribute(tag: str, element: Element) -> Attribute:
    vr = element.attributes.get("vr", "").strip().upper()
    vr = vr if _VR.fullmatch(vr) else vr_of(tag)
    bulk, inline = element.first("BulkData"), element.first("InlineBinary")
    if bulk is not None and "uri" in bulk.attributes:
        return {"vr": vr, "BulkDataURI": bulk.attributes["uri"]}
    if inline is not None:
        return {"vr": vr, "InlineBinary": "".join(inline.content.split())}
    values = _values(vr, element)
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _values(vr: str, element: Element) -> list[Any]:
    if vr == "SQ":
        return [_dataset(item) for item in element.named("Item")]
    if vr == "PN":
        return [_person(name) for name in element.named("PersonName")]
    return [_value(vr, value.content) for value in element.named("Value")]


def _person(element: Element) -> dict[str, str] | None:
    groups = ((group, element.first(group)) for group in PERSON_NAME_GROUPS)
    return {group: _name(found) for group, found in groups if found is not None} or None


def _name(group: Element) -> str:
    components = [group.first(component) for component in _NAME_COMPONENTS]
    return "^".join("" if each is None else each.content for each in components).rstrip("^")


def _value(vr: str, text: str) -> str | int | float | None:
    text = text if vr in _SPACE_MATTERS else text.strip()
    if not text:
        return None
    read = _NUMBER_READERS.get(vr)
    return text if read is None or _NUMBER.fullmatch(text) is None else read(text)


def _integer(text: str) -> str | int:
    try:
        number = int(text)
    except ValueError:
        return text
    return number if abs(number) <= EXACT_INTEGER else text


def _float(text: str) -> str | float:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if isfinite(number) else text


def _decimal(text: str) -> str | float:
    """A decimal string as a number, unless that would be another number."""
    number = _float(text)
    return number if isinstance(number, str) or Decimal(repr(number)) == Decimal(text) else text


_NUMBER_READERS: Mapping[str, Callable[[str], str | int | float]] = {
    "DS": _decimal,
    "FD": _float,
    "FL": _float,
    "IS": _integer,
    "SL": _integer,
    "SS": _integer,
    "SV": _integer,
    "UL": _integer,
    "US": _integer,
    "UV": _integer,
}
