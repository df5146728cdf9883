"""XML from strangers: no document type, no entities, and bounds on bytes, elements and depth."""

from collections.abc import Iterator
from xml.parsers import expat

MAX_BYTES = 16 * 1024 * 1024
MAX_ELEMENTS = 200_000
MAX_DEPTH = 128


class Element:
    """An XML element; its name is without a namespace, its attributes as written."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.text: list[str] = []

    def named(self, name: str) -> Iterator["Element"]:
        """The children of that name."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> "Element | None":
        """The first child of that name."""
        return next(self.named(name), None)

    @property
    def content(self) -> str:
        """The text directly inside the element."""
        return "".join(self.text)


def parse_xml(document: bytes) -> Element:
    """The root element. Raises ValueError for what is not well-formed or over a bound."""
    if len(document) > MAX_BYTES:
        raise ValueError("the document is too long")
    builder = _TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.buffer_text = True
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError("the document is not well-formed XML") from error
    return builder.open[0].children[0]


class _TreeBuilder:
    """The handlers of one parser; each bound is checked while the document is read."""

    def __init__(self) -> None:
        self.open = [Element("", {})]
        self.elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if self.elements > MAX_ELEMENTS or len(self.open) > MAX_DEPTH:
            raise ValueError("the document has too many elements, or too deep ones")
        element = Element(name.rpartition(" ")[2], attributes)
        self.open[-1].children.append(element)
        self.open.append(element)

    def end(self, name: str) -> None:
        self.open.pop()

    def text(self, text: str) -> None:
        self.open[-1].text.append(text)

    def refuse(self, *_: object) -> None:
        raise ValueError("a document type is not read")
