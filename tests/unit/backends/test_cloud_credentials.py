"""Cloud identities: by the real libraries, against servers of the tests."""

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from gateway.backends.configured_credentials import open_credentials
from gateway.config.backends import DicomWebBackendConfig
from gateway.errors import BackendError, ConfigProblems
from gateway.net.http_session import Timeouts
from gateway.net.request_body import BytesBody
from tests.fakes.pacs import Pacs, Recorded, Reply
from tests.fakes.token_endpoint import TokenEndpoint
from tests.fakes.transports import ANYBODY, LONG, wired

PATH = "/dicom-web/studies"
AWS = {
    "type": "aws_sigv4",
    "region": "eu-central-1",
    "access_key_id": SecretStr("AKIDEXAMPLE"),
    "secret_access_key": SecretStr("wJalrXUtnFEMI"),
    "session_token": SecretStr("session"),
}


@pytest.fixture
async def pacs() -> AsyncIterator[Pacs]:
    async with Pacs() as pacs:
        pacs.on("GET", PATH, Reply(json=[]))
        pacs.on("POST", PATH, Reply(json={}))
        yield pacs


@pytest.fixture
async def google() -> AsyncIterator[TokenEndpoint]:
    async with Pacs() as server:
        yield TokenEndpoint(server)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def service_account(key: rsa.RSAPrivateKey, endpoint: TokenEndpoint) -> dict[str, Any]:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "type": "service_account",
        "client_email": "gateway@example.iam.gserviceaccount.com",
        "private_key": pem,
        "token_uri": endpoint.url,
    }
    return {"type": "google", "service_account": SecretStr(json.dumps(account))}


async def ask(pacs: Pacs, auth: dict[str, Any], times: int = 1, **options: Any) -> None:
    fields = {"name": "pacs", "type": "dicomweb", "url": pacs.base, "auth": auth}
    config = DicomWebBackendConfig.model_validate(fields)
    async with AsyncExitStack() as stack:
        credentials = await open_credentials(stack, config, Timeouts(LONG, LONG, LONG))
        w = await stack.enter_async_context(wired(pacs, credentials=credentials))
        method = "POST" if "body" in options else "GET"
        for _ in range(times):
            async with w.transport.request(method, "studies", context=ANYBODY, **options):
                pass


# -- Google


async def test_a_service_account_gets_a_token_for_its_signed_claim(
    pacs: Pacs, google: TokenEndpoint, key: rsa.RSAPrivateKey
) -> None:
    await ask(pacs, service_account(key, google), times=2)

    assert [each.headers["Authorization"] for each in pacs.requests] == ["Bearer t1"] * 2
    (asked,) = google.requests
    (assertion,) = parse_qs((asked.body or b"").decode())["assertion"]
    claims = verified(assertion, key.public_key())
    assert claims["iss"] == "gateway@example.iam.gserviceaccount.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"


async def test_a_service_account_that_is_refused_is_502(
    pacs: Pacs, google: TokenEndpoint, key: rsa.RSAPrivateKey
) -> None:
    google.answer = Reply(400, json={"error": "invalid_grant"})
    with pytest.raises(BackendError) as caught:
        await ask(pacs, service_account(key, google))

    assert (caught.value.status, caught.value.category) == (502, "backend_credentials")
    assert pacs.requests == []


def verified(token: str, key: rsa.RSAPublicKey) -> dict[str, Any]:
    """The claims of a JWT that is signed with RS256 (RFC 7515)."""
    signed, _, signature = token.rpartition(".")
    key.verify(decoded(signature), signed.encode(), PKCS1v15(), SHA256())
    claims: dict[str, Any] = json.loads(decoded(signed.partition(".")[2]))
    return claims


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# -- AWS


async def test_a_request_is_signed_over_its_path_and_query(pacs: Pacs) -> None:
    pairs = [("StudyDate", "20200101-20201231"), ("PatientName", "DOE^J*"), ("limit", "1")]
    await ask(pacs, AWS, parameters=pairs)

    (request,) = pacs.requests
    assert parse_qsl(request.query) == pairs
    assert request.headers["X-Amz-Security-Token"] == "session"
    assert signature_in(request) == signature_of(request, hashlib.sha256(b"").hexdigest())


async def test_a_body_is_streamed_and_not_signed(pacs: Pacs) -> None:
    await ask(pacs, AWS, body=BytesBody(b"instance"))

    (request,) = pacs.requests
    assert request.body == b"instance"
    assert request.headers["X-Amz-Content-SHA256"] == "UNSIGNED-PAYLOAD"
    assert signature_in(request) == signature_of(request, "UNSIGNED-PAYLOAD")


async def test_a_machine_without_an_identity_is_told_of_at_the_start(
    pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ConfigProblems) as caught:
        await ask(pacs, {"type": "aws_sigv4", "region": "eu-central-1"})

    assert "access_key_id" in caught.value.problems[0]


def signature_in(request: Recorded) -> str:
    return request.headers["Authorization"].rpartition("Signature=")[2]


def signature_of(request: Recorded, payload: str) -> str:
    """Signature Version 4 of what arrived, worked out from its description."""
    authorization = request.headers["Authorization"]
    signed = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    scope = authorization.partition("AKIDEXAMPLE/")[2].partition(",")[0]
    query = "&".join(f"{quote(k, '')}={quote(v, '')}" for k, v in sorted(parse_qsl(request.query)))
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in signed)
    canonical = (request.method, request.path, query, headers, ";".join(signed), payload)
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", request.headers["X-Amz-Date"], scope, digest))
    secret = b"AWS4wJalrXUtnFEMI"
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    return hmac.new(secret, text.encode(), "sha256").hexdigest()


# -- libraries that are not installed


@pytest.mark.parametrize(
    ("module", "auth", "extra"),
    [
        ("google.auth.transport.requests", {"type": "google"}, "google"),
        ("botocore.auth", AWS, "aws"),
    ],
)
async def test_an_extra_that_is_missing_is_a_problem_of_the_configuration(
    pacs: Pacs, monkeypatch: pytest.MonkeyPatch, module: str, auth: dict[str, Any], extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigProblems) as caught:
        await ask(pacs, auth)

    assert caught.value.problems == (
        f'backends.pacs.auth: needs a library: pip install "dicomweb-gateway[{extra}]"',
    )
