"""What every request passes: its id, its log line, the check of its host, its caller, limits."""

import asyncio
import gc
import weakref
from http import HTTPStatus

import pytest
from aiohttp import web

from gateway.access.principal import ANONYMOUS
from gateway.web.middleware import MIDDLEWARE
from gateway.web.scope import Scope, note_backend, runtime_of, scope_of
from tests.fakes.gateway_app import Handler, Running, Served, running
from tests.fakes.prometheus_text import samples

STUDY = "1.2.840.113619.2.55"


async def say_ok(request: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


def keeping(scopes: list[Scope]) -> Handler:
    async def keep(request: web.Request) -> web.StreamResponse:
        scopes.append(scope_of(request))
        return web.Response()

    return keep


async def status_of(gateway: Running, path: str, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.client.get(path, headers=named) as response:
        return response.status


def test_the_order_is_the_designs() -> None:
    assert [each.__name__ for each in MIDDLEWARE] == [
        "request_id",
        "access_log",
        "errors",
        "origin",
        "deadline",
        "authenticate",
        "limits",
        "delivery",
    ]


async def test_a_request_that_is_answered_is_freed_at_once() -> None:
    """Not only when the cycle collector runs: it may hold a body of many megabytes."""
    requests: list[weakref.ref[web.Request]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        requests.append(weakref.ref(request))
        return web.Response(body=b"x" * 100_000)

    gc.disable()
    try:
        async with running(Served({"/x": answer})) as gateway:
            for _ in range(3):
                assert await status_of(gateway, "/dicom-web/x") == 200
            await gateway.log.requests(3)
            # The connection holds its last request until the next one comes.
            assert [each() for each in requests[:2]] == [None, None]
    finally:
        gc.enable()


class TestRequestId:
    @pytest.mark.parametrize("given", ["abc", "A-1.b_2", "x" * 64])
    async def test_a_safe_one_is_taken_over(self, given: str) -> None:
        async with running(Served({"/x": say_ok})) as gateway:
            async with gateway.client.get("/dicom-web/x", headers={"X-Request-ID": given}) as got:
                assert got.headers["X-Request-ID"] == given
            (line,) = await gateway.log.requests()

        assert line["id"] == given

    @pytest.mark.parametrize("given", ["", "a b", "x" * 65, 'a"b', "Jäger", "a\tb"])
    async def test_any_other_is_replaced(self, given: str) -> None:
        async with (
            running(Served({"/x": say_ok})) as gateway,
            gateway.client.get("/dicom-web/x", headers={"X-Request-ID": given}) as got,
        ):
            made = got.headers["X-Request-ID"]

        assert made != given
        assert len(made) == 16

    async def test_each_request_gets_its_own(self) -> None:
        async with running(Served({"/x": say_ok})) as gateway:
            for _ in range(2):
                assert await status_of(gateway, "/dicom-web/x") == 200
            first, second = await gateway.log.requests(2)

        assert first["id"] != second["id"]

    async def test_it_is_on_a_streamed_answer_too_and_in_the_scope(self) -> None:
        async def stream(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(scope_of(request).request_id.encode())
            return response

        async with (
            running(Served({"/x": stream})) as gateway,
            gateway.client.get("/dicom-web/x") as response,
        ):
            assert await response.text() == response.headers["X-Request-ID"]

    async def test_the_server_names_itself_without_versions(self) -> None:
        async with (
            running(Served({"/x": say_ok})) as gateway,
            gateway.client.get("/dicom-web/x") as response,
        ):
            assert response.headers["Server"] == "dicomweb-gateway"
            assert response.headers["X-Content-Type-Options"] == "nosniff"


class TestAccessLog:
    async def test_a_line_names_the_route_and_nothing_of_the_patient(self) -> None:
        async def study(request: web.Request) -> web.StreamResponse:
            note_backend(request, "pacs")
            return web.Response(text="1234567890")

        async with running(Served({"/studies/{study}": study})) as gateway:
            await status_of(gateway, f"/dicom-web/studies/{STUDY}?PatientName=DOE%5EJANE&x=1")
            (line,) = await gateway.log.requests()

        sent = line.pop("bytes")
        assert line.pop("ts").endswith("Z")
        assert line.pop("duration_ms") > 0
        assert len(line.pop("id")) == 16
        assert 100 < sent < 500
        assert line == {
            "level": "info",
            "message": "request",
            "method": "GET",
            "route": "/dicom-web/studies/{study}",
            "status": 200,
            "backend": "pacs",
            "client": "127.0.0.1",
        }
        assert STUDY.encode() not in b"".join(gateway.log.raw)

    async def test_the_client_is_who_trusted_proxies_say(self) -> None:
        trusting = {"trusted_proxies": ["127.0.0.1/32"]}
        async with running(Served({"/x": say_ok}, trusting)) as gateway:
            await status_of(gateway, "/dicom-web/x", X_Forwarded_For="192.0.2.7")
            (line,) = await gateway.log.requests()

        assert line["client"] == "192.0.2.7"

    async def test_bytes_and_time_are_those_of_the_whole_answer(self) -> None:
        async def slowly(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(5):
                await response.write(b"x" * 10_000)
                await asyncio.sleep(0.01)
            return response

        async with running(Served({"/x": slowly})) as gateway:
            async with gateway.client.get("/dicom-web/x") as response:
                await response.read()
            (line,) = await gateway.log.requests()

        assert 50_000 < line["bytes"] < 51_000
        assert line["duration_ms"] >= 50

    async def test_a_server_error_is_a_warning(self) -> None:
        async def fail(request: web.Request) -> web.StreamResponse:
            raise ValueError

        async with running(Served({"/x": fail})) as gateway:
            await status_of(gateway, "/dicom-web/x")
            (line,) = await gateway.log.requests()

        assert (line["status"], line["level"]) == (500, "warning")

    async def test_requests_are_counted_when_they_end(self) -> None:
        async with running(Served({"/studies/{study}": say_ok})) as gateway:
            await status_of(gateway, f"/dicom-web/studies/{STUDY}")
            await status_of(gateway, "/nowhere")
            await gateway.log.requests(2)
            found = samples(gateway.metrics.render())

        one = "method=GET,route=/dicom-web/studies/{study},status=2xx"
        assert found["gateway_requests_total", one] == 1.0
        assert found["gateway_requests_total", "method=GET,route=unmatched,status=4xx"] == 1.0
        assert found["gateway_requests_in_flight", ""] == 0.0
        assert found["gateway_response_bytes_total", ""] > 200


class TestHost:
    async def test_a_name_that_is_none_of_ours_is_421_before_anything_else(self) -> None:
        async with running(Served({"/x": say_ok})) as gateway:
            for path in ("/dicom-web/x", "/nowhere", "/"):
                assert await status_of(gateway, path, Host="evil.example") == 421

    async def test_a_malformed_one_is_400(self) -> None:
        async with running(Served({"/x": say_ok})) as gateway:
            assert await status_of(gateway, "/dicom-web/x", Host="a b") == 400

    async def test_health_and_metrics_answer_under_any_name(self) -> None:
        async with running(Served()) as gateway:
            for path in ("/healthz", "/readyz", "/metrics"):
                assert await status_of(gateway, path, Host="10.1.2.3:8080") == 200

    async def test_the_scope_has_the_public_base(self) -> None:
        scopes: list[Scope] = []
        server = {"trusted_proxies": ["127.0.0.1/32"], "allowed_hosts": ["pacs.example.org"]}
        async with running(Served({"/x": keeping(scopes)}, server)) as gateway:
            await status_of(
                gateway,
                "/dicom-web/x",
                Host="internal",
                Forwarded="proto=https;host=pacs.example.org",
                X_Forwarded_Prefix="/gw",
            )

        assert scopes[0].public_base == "https://pacs.example.org/gw/dicom-web"


class TestCaller:
    async def test_anybody_is_anonymous(self) -> None:
        scopes: list[Scope] = []
        async with running(Served({"/x": keeping(scopes)})) as gateway:
            await status_of(gateway, "/dicom-web/x")
            await status_of(gateway, "/dicom-web/x", Authorization="Basic dXNlcjpwYXNz")

        assert [each.principal for each in scopes] == [ANONYMOUS, ANONYMOUS]

    async def test_a_bearer_token_goes_along_and_proves_nothing(self) -> None:
        scopes: list[Scope] = []
        async with running(Served({"/x": keeping(scopes)})) as gateway:
            await status_of(gateway, "/dicom-web/x", Authorization="bearer  abc.def")

        (scope,) = scopes
        assert scope.principal.subject == "anonymous"
        assert scope.principal.bearer_token == "abc.def"
        assert b"abc.def" not in b"".join(gateway.log.raw)

    async def test_a_request_keeps_the_runtime_that_it_began_with(self) -> None:
        seen = []

        async def keep(request: web.Request) -> web.StreamResponse:
            seen.append(runtime_of(request))
            return web.Response()

        async with running(Served({"/x": keep})) as gateway:
            await status_of(gateway, "/dicom-web/x")

        assert list(seen[0].backends) == []


class TestLimits:
    async def test_one_too_many_is_503_with_retry_after_and_ops_are_exempt(self) -> None:
        entered, leave = asyncio.Event(), asyncio.Event()

        async def wait(request: web.Request) -> web.StreamResponse:
            entered.set()
            await leave.wait()
            return web.Response()

        server = {"limits": {"requests_in_flight": 1}}
        async with running(Served({"/x": wait}, server)) as gateway, asyncio.TaskGroup() as tasks:
            first = tasks.create_task(status_of(gateway, "/dicom-web/x"))
            await entered.wait()
            async with gateway.client.get("/dicom-web/x") as second:
                assert second.status == HTTPStatus.SERVICE_UNAVAILABLE
                assert second.headers["Retry-After"] == "1"
            assert await status_of(gateway, "/readyz") == 200
            leave.set()
            assert await first == 200
            assert await status_of(gateway, "/dicom-web/x") == 200

    async def test_a_place_is_given_back_after_an_error(self) -> None:
        async def fail(request: web.Request) -> web.StreamResponse:
            raise ValueError

        server = {"limits": {"requests_in_flight": 1}}
        async with running(Served({"/x": fail}, server)) as gateway:
            for _ in range(3):
                assert await status_of(gateway, "/dicom-web/x") == 500

    async def test_a_header_of_many_lines_over_the_limit_is_431(self) -> None:
        server = {"limits": {"request_header": "4KiB"}}
        async with running(Served({"/x": say_ok}, server)) as gateway:
            many = {f"X-{number}": "y" * 100 for number in range(50)}
            async with gateway.client.get("/dicom-web/x", headers=many) as response:
                assert response.status == 431
                assert response.content_type == "application/problem+json"

    async def test_a_header_that_aiohttp_alone_would_refuse_is_taken(self) -> None:
        """A long list of UIDs makes a long line; aiohttp's own bound is 8190 bytes."""
        async with running(Served({"/x": say_ok})) as gateway:
            assert await status_of(gateway, f"/dicom-web/x?StudyInstanceUID={'1.2,' * 8000}") == 200
