"""AWS Signature Version 4, by botocore: keys of the configuration, or the machine's identity."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.backends.credentials import Outgoing, no_credentials_to_be_had
from gateway.backends.optional_library import load
from gateway.errors import ConfigProblems
from gateway.net.urls import strictly_encoded

_EXTRA = "aws"
_UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Keys that the configuration names."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class AwsSigV4Credentials:
    """Signs each request in a thread: botocore may fetch new keys for the machine, and blocks.

    The payload of a request with a body is not signed, as it is streamed and read once; TLS
    protects it. Construct it away from the event loop.
    """

    forwards = False

    def __init__(self, backend: str, region: str, service: str, keys: AwsKeys | None) -> None:
        wanted_by = f"backends.{backend}.auth"
        self._backend = backend
        self._region, self._service = region, service
        self._signer: Any = load("botocore.auth", _EXTRA, wanted_by).SigV4Auth
        self._request: Any = load("botocore.awsrequest", _EXTRA, wanted_by).AWSRequest
        self._errors: Any = load("botocore.exceptions", _EXTRA, wanted_by)
        self._identity = _identity(wanted_by, keys)

    async def headers(self, request: Outgoing) -> Mapping[str, str]:
        try:
            return await asyncio.to_thread(self._signed, request)
        except self._errors.BotoCoreError:
            raise no_credentials_to_be_had(self._backend) from None

    def renew(self, sent: Mapping[str, str]) -> bool:
        return False

    def _signed(self, outgoing: Outgoing) -> Mapping[str, str]:
        request = self._request(method=outgoing.method, url=strictly_encoded(outgoing.url))
        if outgoing.has_body:
            request.headers["X-Amz-Content-SHA256"] = _UNSIGNED
        keys = self._identity.get_frozen_credentials()
        self._signer(keys, self._service, self._region).add_auth(request)
        return dict(request.headers.items())


def _identity(wanted_by: str, keys: AwsKeys | None) -> Any:
    if keys is not None:
        library = load("botocore.credentials", _EXTRA, wanted_by)
        return library.Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    found = load("botocore.session", _EXTRA, wanted_by).get_session().get_credentials()
    if found is None:
        raise ConfigProblems(
            (f"{wanted_by}: this machine has no AWS identity: give access_key_id and its secret",)
        )
    return found
