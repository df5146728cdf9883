"""What a client asks of a rendered resource (PS3.18 8.3.5)."""

from dataclasses import dataclass

from gateway.dicom.resources import Resource


@dataclass(frozen=True, slots=True)
class RenderedRequest:
    """A rendered resource or thumbnail (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

    resource: Resource
    kind: str
    """`rendered` or `thumbnail`."""
    accept: str
    """The media types that the client takes, as an Accept value written by the gateway."""
    frames: tuple[int, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    """The query's decoded pairs, but for `accept`."""
