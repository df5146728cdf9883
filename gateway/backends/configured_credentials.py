"""`auth` of a backend's configuration as credentials, with the session of a token endpoint."""

import asyncio
import time
from contextlib import AsyncExitStack

from pydantic import SecretStr

from gateway.backends.aws_credentials import AwsKeys, AwsSigV4Credentials
from gateway.backends.client_credentials import TokenEndpoint
from gateway.backends.credentials import (
    Credentials,
    FixedCredentials,
    ForwardCredentials,
    NoCredentials,
    basic,
)
from gateway.backends.google_credentials import GoogleTokens
from gateway.backends.token_source import TokenCredentials, TokenSource
from gateway.config.backend_auth import (
    AwsSigV4Auth,
    BasicAuth,
    BearerAuth,
    ClientCredentialsAuth,
    ForwardAuth,
    GoogleAuth,
    NoAuth,
)
from gateway.config.backends import DicomWebBackendConfig
from gateway.net.http_session import HttpSession, Timeouts
from gateway.net.tls import client_context


async def open_credentials(
    stack: AsyncExitStack, config: DicomWebBackendConfig, timeouts: Timeouts
) -> Credentials:
    """The credentials of one backend; what they keep open is closed with the stack.

    ConfigProblems if they need a library or an identity that is not there.
    """
    match config.auth:
        case NoAuth():
            return NoCredentials()
        case BasicAuth() as auth:
            return FixedCredentials(basic(auth.username, auth.password.get_secret_value()))
        case BearerAuth() as auth:
            return FixedCredentials(f"Bearer {auth.token.get_secret_value()}")
        case ForwardAuth():
            return ForwardCredentials(config.name)
        case ClientCredentialsAuth() as auth:
            return await _client_credentials(stack, config, auth, timeouts)
        case GoogleAuth() as auth:
            return await asyncio.to_thread(_google, config.name, auth)
        case AwsSigV4Auth() as auth:
            return await asyncio.to_thread(_aws, config.name, auth)


async def _client_credentials(
    stack: AsyncExitStack,
    config: DicomWebBackendConfig,
    auth: ClientCredentialsAuth,
    timeouts: Timeouts,
) -> Credentials:
    # The endpoint may be the hospital's or a public one. It gets a secret, so that `verify: false`
    # does not hold for it, and the client certificate is for the archive alone.
    tls = await asyncio.to_thread(client_context, config.tls.ca, system_too=True)
    session = await stack.enter_async_context(HttpSession(timeouts, tls))
    endpoint = TokenEndpoint(
        config.name,
        session,
        auth.token_url,
        auth.client_id,
        auth.client_secret.get_secret_value(),
        auth.scope,
    )
    return TokenCredentials(TokenSource(config.name, endpoint.fetch, time.monotonic))


def _google(backend: str, auth: GoogleAuth) -> Credentials:
    tokens = GoogleTokens(backend, _text(auth.service_account))
    return TokenCredentials(TokenSource(backend, tokens.fetch, time.monotonic))


def _aws(backend: str, auth: AwsSigV4Auth) -> Credentials:
    key_id, secret = _text(auth.access_key_id), _text(auth.secret_access_key)
    keys = AwsKeys(key_id, secret, _text(auth.session_token)) if key_id and secret else None
    return AwsSigV4Credentials(backend, auth.region, auth.service, keys)


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
