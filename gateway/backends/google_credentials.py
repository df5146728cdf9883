"""A Google Cloud identity, by google-auth: a service account's key, or that of the machine."""

import asyncio
import functools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.backends.credentials import no_credentials_to_be_had
from gateway.backends.optional_library import load
from gateway.backends.token_source import Token

_EXTRA = "google"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_TIMEOUT = 10.0
_SHORTEST = timedelta(seconds=1)


class GoogleTokens:
    """Fetches access tokens in a thread, since google-auth blocks.

    Reading the machine's identity blocks as well: construct it away from the event loop.
    """

    def __init__(self, backend: str, service_account: str | None) -> None:
        wanted_by = f"backends.{backend}.auth"
        self._backend = backend
        self._errors: Any = load("google.auth.exceptions", _EXTRA, wanted_by)
        transport = load("google.auth.transport.requests", _EXTRA, wanted_by)
        self._request = functools.partial(transport.Request(), timeout=_TIMEOUT)
        self._identity: Any
        if service_account is None:
            self._identity, _ = load("google.auth", _EXTRA, wanted_by).default(scopes=_SCOPES)
        else:
            accounts = load("google.oauth2.service_account", _EXTRA, wanted_by)
            self._identity = accounts.Credentials.from_service_account_info(
                json.loads(service_account), scopes=_SCOPES
            )

    async def fetch(self) -> Token:
        """A new token. BackendError 502 if Google gives none."""
        try:
            await asyncio.to_thread(self._identity.refresh, self._request)
        except self._errors.GoogleAuthError:
            raise no_credentials_to_be_had(self._backend) from None
        # The library's moments are in UTC and do not say so.
        left = self._identity.expiry.replace(tzinfo=UTC) - datetime.now(UTC)
        return Token(self._identity.token, max(left, _SHORTEST))
