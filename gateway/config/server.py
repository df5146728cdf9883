"""`server`: where the gateway listens, what it calls itself, and its own bounds."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from gateway.config.addresses import (
    AllowedHost,
    BasePath,
    ExistingFile,
    ExistingFolder,
    HttpUrl,
    ListenHost,
    Network,
    is_loopback,
)
from gateway.config.choices import AutoOrCount
from gateway.config.secrets import Secret
from gateway.config.section import Section, problem
from gateway.config.units import Count, Duration, Port, PositiveDuration, PositiveSize

_KIB, _GIB = 1 << 10, 1 << 30


class ServerTls(Section):
    """TLS at the gateway itself; usually the ingress does it."""

    cert: ExistingFile
    """The certificate and its chain, in PEM."""
    key: ExistingFile
    """Its private key, in PEM and without a passphrase."""


class ServerLimits(Section):
    """Bounds of what clients may send and occupy."""

    request_header: PositiveSize = 64 * _KIB
    """The request line and all header fields of one request."""
    store_request: PositiveSize = 20 * _GIB
    """A whole STOW request; it is streamed and never held in memory."""
    store_instance: PositiveSize = 4 * _GIB
    """One part of a STOW request."""
    requests_in_flight: Count = 512
    """Requests at work at once, a process; above: 503 with Retry-After."""
    request_timeout: PositiveDuration = timedelta(minutes=10)
    """The longest that a request may stand still; a transfer may last while its bytes flow."""


class ServerConfig(Section):
    """Where the gateway listens, what it calls itself to the outside, and its own bounds."""

    host: ListenHost = "127.0.0.1"
    """The address to listen on; the container image sets 0.0.0.0. On a host that is not loopback,
    say also who may use the gateway (`auth`) and what it is called (`public_url` or
    `allowed_hosts`)."""
    port: Port = 8080
    """The TCP port; 0: a free one."""
    base_path: BasePath = "/dicom-web"
    """What stands before `/studies` and all other services. WADO-URI is at `<base_path>/wado`, one
    backend alone at `<base_path>/backends/<name>`."""
    public_url: Annotated[HttpUrl | None, Field(examples=["https://pacs.example.org"])] = None
    """What clients call the gateway, up to but without `base_path`. null: taken from Forwarded or
    X-Forwarded-* of trusted proxies, else from Host."""
    trusted_proxies: Annotated[tuple[Network, ...], Field(examples=[["10.0.0.0/8"]])] = ()
    """Who may set Forwarded and X-Forwarded-Proto, -Host, -Prefix and -For."""
    allowed_hosts: Annotated[
        tuple[AllowedHost, ...],
        Field(examples=[["pacs.example.org", "10.1.2.3:8080"]], validate_default=True),
    ] = ()
    """The Host values that are answered. Empty: the one of `public_url`, and loopback names on a
    loopback host. `/healthz`, `/readyz` and `/metrics` answer any."""
    tls: ServerTls | None = None
    """TLS at the gateway itself; usually the ingress does it."""
    secret: Annotated[Secret | None, Field(examples=[{"env": "GATEWAY_SECRET"}])] = None
    """Keys ETags, multipart boundaries, cookies and links; the same on all replicas. null: drawn at
    each start, so that Range and ETags do not carry across replicas or restarts."""
    workers: AutoOrCount = 1
    """Processes that share the port; auto: one a core."""
    temp: ExistingFolder | None = None
    """The folder for spooled parts. null: the system's."""
    drain_delay: Duration = timedelta(seconds=5)
    """On SIGTERM `/readyz` turns 503 and requests are served for this long, while balancers
    notice."""
    shutdown_grace: Duration = timedelta(seconds=30)
    """Then the listener closes, and streams may finish for this long."""
    limits: ServerLimits = ServerLimits()

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts_are_known(cls, hosts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """A Host that anybody may choose is a way into links and caches."""
        host = info.data.get("host", "localhost")
        if not hosts and not is_loopback(host) and info.data.get("public_url", "") is None:
            raise problem(
                f"must name a host when server.host is {host}, unless server.public_url is set:"
                " only requests for a known Host are answered"
            )
        return hosts
