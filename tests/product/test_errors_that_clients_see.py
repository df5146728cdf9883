"""Errors through the whole gateway: one form, one id, and nothing of the inside in any of them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientError, ClientResponse
from pydantic import SecretStr

from tests.fakes.gateway import Gateway, gateway_before
from tests.fakes.pacs import Cut, Pacs, Raw, Reply, stay
from tests.fakes.pacs_answers import (
    DICOM_JSON,
    FILES_AS_STORED,
    FRAMES_AS_STORED,
    INSTANCE_PATH,
    ROOT,
    SERIES_PATH,
    STUDY,
    STUDY_PATH,
    Part,
    asked,
    behind_a_pacs,
    multipart_reply,
    study_row,
)
from tests.fakes.part10_files import explicit, implicit
from tests.fakes.prometheus_text import samples
from tests.fakes.store_requests import dicom_file, with_element

READ = {
    "/studies": DICOM_JSON,
    f"{STUDY_PATH}/series": DICOM_JSON,
    STUDY_PATH: FILES_AS_STORED,
    INSTANCE_PATH: "application/dicom",
    f"{SERIES_PATH}/metadata": DICOM_JSON,
    f"{INSTANCE_PATH}/frames/1": FRAMES_AS_STORED,
    f"{INSTANCE_PATH}/bulk/1": "*/*",
}
PATIENCE = {"health": {"path": "/alive", "every": "1h"}}


async def problem_of(response: ClientResponse, gateway: Gateway, status: int) -> dict[str, Any]:
    """The problem, once it is shown that its id is the header's and the log line's."""
    assert response.status == status, await response.text()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = await response.json(content_type=None)
    assert set(problem) == {"type", "title", "status", "detail", "id"}
    assert problem["status"] == status
    assert problem["id"] == response.headers["X-Request-ID"]
    async with asyncio.timeout(5):
        # A line is written after its answer, and nobody is told.
        while problem["id"] not in statuses_by_id(gateway):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert statuses_by_id(gateway)[problem["id"]] == status
    return problem


def statuses_by_id(gateway: Gateway) -> dict[str, int]:
    """What the access log says of each request."""
    lines = [line for line in gateway.log.events if line["message"] == "request"]
    return {line["id"]: line["status"] for line in lines}


@asynccontextmanager
async def before_nobody(**backend: Any) -> AsyncIterator[tuple[Gateway, int]]:
    """A gateway whose archive's port nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        url = f"http://127.0.0.1:{port}/dicom-web"
        async with gateway_before(url, **PATIENCE, **backend) as gateway:
            yield gateway, port


async def test_an_archive_that_is_down_is_502() -> None:
    async with before_nobody(breaker={"failures": 100, "open_for": "1s"}) as (gateway, port):
        for path, accept in READ.items():
            async with gateway.get(path, headers={"Accept": accept}) as response:
                problem = await problem_of(response, gateway, 502)
                assert problem["detail"] == "The archive cannot be reached."
        headers = {"Content-Type": "application/dicom"}
        async with gateway.post("/studies", data=dicom_file(1), headers=headers) as response:
            await problem_of(response, gateway, 502)
        assert str(port).encode() not in b"".join(gateway.log.raw)


async def test_an_archive_whose_name_nobody_knows_is_502() -> None:
    url = "http://archive.invalid:1/dicom-web"
    async with gateway_before(url, **PATIENCE) as gateway, gateway.get("/studies") as response:
        problem = await problem_of(response, gateway, 502)
        assert "invalid" not in str(problem)
        assert b"archive.invalid" not in b"".join(gateway.log.raw)


SLOW = ("The archive did not answer in time.", "The archive stopped sending.")


@pytest.mark.parametrize("path", READ)
async def test_an_archive_that_does_not_answer_in_time_is_504(path: str) -> None:
    timeouts = {"first_byte": "200ms", "search": "200ms", "idle": "200ms"}
    async with behind_a_pacs(timeouts=timeouts) as (pacs, gateway):
        pacs.on("GET", ROOT + path, Reply(steps=[stay()]), Raw([stay()]))
        for _ in range(2):
            async with gateway.get(path, headers={"Accept": READ[path]}) as response:
                problem = await problem_of(response, gateway, 504)
                assert problem["detail"] in SLOW
        await pacs.wait_for(lambda pacs: pacs.active == 0)


async def until_up(gateway: Gateway) -> None:
    """Until the check of the archive's health is through, which counts as a request too."""
    async with asyncio.timeout(5):
        while True:
            async with gateway.client.get(f"{gateway.origin}/readyz") as response:
                if (await response.json())["backends"] == [{"name": "pacs", "state": "up"}]:
                    return


