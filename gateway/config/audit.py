"""`audit`: who did what, for the record."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from gateway.config.addresses import HttpUrl, ListenHost
from gateway.config.choices import Flag
from gateway.config.section import Lacking, Section, Shape
from gateway.config.units import Port


class FileSink(Section):
    """Lines of JSON in a file."""

    type: Literal["file"]
    path: Path
    """The file."""


class SyslogSink(Section):
    """Syslog (RFC 5425 with tls)."""

    type: Literal["syslog"]
    host: ListenHost
    """The server."""
    port: Port = 6514
    """Its port."""
    tls: Flag = True
    """Whether the way is encrypted."""


class FhirSink(Section):
    """AuditEvents in a FHIR store."""

    type: Literal["fhir"]
    url: HttpUrl
    """The server's base."""


Sink: TypeAlias = Annotated[
    FileSink | SyslogSink | FhirSink, Field(discriminator="type"), Shape("kinds, see below")
]


class AuditConfig(Section):
    """Who did what, for the record."""

    sinks: Annotated[tuple[Sink, ...], Lacking()] = ()
    """Where the record goes."""
