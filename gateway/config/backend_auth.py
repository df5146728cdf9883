"""How the gateway proves itself to a backend; a client certificate is in the backend's `tls`."""

import json
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.config.addresses import HttpUrl
from gateway.config.secrets import Secret, SecretDocument, SecretOrText
from gateway.config.section import Section, Shape, problem


def _user_name(text: str) -> str:
    """RFC 7617 2: the first colon ends the name."""
    if ":" in text or not text.isprintable():
        raise problem("must not hold a colon or a line break")
    return text


def _service_account(secret: SecretStr) -> SecretStr:
    try:
        key = json.loads(secret.get_secret_value())
    except ValueError:
        key = None
    if not isinstance(key, dict) or "client_email" not in key or "private_key" not in key:
        raise problem("is not the key of a service account: give the JSON file as downloaded")
    return secret


Name: TypeAlias = Annotated[str, Field(min_length=1)]


class NoAuth(Section):
    """Nothing is sent."""

    type: Literal["none"] = "none"


class BasicAuth(Section):
    """HTTP Basic."""

    type: Literal["basic"]
    username: Annotated[str, AfterValidator(_user_name), Field(examples=["gateway"])]
    """The user; not a secret."""
    password: Annotated[Secret, Field(examples=[{"env": "PACS_PASSWORD"}])]
    """The user's password."""


class BearerAuth(Section):
    """A fixed bearer token."""

    type: Literal["bearer"]
    token: Annotated[Secret, Field(examples=[{"file": "/run/secrets/pacs-token"}])]
    """The token, without the word Bearer."""


class ClientCredentialsAuth(Section):
    """OAuth 2.0 client credentials; the token is renewed before it ends and after a 401."""

    type: Literal["client_credentials"]
    token_url: Annotated[HttpUrl, Field(examples=["https://idp.example.org/token"])]
    """The token endpoint: https, or http on loopback or on the backend's own host."""
    client_id: Name
    """The client; not a secret."""
    client_secret: Annotated[Secret, Field(examples=[{"env": "PACS_CLIENT_SECRET"}])]
    """The client's secret."""
    scope: str | None = None
    """The scopes to ask for, with a space between them."""


class ForwardAuth(Section):
    """The caller's own bearer token is sent on."""

    type: Literal["forward"]


class GoogleAuth(Section):
    """A Google Cloud identity; needs the extra `dicomweb-gateway[google]`."""

    type: Literal["google"]
    service_account: Annotated[
        SecretDocument | None, AfterValidator(lambda key: key and _service_account(key))
    ] = None
    """The JSON key of a service account. null: the identity of the machine (application default
    credentials)."""


class AwsSigV4Auth(Section):
    """AWS Signature Version 4; needs the extra `dicomweb-gateway[aws]`."""

    type: Literal["aws_sigv4"]
    region: Annotated[Name, Field(examples=["eu-central-1"])]
    """The region in the signature."""
    service: Name = "medical-imaging"
    """The service in the signature."""
    access_key_id: SecretOrText | None = None
    """null, with the secret key: the identity of the machine (environment, profile or role)."""
    secret_access_key: Secret | None = None
    """Goes with `access_key_id`."""
    session_token: Secret | None = None
    """For temporary keys."""

    @model_validator(mode="after")
    def _key_and_secret(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise problem("access_key_id and secret_access_key go together: give both or none")
        return self


BackendAuth: TypeAlias = Annotated[
    NoAuth
    | BasicAuth
    | BearerAuth
    | ClientCredentialsAuth
    | ForwardAuth
    | GoogleAuth
    | AwsSigV4Auth,
    Field(discriminator="type"),
    Shape("a kind, see below"),
]
