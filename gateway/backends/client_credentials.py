"""OAuth 2.0 client credentials (RFC 6749 4.4): the gateway's own token for an archive."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import orjson
from yarl import URL

from gateway.backends.credentials import basic, no_credentials_to_be_had
from gateway.backends.token_source import Token
from gateway.errors import StreamBroken
from gateway.net.failures import NoAnswer
from gateway.net.http_session import HttpSession, Response
from gateway.net.request_body import BytesBody
from gateway.net.urls import encode

_MAX_ANSWER = 64 * 1024
_LIFETIME_UNLESS_SAID = 300
_LONGEST_LIFETIME = 24 * 3600
# RFC 6750 2.1; anything else could end the header that it goes into.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class TokenEndpoint:
    """Asks one token endpoint; its redirects are not followed, they would carry the secret."""

    def __init__(
        self,
        backend: str,
        session: HttpSession,
        token_url: str,
        client_id: str,
        client_secret: str,
        scope: str | None,
    ) -> None:
        self._backend = backend
        self._session = session
        self._url = URL(token_url, encoded=True)
        # RFC 6749 2.3.1: both are form-encoded before they are joined.
        self._headers = {
            "Authorization": basic(quote_plus(client_id), quote_plus(client_secret)),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        fields = [("grant_type", "client_credentials")] + ([("scope", scope)] if scope else [])
        self._body = BytesBody(encode(fields).encode("ascii"))

    async def fetch(self) -> Token:
        """A new token. BackendError 502 for whatever goes wrong, in words that tell nothing."""
        try:
            async with self._session.request(
                "POST", self._url, self._headers, self._body
            ) as response:
                return _token(response.status, await _bounded(response))
        except (NoAnswer, StreamBroken, ValueError):
            # The cause may quote the endpoint's answer, and with it a secret.
            raise no_credentials_to_be_had(self._backend) from None


async def _bounded(response: Response) -> bytes:
    body = bytearray()
    async for chunk in response.chunks():
        body += chunk
        if len(body) > _MAX_ANSWER:
            raise ValueError("the token endpoint's answer is too large")
    return bytes(body)


def _token(status: int, body: bytes) -> Token:
    answer: Any = orjson.loads(body) if status == 200 else None
    if not isinstance(answer, dict) or not _is_bearer(answer):
        raise ValueError("the token endpoint gave no token")
    lifetime = int(answer.get("expires_in") or _LIFETIME_UNLESS_SAID)
    return Token(
        answer["access_token"], timedelta(seconds=min(max(lifetime, 1), _LONGEST_LIFETIME))
    )


def _is_bearer(answer: dict[str, Any]) -> bool:
    token, kind = answer.get("access_token"), answer.get("token_type", "bearer")
    return (
        isinstance(token, str)
        and _TOKEN.fullmatch(token) is not None
        and isinstance(kind, str)
        and kind.lower() == "bearer"
    )