async def test_an_open_breaker_is_503_until_a_probe_finds_the_archive_well() -> None:
    breaker = {"failures": 3, "open_for": "500ms"}
    async with behind_a_pacs(breaker=breaker) as (pacs, gateway):
        await until_up(gateway)
        pacs.on("GET", f"{ROOT}/studies", Reply(502))
        for _ in range(3):
            async with gateway.get("/studies") as response:
                await problem_of(response, gateway, 502)
        before = len(asked(pacs))
        async with gateway.get("/studies") as response:
            problem = await problem_of(response, gateway, 503)
            assert response.headers["Retry-After"] == "1"
            assert "left alone" in problem["detail"]
        assert len(asked(pacs)) == before
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[study_row()]))
        await asyncio.sleep(0.5)
        async with gateway.get("/studies") as response:
            assert response.status == 200


async def test_requests_over_the_limit_are_503_and_those_within_it_go_on() -> None:
    server = {"limits": {"requests_in_flight": 2}}
    async with behind_a_pacs(server) as (pacs, gateway):
        go_on = asyncio.Event()
        headers = {"Content-Type": DICOM_JSON}
        pacs.on("GET", f"{ROOT}/studies", Reply(headers=headers, steps=[go_on, b"[]"]))
        async with asyncio.TaskGroup() as tasks:

            async def search() -> int:
                async with gateway.get("/studies") as response:
                    await response.read()
                    return response.status

            waiting = [tasks.create_task(search()) for _ in range(2)]
            await pacs.wait_for(lambda pacs: len(asked(pacs)) == 2)
            async with gateway.get("/series") as response:
                await problem_of(response, gateway, 503)
                assert response.headers["Retry-After"] == "1"
            for probe in ("/healthz", "/readyz", "/metrics"):
                async with gateway.client.get(gateway.origin + probe) as response:
                    assert response.status == 200
            go_on.set()
        assert [each.result() for each in waiting] == [200, 200]
        async with gateway.get("/studies") as response:
            assert response.status == 200


async def test_an_archive_that_is_full_of_requests_is_503_after_a_while() -> None:
    limits = {"requests_per_second": 1}
    async with behind_a_pacs(limits=limits) as (pacs, gateway):
        pacs.on("GET", f"{ROOT}/studies", Reply(json=[]))

        async def search() -> tuple[int, str | None]:
            async with gateway.get("/studies") as response:
                return response.status, response.headers.get("Retry-After")

        async with asyncio.TaskGroup() as tasks:
            # Ten seconds are the longest that a turn is waited for; these would wait for 20.
            asking = [tasks.create_task(search()) for _ in range(20)]
            async with asyncio.timeout(3):
                while sum(each.done() for each in asking) < 9:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            over = [each.result() for each in asking if each.done()]
            assert over.count((503, "1")) >= 8
            for each in asking:
                each.cancel()


