"""`auth`: who may use the gateway, and for what."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from gateway.config.addresses import HttpUrl, Network, SecureUrl
from gateway.config.choices import Flag
from gateway.config.secrets import UnreadSecret
from gateway.config.section import Lacking, Section
from gateway.config.units import Count, Duration, PositiveDuration, PositiveSize
from gateway.dicom.operations import Operation

Algorithm: TypeAlias = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
Texts: TypeAlias = Text | tuple[Text, ...]
Values: TypeAlias = Mapping[str, Texts]
"""Attribute keywords, and the value or values that are meant."""


class Introspection(Section):
    """For opaque tokens (RFC 7662)."""

    endpoint: SecureUrl
    """The introspection endpoint."""
    client_id: Text
    """The gateway's own client there; not a secret."""
    client_secret: UnreadSecret
    """The client's secret."""


class IssuerConfig(Section):
    """An OpenID provider whose tokens count."""

    issuer: SecureUrl
    """Exactly as in the tokens; https, or http on loopback."""
    audiences: Annotated[tuple[Text, ...], Field(min_length=1)]
    """One of them must be in the token."""
    algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA")
    """The signatures that are taken."""
    clock_skew: Duration = timedelta(seconds=30)
    """How far clocks may differ."""
    jwks_ttl: PositiveDuration = timedelta(minutes=10)
    """How long keys are kept; an unknown one is fetched at once."""
    min_refetch: PositiveDuration = timedelta(seconds=10)
    """At most one fetch in this time."""
    introspection: Introspection | None = None
    """For opaque tokens."""


class When(Section):
    """Whom a rule is for: all that is given must hold."""

    claim: Text | None = None
    """A claim of the token, with dots for what lies deeper."""
    contains: Text | None = None
    """The claim is this, or a list with it."""
    exists: Flag | None = None
    """The claim is there, or is not."""
    scope: Text | None = None
    """The token has this scope."""
    address: Network | None = None
    """The caller's address lies inside."""


class RuleConfig(Section):
    """What some callers may do; a request passes if one rule grants all of it."""

    name: Text
    """For logs and the audit."""
    when: When = When()
    """Whom it is for."""
    allow: Annotated[tuple[Operation, ...], Field(min_length=1)]
    """The operations that it grants."""
    backends: tuple[Text, ...] | None = None
    """Where. null: on all."""
    only: Values = Field(default_factory=dict)
    """Within what: the attributes that all of it must have."""


class ExternalPolicy(Section):
    """A decision of an Open Policy Agent, asked after the rules; failure denies."""

    opa: HttpUrl
    """The decision's URL."""
    timeout: PositiveDuration = timedelta(milliseconds=500)
    """How long it is waited for."""


class SubjectLimits(Section):
    """Bounds of one subject, or of one address where nobody logs in."""

    requests_per_minute: Annotated[Count | None, Lacking()] = None
    """null: no bound."""
    bytes_per_minute: Annotated[PositiveSize | None, Lacking()] = None
    """null: no bound."""
    in_flight: Annotated[Count | None, Lacking()] = None
    """null: no bound."""


class Cookie(Section):
    """The cookie of a session."""

    name: Text = "dicomweb_gateway"
    """Its name."""
    max_age: PositiveDuration = timedelta(hours=8)
    """How long a session lives."""
    same_site: Literal["lax", "strict", "none"] = "lax"
    """When other sites' requests carry it."""


class LoginConfig(Section):
    """Log in with a browser, at /auth/login."""

    enabled: Annotated[Flag, Lacking(False)] = False
    """Whether it is on."""
    issuer: SecureUrl | None = None
    """One of the issuers."""
    client_id: Text | None = None
    """The gateway's own client there; not a secret."""
    client_secret: UnreadSecret | None = None
    """The client's secret."""
    scopes: tuple[Text, ...] = ("openid",)
    """What is asked for."""
    cookie: Cookie = Cookie()


class ShareLinks(Section):
    """Links that show one study to whoever has them."""

    enabled: Annotated[Flag, Lacking(False)] = False
    """Whether they are on."""
    max_age: PositiveDuration = timedelta(days=30)
    """The longest that a link lives."""
    viewer_url: Text | None = None
    """Where a link leads; `{study}` is the study's UID."""


class AuthConfig(Section):
    """Who may use the gateway, and for what."""

    mode: Annotated[Literal["none", "oidc"], Lacking("none")] = "none"
    """none: whoever reaches the gateway may do all that its backends do. oidc: a token decides."""
    allow_anonymous: Flag = False
    """true: mode none is meant, also on a host that is not loopback."""
    issuers: Annotated[tuple[IssuerConfig, ...], Lacking()] = ()
    """The OpenID providers whose tokens count."""
    rules: Annotated[tuple[RuleConfig, ...], Lacking()] = ()
    """What is granted; the rest is denied."""
    external: Annotated[ExternalPolicy | None, Lacking()] = None
    """A decision asked for after the rules."""
    limits: SubjectLimits = SubjectLimits()
    login: LoginConfig = LoginConfig()
    share_links: ShareLinks = ShareLinks()
