"""Each kind of credentials, as an archive sees it, and that none is seen elsewhere."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from gateway.access.principal import Principal
from gateway.backends.base import CallContext
from gateway.backends.configured_credentials import open_credentials
from gateway.backends.credentials import Credentials
from gateway.backends.transport import Transport
from gateway.config.backends import DicomWebBackendConfig
from gateway.errors import BackendError
from gateway.net.http_session import Timeouts
from gateway.net.request_body import BytesBody
from tests.fakes.pacs import Cut, Pacs, Raw, Recorded, Reply, stay
from tests.fakes.token_endpoint import TokenEndpoint
from tests.fakes.transports import ANYBODY, LONG, SHORT, wired

PATH = "/dicom-web/studies"
SECRET = "s3cret/+&"
PATIENT = Timeouts(LONG, LONG, LONG)


@pytest.fixture
async def pacs() -> AsyncIterator[Pacs]:
    async with Pacs() as pacs:
        pacs.on("GET", PATH, Reply(json=[]))
        yield pacs


@pytest.fixture
async def tokens() -> AsyncIterator[TokenEndpoint]:
    async with Pacs() as server:
        yield TokenEndpoint(server)


def config(pacs: Pacs, auth: dict[str, Any], **other: Any) -> DicomWebBackendConfig:
    fields = {"name": "pacs", "type": "dicomweb", "url": pacs.base, "auth": auth, **other}
    return DicomWebBackendConfig.model_validate(fields)


@asynccontextmanager
async def proven(
    pacs: Pacs, auth: dict[str, Any], timeouts: Timeouts = PATIENT
) -> AsyncIterator[Transport]:
    async with AsyncExitStack() as stack:
        credentials: Credentials = await open_credentials(stack, config(pacs, auth), timeouts)
        w = await stack.enter_async_context(wired(pacs, credentials=credentials))
        yield w.transport


async def ask(
    transport: Transport, context: CallContext = ANYBODY, method: str = "GET", body: bytes = b""
) -> bytes:
    sent = BytesBody(body) if method == "POST" else None
    async with transport.request(method, "studies", context=context, body=sent) as answer:
        return await answer.read(1000)


async def error_of(transport: Transport, context: CallContext = ANYBODY) -> BackendError:
    with pytest.raises(BackendError) as caught:
        await ask(transport, context)
    return caught.value


def authorization(request: Recorded) -> str | None:
    return request.headers.get("Authorization")


def client_credentials(tokens: TokenEndpoint, scope: str | None = None) -> dict[str, Any]:
    return {
        "type": "client_credentials",
        "token_url": tokens.url,
        "client_id": "gateway: one",
        "client_secret": SecretStr(SECRET),
        "scope": scope,
    }


# -- the simple kinds


async def test_none_sends_nothing(pacs: Pacs) -> None:
    async with proven(pacs, {"type": "none"}) as transport:
        await ask(transport)

    assert authorization(pacs.requests[0]) is None


async def test_basic_sends_name_and_password(pacs: Pacs) -> None:
    auth = {"type": "basic", "username": "jörg", "password": SecretStr("a:b")}
    async with proven(pacs, auth) as transport:
        await ask(transport)

    scheme, _, pair = str(authorization(pacs.requests[0])).partition(" ")
    assert (scheme, base64.b64decode(pair).decode()) == ("Basic", "jörg:a:b")


async def test_bearer_sends_its_token(pacs: Pacs) -> None:
    async with proven(pacs, {"type": "bearer", "token": SecretStr(SECRET)}) as transport:
        await ask(transport)

    assert authorization(pacs.requests[0]) == f"Bearer {SECRET}"


async def test_forward_sends_the_callers_token(pacs: Pacs) -> None:
    async with proven(pacs, {"type": "forward"}) as transport:
        for token in ("alices", "bobs"):
            caller = Principal(token, bearer_token=token)
            await ask(transport, CallContext(caller, "request-1"))

    assert [authorization(each) for each in pacs.requests] == ["Bearer alices", "Bearer bobs"]


async def test_forward_without_a_token_is_401_and_the_archive_is_not_asked(pacs: Pacs) -> None:
    async with proven(pacs, {"type": "forward"}) as transport:
        error = await error_of(transport)

    assert (error.status, error.headers) == (401, {"WWW-Authenticate": "Bearer"})
    assert pacs.requests == []


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_of_the_callers_is_the_callers_to_hear(
    pacs: Pacs, status: int
) -> None:
    pacs.on("GET", PATH, Reply(status))
    caller = Principal("alice", bearer_token="alices")
    async with proven(pacs, {"type": "forward"}) as transport:
        error = await error_of(transport, CallContext(caller, "request-1"))

    assert error.status == status


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_of_the_gateways_are_502(pacs: Pacs, status: int) -> None:
    pacs.on("GET", PATH, Reply(status))
    async with proven(pacs, {"type": "bearer", "token": SecretStr(SECRET)}) as transport:
        error = await error_of(transport)

    assert (error.status, error.category) == (502, "backend_credentials")
    assert len(pacs.requests) == 1


# -- client credentials


async def test_a_token_is_asked_for_as_the_standard_has_it(
    pacs: Pacs, tokens: TokenEndpoint
) -> None:
    async with proven(pacs, client_credentials(tokens, "dicom.read dicom.write")) as transport:
        await ask(transport)
        await ask(transport)

    (asked,) = tokens.requests
    _, _, pair = str(authorization(asked)).partition(" ")
    assert base64.b64decode(pair) == b"gateway%3A+one:s3cret%2F%2B%26"
    assert parse_qs((asked.body or b"").decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["dicom.read dicom.write"],
    }
    assert [authorization(each) for each in pacs.requests] == ["Bearer t1", "Bearer t1"]


async def test_many_requests_at_once_fetch_one_token(pacs: Pacs, tokens: TokenEndpoint) -> None:
    async with (
        proven(pacs, client_credentials(tokens)) as transport,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(8):
            group.create_task(ask(transport))

    assert (tokens.given, len(pacs.requests)) == (1, 8)


async def test_a_token_is_renewed_before_it_ends(pacs: Pacs, tokens: TokenEndpoint) -> None:
    tokens.lifetime = 1
    async with proven(pacs, client_credentials(tokens)) as transport:
        await ask(transport)
        await asyncio.sleep(0.85)
        await ask(transport)

    assert [authorization(each) for each in pacs.requests] == ["Bearer t1", "Bearer t2"]


async def test_a_token_that_says_no_lifetime_is_kept_for_a_while(
    pacs: Pacs, tokens: TokenEndpoint
) -> None:
    tokens.lifetime = None
    async with proven(pacs, client_credentials(tokens)) as transport:
        await ask(transport)
        await ask(transport)

    assert tokens.given == 1


def only_from(token: str) -> Any:
    def answer(request: Recorded) -> Reply:
        return Reply(json=[]) if authorization(request) == f"Bearer {token}" else Reply(401)

    return answer


async def test_after_a_401_the_request_is_sent_again_with_a_new_token(
    pacs: Pacs, tokens: TokenEndpoint
) -> None:
    pacs.on("GET", PATH, only_from("t2"))
    async with proven(pacs, client_credentials(tokens)) as transport:
        assert await ask(transport) == b"[]"

    assert [authorization(each) for each in pacs.requests] == ["Bearer t1", "Bearer t2"]


async def test_a_store_is_sent_again_whole(pacs: Pacs, tokens: TokenEndpoint) -> None:
    pacs.on("POST", PATH, only_from("t2"))
    async with proven(pacs, client_credentials(tokens)) as transport:
        await ask(transport, method="POST", body=b"instance")

    assert [each.body for each in pacs.requests] == [b"instance"] * 2


async def test_a_new_token_that_is_refused_too_is_502(pacs: Pacs, tokens: TokenEndpoint) -> None:
    pacs.on("GET", PATH, Reply(401))
    async with proven(pacs, client_credentials(tokens)) as transport:
        errors = [await error_of(transport) for _ in range(3)]

    assert [error.status for error in errors] == [502] * 3
    assert tokens.given == 2


@pytest.mark.parametrize(
    "answer",
    [
        Reply(400, json={"error": "invalid_client", "hint": SECRET}),
        Reply(500),
        Reply(302, {"Location": "http://127.0.0.1:1/"}),
        Reply(json=[]),
        Reply(json={"access_token": 5}),
        Reply(json={"access_token": ""}),
        Reply(json={"access_token": "a\r\nX-Injected: b"}),
        Reply(json={"access_token": "a", "token_type": "mac"}),
        Reply(json={"access_token": "a", "expires_in": "soon"}),
        Reply(body=b"<html>"),
        Reply(body=b'{"access_token": "' + b"a" * 100_000 + b'"}'),
        Reply(steps=[b'{"access', Cut.RESET]),
        Raw([Cut.CLOSE]),
    ],
    ids=lambda answer: None,
)
async def test_no_token_is_502_and_nothing_of_it_is_told(
    pacs: Pacs, tokens: TokenEndpoint, caplog: pytest.LogCaptureFixture, answer: Reply | Raw
) -> None:
    caplog.set_level(logging.DEBUG, "gateway")
    tokens.answer = answer
    async with proven(pacs, client_credentials(tokens)) as transport:
        error = await error_of(transport)

    assert (error.status, error.category) == (502, "backend_credentials")
    assert pacs.requests == []
    assert error.__cause__ is None
    assert SECRET not in caplog.text


async def test_an_endpoint_that_hangs_is_502_in_time(pacs: Pacs, tokens: TokenEndpoint) -> None:
    tokens.answer = Raw([stay()])
    timeouts = Timeouts(LONG, SHORT, LONG)
    async with proven(pacs, client_credentials(tokens), timeouts) as transport:
        assert (await error_of(transport)).status == 502


async def test_a_redirect_of_the_endpoint_does_not_get_the_secret(
    pacs: Pacs, tokens: TokenEndpoint
) -> None:
    async with Pacs() as elsewhere:
        tokens.answer = Reply(307, {"Location": f"{elsewhere.origin}/token"})
        async with proven(pacs, client_credentials(tokens)) as transport:
            await error_of(transport)

        assert elsewhere.requests == []


# -- nothing that is secret is seen


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "basic", "username": "u", "password": SecretStr(SECRET)},
        {"type": "bearer", "token": SecretStr(SECRET)},
        {
            "type": "client_credentials",
            "token_url": "http://127.0.0.1:1/token",
            "client_id": "c",
            "client_secret": SecretStr(SECRET),
        },
        {
            "type": "aws_sigv4",
            "region": "eu-central-1",
            "access_key_id": SecretStr("id"),
            "secret_access_key": SecretStr(SECRET),
        },
    ],
    ids=lambda auth: str(auth["type"]),
)
async def test_a_secret_is_in_no_repr(pacs: Pacs, auth: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        credentials = await open_credentials(stack, config(pacs, auth), PATIENT)
        ours = [credentials, *(v for v in vars(credentials).values() if not isinstance(v, dict))]

        assert not any(SECRET in repr(each) for each in ours)


async def test_a_machine_readable_dump_of_the_configuration_has_no_secret(pacs: Pacs) -> None:
    shown = config(pacs, {"type": "bearer", "token": SecretStr(SECRET)}).model_dump_json()

    assert SECRET not in json.loads(shown)["auth"]["token"]