@pytest.mark.parametrize("size", [20_000, 70_000])
async def test_a_head_that_is_too_large_is_431(size: int) -> None:
    server = {"limits": {"request_header": "16KiB"}}
    async with behind_a_pacs(server) as (pacs, gateway):
        heads: list[dict[str, str]] = [
            {"X-Long": "y" * size},
            {f"X-{number}": "y" * 1000 for number in range(size // 1000)},
        ]
        for headers in heads:
            async with gateway.get("/studies", headers=headers) as response:
                assert response.status == 431
                assert response.headers["Content-Type"] == "application/problem+json"
                problem = await response.json(content_type=None)
                assert problem["id"] == response.headers["X-Request-ID"]
        assert asked(pacs) == []


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_store_that_is_too_large_is_413_and_reaches_no_archive(chunked: bool) -> None:
    server = {"limits": {"store_request": "10KiB"}}
    body = dicom_file(1, pixels=20_000)

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    async with behind_a_pacs(server) as (pacs, gateway):
        headers = {"Content-Type": "application/dicom"}
        data = pieces() if chunked else body
        async with gateway.post("/studies", data=data, headers=headers) as response:
            await problem_of(response, gateway, 413)
        assert asked(pacs) == []


async def test_an_instance_that_is_too_large_is_413_where_it_is_the_only_one() -> None:
    server = {"limits": {"store_instance": "10KiB"}}
    async with behind_a_pacs(server) as (pacs, gateway):
        headers = {"Content-Type": "application/dicom"}
        body = dicom_file(1, pixels=20_000)
        async with gateway.post("/studies", data=body, headers=headers) as response:
            await problem_of(response, gateway, 413)
        assert asked(pacs) == []


async def test_a_callers_own_id_leads_through_the_answer_and_the_log() -> None:
    async with behind_a_pacs() as (_, gateway):
        headers = {"X-Request-ID": "from-the-proxy.1"}
        async with gateway.get("/nowhere", headers=headers) as response:
            problem = await problem_of(response, gateway, 404)
        assert problem["id"] == "from-the-proxy.1"
        for bad in ("a b", "x" * 65, "ü", ""):
            async with gateway.get("/nowhere", headers={"X-Request-ID": bad}) as response:
                assert (await problem_of(response, gateway, 404))["id"] != bad


INSIDE = "db01.inner.hospital"
TOKEN = "s3cr3t-t0ken"
PATIENT = "DOE^JANE"
HEADERS = {"Location": f"http://{INSIDE}/x", "X-Inner": INSIDE, "WWW-Authenticate": f"X {INSIDE}"}
SPEAKING = f"<html>ORA-1 at {INSIDE}: {PATIENT} {TOKEN}</html>".encode()
FAILING: dict[str, Reply | Raw] = {
    **{str(status): Reply(status, HEADERS, SPEAKING) for status in (400, 401, 403, 404, 406, 409)},
    **{str(status): Reply(status, HEADERS, SPEAKING) for status in (413, 500, 501, 502, 503, 504)},
    **{str(status): Reply(status, HEADERS, SPEAKING) for status in (302, 418, 429, 599)},
    "speech": Reply(200, {**HEADERS, "Content-Type": "text/html"}, SPEAKING),
    "broken json": Reply(200, {"Content-Type": DICOM_JSON}, b'[{"00100010":"' + SPEAKING),
    "cut": Reply(headers={"Content-Length": "9999"}, steps=[SPEAKING, Cut.CLOSE]),
    "reset": Reply(steps=[Cut.RESET]),
    "no HTTP": Raw([SPEAKING]),
    "bad head": Raw([b"HTTP/1.1 200 OK\r\nX " + SPEAKING + b"\r\n\r\n"]),
    "bad chunks": Raw([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx" + SPEAKING]),
    "bad coding": Reply(200, {"Content-Encoding": "gzip"}, SPEAKING),
    "bad length": Raw([b"HTTP/1.1 200 OK\r\nContent-Length: " + INSIDE.encode() + b"\r\n\r\n"]),
}


@pytest.mark.parametrize("how", FAILING)
async def test_nothing_of_the_inside_is_in_an_answer_or_in_the_log(how: str) -> None:
    auth = {"type": "bearer", "token": SecretStr(TOKEN)}
    breaker = {"failures": 1000, "open_for": "1s"}
    async with behind_a_pacs(auth=auth, breaker=breaker) as (pacs, gateway):
        told = b""
        for path, accept in READ.items():
            pacs.on("GET", ROOT + path, FAILING[how])
            query = f"{path}?PatientName={PATIENT}" if accept == DICOM_JSON else path
            headers = {"Accept": accept, "Authorization": f"Bearer {TOKEN}"}
            async with gateway.get(query, headers=headers) as response:
                told += repr(response.headers).encode()
                if response.status != 200:
                    told += await response.read()
                elif "404" not in how:
                    # What looks like bulk data is bulk data.
                    assert path.endswith(("bulk/1", "frames/1", "series")), path
        pacs.on("POST", f"{ROOT}/studies", FAILING[how])
        headers = {"Content-Type": "application/dicom", "Authorization": f"Bearer {TOKEN}"}
        async with gateway.post("/studies", data=dicom_file(1), headers=headers) as response:
            told += repr(response.headers).encode() + await response.read()
            assert response.status >= 400
        assert asked(pacs)[0].headers["Authorization"] == f"Bearer {TOKEN}"
        logged = b"".join(gateway.log.raw)
        async with gateway.client.get(f"{gateway.origin}/metrics") as response:
            counted = await response.read()
        async with gateway.client.get(f"{gateway.origin}/readyz") as response:
            counted += await response.read()
        port = str(pacs.port).encode()

    for secret in (INSIDE, TOKEN, PATIENT, "ORA-1", STUDY):
        assert secret.encode() not in logged
        assert secret.encode() not in counted
    for secret in (INSIDE, TOKEN, PATIENT, "ORA-1", "Traceback", "aiohttp"):
        assert secret.encode() not in told
    assert port not in told
    assert b":" + port not in logged
    assert not [line for line in gateway.log.events if line["level"] == "error"]


async def test_methods_that_a_resource_lacks_are_405_with_those_it_has() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        for method, path, allowed in (
            ("DELETE", STUDY_PATH, "GET, HEAD, POST"),
            ("PUT", "/studies", "GET, HEAD, POST"),
            ("POST", INSTANCE_PATH, "GET, HEAD"),
            ("PATCH", f"{SERIES_PATH}/metadata", "GET, HEAD"),
        ):
            async with gateway.request(method, path) as response:
                await problem_of(response, gateway, 405)
                assert response.headers["Allow"] == allowed
        assert asked(pacs) == []


async def test_a_backend_that_is_not_configured_is_404() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        async with gateway.get("/backends/nobody/studies") as response:
            await problem_of(response, gateway, 404)
        assert asked(pacs) == []


async def test_an_object_of_another_resource_is_never_the_answer() -> None:
    files = [Part(dicom_file(number)) for number in (1, 2)]
    strange = Part(dicom_file(3, study="1.2.3"))
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + INSTANCE_PATH, multipart_reply(files[1]))
        async with gateway.get(INSTANCE_PATH) as response:
            problem = await problem_of(response, gateway, 502)
            assert problem["detail"] == "The archive answered with another resource."
        for path in (STUDY_PATH, SERIES_PATH):
            pacs.on("GET", ROOT + path, multipart_reply(*files, strange))
            with pytest.raises(ClientError):
                async with gateway.get(path) as response:
                    await response.read()


STUDY_UID = explicit(0x0020000D, b"UI", STUDY.encode() + b"\0")
OTHER_STUDY = explicit(0x0020000D, b"UI", b"1.2.3\0")


@pytest.mark.parametrize(
    ("number", "before_the_study"),
    [
        (2, explicit(0x00091001, b"OB", bytes(300_000))),
        (2, implicit(0xFFFEE00D, b"")),
        (1, OTHER_STUDY),
        (1, OTHER_STUDY + explicit(0x0020000D, b"UI", b"1.2.4\0")),
        (1, STUDY_UID + OTHER_STUDY),
    ],
    ids=["long", "broken", "two studies", "two others", "the second of three"],
)
async def test_an_object_that_tells_badly_whose_it_is_is_not_the_answer_either(
    number: int, before_the_study: bytes
) -> None:
    file = with_element(dicom_file(number), before_the_study)
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", ROOT + INSTANCE_PATH, multipart_reply(Part(file)))
        for accept in ("application/dicom", FILES_AS_STORED):
            async with gateway.get(INSTANCE_PATH, headers={"Accept": accept}) as response:
                problem = await problem_of(response, gateway, 502)
                assert problem["detail"] == "The archive answered with another resource."


async def test_errors_are_counted_by_template_and_class_alone() -> None:
    async with behind_a_pacs() as (pacs, gateway):
        pacs.on("GET", f"{ROOT}{STUDY_PATH}", multipart_reply(Part(dicom_file(1))))
        for path in (STUDY_PATH, "/studies/1.2.3", "/studies/4.5.6", "/nowhere/7.8.9", "/a/b"):
            async with gateway.get(path) as response:
                await response.read()
        async with gateway.client.get(f"{gateway.origin}/metrics") as response:
            found = samples(await response.read())
    requests = {
        labels: value for (name, labels), value in found.items() if name == "gateway_requests_total"
    }
    study = f"route={ROOT}/studies/{{study}}"
    assert requests == {
        f"method=GET,{study},status=2xx": 1,
        f"method=GET,{study},status=4xx": 2,
        "method=GET,route=/{unrouted},status=4xx": 2,
    }


async def test_one_archive_that_is_down_takes_nothing_from_another() -> None:
    async with Pacs() as well, Pacs() as ill:
        well.on("GET", f"{ROOT}/studies", Reply(json=[study_row()]))
        ill.on("GET", f"{ROOT}/studies", Reply(steps=[stay()]))
        async with gateway_before(well.base, ill.base, **PATIENCE) as gateway:
            lost = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(40)]
            request = f"GET {ROOT}/backends/pacs2/studies HTTP/1.1\r\nHost: localhost\r\n\r\n"
            for _, writer in lost:
                writer.write(request.encode())
            await ill.wait_for(lambda pacs: pacs.active == 32)
            for path in ("/studies", "/backends/pacs/studies"):
                async with asyncio.timeout(2), gateway.get(path) as response:
                    assert response.status == 200
            for _, writer in lost:
                writer.close()
            await ill.wait_for(lambda pacs: pacs.active == 0)


async def test_the_log_says_what_the_archive_answered() -> None:
    async with Pacs() as pacs, gateway_before(pacs.base) as gateway:
        pacs.on("GET", f"{ROOT}{STUDY_PATH}/metadata", Reply(500, body=b"secret"))
        async with gateway.get(f"{STUDY_PATH}/metadata") as response:
            assert response.status == 502
        (line,) = await gateway.log.requests()
    assert (line["failure"], line["upstream_status"]) == ("backend_failed", 500)
