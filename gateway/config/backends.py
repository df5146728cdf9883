"""`backends`: the archives behind the gateway, in the order of their precedence."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetPydanticSchema,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from gateway.config.addresses import ExistingFile, HttpUrl, host_of, is_secure
from gateway.config.backend_auth import BackendAuth, ClientCredentialsAuth, NoAuth
from gateway.config.choices import Flag, one_of_forms
from gateway.config.headers import Headers
from gateway.config.section import Section, Shape, not_in_this_version, problem
from gateway.config.units import Count, PositiveDuration, Rate
from gateway.dicom.operations import Operation
from gateway.dicom.uids import is_uid

_NAME = re.compile(r"[a-z0-9-]+")
_HEALTH_PATH = re.compile(r"/[!-~]*")
_SERVICES = tuple(each for each in Operation if each is not Operation.ADMIN)
_RUNNING = (Operation.SEARCH, Operation.RETRIEVE, Operation.STORE)


def _backend_name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise problem("must be of small letters, digits and -, such as orthanc-2")
    return text


def _service(value: object) -> object:
    if value not in _SERVICES:
        raise problem(f"must be one of {', '.join(_SERVICES)}")
    if value not in _RUNNING:
        raise not_in_this_version()
    return value


def _health_path(text: str) -> str:
    if _HEALTH_PATH.fullmatch(text) is None or "#" in text:
        raise problem("must begin with / and be a path below url, such as /studies?limit=1")
    return text


def _transfer_syntax(text: str) -> str:
    if not is_uid(text):
        raise problem("must be the UID of a transfer syntax, such as 1.2.840.10008.1.2.1")
    return text


BackendName: TypeAlias = Annotated[
    str,
    AfterValidator(_backend_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"}),
    Shape("name"),
]
Service: TypeAlias = Annotated[
    Operation,
    BeforeValidator(_service),
    WithJsonSchema({"type": "string", "enum": [str(each) for each in _SERVICES]}),
    Shape(", ".join(f"`{each}`" for each in _SERVICES)),
]
Capability: TypeAlias = Literal[
    "rendered", "thumbnail", "transcoding", "includefield_all", "fuzzymatching", "zip"
]


class BackendTls(Section):
    """TLS to one backend."""

    ca: ExistingFile | None = None
    """The authorities to trust, in PEM. null: those of the system."""
    cert: ExistingFile | None = None
    """A client certificate, in PEM; `key` goes with it."""
    key: ExistingFile | None = None
    """The key of `cert`; the same file where it holds both."""
    verify: Flag = True
    """false: any certificate is taken, and whoever is on the way can read and change everything."""

    @model_validator(mode="after")
    def _cert_and_key(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise problem("cert and key go together: give both; one file may be named twice")
        return self


class BackendTimeouts(Section):
    """How long one backend is waited for."""

    connect: PositiveDuration = timedelta(seconds=5)
    """Until the connection stands, TLS too."""
    first_byte: PositiveDuration = timedelta(seconds=30)
    """From the request until the first byte of its answer."""
    idle: PositiveDuration = timedelta(seconds=60)
    """Between two pieces of a body."""
    search: PositiveDuration = timedelta(seconds=10)
    """A whole search."""


class BackendLimits(Section):
    """What one backend is asked to bear, a process."""

    connections: Count = 32
    """Connections open at once."""
    in_flight: Count = 64
    """Requests at work or waiting for a connection; above: 503 with Retry-After."""
    requests_per_second: Rate | None = None
    """null: no bound."""


class Breaker(Section):
    """When a backend that fails is left alone for a while."""

    failures: Count = 5
    """So many failures in a row open it."""
    open_for: PositiveDuration = timedelta(seconds=30)
    """For so long it is not asked; then one request tries."""


class HealthCheck(Section):
    """How a backend is asked whether it is there."""

    path: Annotated[str, AfterValidator(_health_path), Shape("path")] = "/studies?limit=1"
    """What is asked for, below `url`."""
    every: PositiveDuration = timedelta(seconds=30)
    """How often."""


class ChangesEvery(Section):
    """Search for changes this often."""

    every: PositiveDuration


class BackendStore(Section):
    """What a backend likes to be sent."""

    transfer_syntax: Annotated[str, AfterValidator(_transfer_syntax), Shape("UID")] | None = None
    """null: as received."""
    batch: Count = 10
    """Instances in one store request at most."""


class DicomWebBackendConfig(Section):
    """An archive that speaks DICOMweb."""

    name: Annotated[BackendName, Field(examples=["orthanc"])]
    """Small letters, digits and `-`; part of paths, logs and metrics."""
    type: Literal["dicomweb"]
    """The kind of archive; `folder` and `dimse` are not in this version."""
    url: Annotated[HttpUrl, Field(examples=["http://orthanc:8042/dicom-web"])]
    """What stands before `/studies` at the archive."""
    wado_uri: Annotated[HttpUrl | None, Field(examples=["http://orthanc:8042/wado"])] = None
    """Its WADO-URI address. null: WADO-URI is answered through WADO-RS."""
    services: Annotated[tuple[Service, ...], Field(min_length=1)] = _RUNNING
    """What it is used for; `delete` and `worklist` are not in this version."""
    auth: BackendAuth = NoAuth()
    """How the gateway proves itself to the archive."""
    tls: BackendTls = BackendTls()
    headers: Headers = Field(default_factory=dict)
    """Extra headers of every request."""
    timeouts: BackendTimeouts = BackendTimeouts()
    limits: BackendLimits = BackendLimits()
    breaker: Breaker = Breaker()
    health: HealthCheck = HealthCheck()
    capabilities: Annotated[
        Literal["auto"] | tuple[Capability, ...],
        one_of_forms(
            "auto or a list of rendered, thumbnail, transcoding, includefield_all,"
            " fuzzymatching, zip"
        ),
        Field(examples=[["rendered", "thumbnail"]]),
    ] = "auto"
    """What of its own may be used. auto: learned from ordinary answers; it is never asked to
    transcode or render to find out."""
    changes: Annotated[
        Literal["auto", "orthanc", "search", "none"] | ChangesEvery,
        one_of_forms("auto, orthanc, search, none, or { every: 10s }"),
        Field(examples=[{"every": "10s"}]),
        Shape("`auto`, `orthanc`, `search`, `none` or `{ every: duration }`"),
    ] = "auto"
    """How news is noticed."""
    patient_id_issuer: str | None = None
    """Fills IssuerOfPatientID where the archive gives none."""
    store: BackendStore = BackendStore()

    @field_validator("auth")
    @classmethod
    def _token_url_is_private(cls, auth: BackendAuth, info: ValidationInfo) -> BackendAuth:
        """A client's secret in the clear is no worse than the archive's own traffic, at most."""
        if not isinstance(auth, ClientCredentialsAuth) or is_secure(auth.token_url):
            return auth
        if host_of(auth.token_url) != host_of(info.data.get("url", auth.token_url)):
            raise problem(
                "must begin with https:// unless its host is loopback or the backend's own",
                below="token_url",
            )
        return auth

    @field_validator("headers")
    @classmethod
    def _one_authorization(cls, headers: Headers, info: ValidationInfo) -> Headers:
        clash = [name for name in headers if name.lower() == "authorization"]
        if clash and not isinstance(info.data.get("auth", NoAuth()), NoAuth):
            raise problem("is what auth sends already: remove one of the two", below=clash[0])
        return headers


class UnavailableBackendConfig(Section):
    """A type that this version lacks: refused, and the rest of it is not judged."""

    model_config = ConfigDict(extra="ignore")

    type: Annotated[Literal["folder", "dimse"], AfterValidator(lambda _: _refuse_type())]


def _refuse_type() -> Any:
    raise not_in_this_version("dicomweb")


def _kind(value: Any) -> str:
    """A type that nobody knows is read as `dicomweb`, so that all else that is wrong shows too."""
    named = value.get("type") if isinstance(value, dict) else None
    return "unavailable" if named in ("folder", "dimse") else "dicomweb"


BackendConfig: TypeAlias = Annotated[
    DicomWebBackendConfig,
    # Read as any type of the contract; since the others are refused, this one is what is left.
    GetPydanticSchema(
        lambda _source, handler: handler.generate_schema(
            Annotated[
                Annotated[DicomWebBackendConfig, Tag("dicomweb")]
                | Annotated[UnavailableBackendConfig, Tag("unavailable")],
                Discriminator(_kind),
            ]
        )
    ),
]
