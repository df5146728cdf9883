"""A gateway process from its start to its end, as balancers, operators and clients see it."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectorError, ClientError, ClientPayloadError, ClientResponse

from tests.fakes.certificates import make_certificates
from tests.fakes.gateway_process import GatewayProcess, command, gateway_process
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.pacs_answers import FRAMES_AS_STORED, frames_reply
from tests.fakes.prometheus_text import samples

BULK = "/dicom-web/studies/1.2/series/1.3/instances/1.4/bulkdata/1"
WORKERS = pytest.mark.parametrize("workers", [1, 2])


def configured(pacs: Pacs, **server: Any) -> dict[str, Any]:
    return {
        "server": {"drain_delay": "0s", "shutdown_grace": "20s", **server},
        "backends": [{"name": "pacs", "type": "dicomweb", "url": pacs.base}],
    }


@asynccontextmanager
async def slow_archive() -> AsyncIterator[tuple[Pacs, asyncio.Event]]:
    """An archive whose bulk data has begun at once and ends when the event is set."""
    go_on = asyncio.Event()
    async with Pacs() as pacs:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": "100007"}
        pacs.on("GET", BULK, Reply(headers=headers, steps=[b"x" * 100_000, go_on, b"the end"]))
        pacs.on("GET", "/dicom-web/studies", Reply(json=[]))
        try:
            yield pacs, go_on
        finally:
            go_on.set()


@asynccontextmanager
async def streaming(gateway: GatewayProcess) -> AsyncIterator[ClientResponse]:
    """A body of which the beginning has come."""
    accept = {"Accept": 'multipart/related; type="application/octet-stream"'}
    async with gateway.client.get(BULK, headers=accept) as response:
        assert response.status == 200
        await response.content.readexactly(100_000)
        yield response


async def readiness(gateway: GatewayProcess) -> int:
    async with gateway.client.get("/readyz") as response:
        return response.status


async def until_unready(gateway: GatewayProcess) -> None:
    async with asyncio.timeout(20):
        while await readiness(gateway) != 503:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def until_deaf(gateway: GatewayProcess) -> None:
    """Until nobody listens any more."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue
            writer.close()
            await asyncio.sleep(0.02)


@WORKERS
async def test_sigterm_with_nothing_to_do_exits_0(tmp_path: Path, workers: int) -> None:
    async with (
        slow_archive() as (pacs, _),
        gateway_process(configured(pacs, workers=workers), tmp_path) as gateway,
    ):
        assert await readiness(gateway) == 200
        gateway.send(signal.SIGTERM)

        assert await gateway.exit_code() == 0


@WORKERS
async def test_while_draining_it_is_unready_and_still_serves(tmp_path: Path, workers: int) -> None:
    async with (
        slow_archive() as (pacs, _),
        gateway_process(configured(pacs, workers=workers, drain_delay="60s"), tmp_path) as gateway,
    ):
        gateway.send(signal.SIGTERM)
        await until_unready(gateway)
        async with gateway.client.get("/dicom-web/studies") as response:
            assert (response.status, await response.json(content_type=None)) == (200, [])
        gateway.send(signal.SIGTERM)

        assert await gateway.exit_code() == 0


@WORKERS
async def test_a_stream_that_has_begun_may_end_after_the_listener_closed(
    tmp_path: Path, workers: int
) -> None:
    async with (
        slow_archive() as (pacs, go_on),
        gateway_process(configured(pacs, workers=workers), tmp_path) as gateway,
        streaming(gateway) as response,
    ):
        gateway.send(signal.SIGTERM)
        await until_deaf(gateway)
        assert gateway.process.returncode is None
        go_on.set()

        assert b"the end\r\n--" in await response.read()
        assert await gateway.exit_code() == 0


@WORKERS
async def test_after_the_grace_what_is_left_is_aborted(tmp_path: Path, workers: int) -> None:
    async with (
        slow_archive() as (pacs, _),
        gateway_process(
            configured(pacs, workers=workers, shutdown_grace="300ms"), tmp_path
        ) as gateway,
        streaming(gateway) as response,
    ):
        gateway.send(signal.SIGTERM)
        with pytest.raises(ClientError):
            await response.read()

        assert await gateway.exit_code() == 0
    assert "shutdown" in [each.get("failure") for each in gateway.events]


@WORKERS
async def test_sigint_skips_the_delay(tmp_path: Path, workers: int) -> None:
    async with (
        slow_archive() as (pacs, go_on),
        gateway_process(configured(pacs, workers=workers, drain_delay="60s"), tmp_path) as gateway,
        streaming(gateway) as response,
    ):
        gateway.send(signal.SIGINT)
        await until_deaf(gateway)
        go_on.set()

        assert b"the end\r\n--" in await response.read()
        assert await gateway.exit_code() == 0


@WORKERS
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(
    tmp_path: Path, workers: int, second: signal.Signals
) -> None:
    async with (
        slow_archive() as (pacs, _),
        gateway_process(
            configured(pacs, workers=workers, drain_delay="60s", shutdown_grace="60s"), tmp_path
        ) as gateway,
        streaming(gateway) as response,
    ):
        gateway.send(signal.SIGTERM)
        await until_unready(gateway)
        gateway.send(second)
        with pytest.raises(ClientPayloadError):
            await response.read()

        assert await gateway.exit_code() == 0
        with pytest.raises(ClientConnectorError):
            await readiness(gateway)


async def test_a_client_that_leaves_ends_the_archives_work_with_workers_too(
    tmp_path: Path,
) -> None:
    async with (
        slow_archive() as (pacs, _),
        gateway_process(configured(pacs, workers=2), tmp_path) as gateway,
    ):
        async with streaming(gateway) as response:
            response.close()
        (bulk,) = [each for each in pacs.requests if each.path == BULK]
        await asyncio.wait_for(bulk.gone.wait(), 10)


async def test_metrics_are_those_of_all_workers_and_their_folder_goes_in_the_end(
    tmp_path: Path,
) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    async with (
        slow_archive() as (pacs, _),
        gateway_process(configured(pacs, workers=2, temp=str(temp)), tmp_path) as gateway,
    ):
        for _ in range(20):
            # A connection each, so that both workers get some.
            async with gateway.client.get(
                "/dicom-web/studies", headers={"Connection": "close"}
            ) as response:
                assert response.status == 200
        async with gateway.client.get("/metrics") as response:
            found = samples(await response.read())
        assert len(list(temp.glob("dicomweb-gateway-metrics-*"))) == 1
        gateway.send(signal.SIGTERM)
        assert await gateway.exit_code() == 0

    name = "method=GET,route=/dicom-web/studies,status=2xx"
    assert found["gateway_requests_total", name] == 20.0
    assert list(temp.iterdir()) == []


async def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    async with (
        slow_archive() as (pacs, _),
        gateway_process(configured(pacs, workers=1), tmp_path) as _,
        gateway_process(configured(pacs, workers=2), tmp_path) as gateway,
    ):
        await gateway.until(lambda each: len(serving(each)) == 2)
        killed = children_of(gateway.process.pid)[0]
        os.kill(killed, signal.SIGKILL)
        await gateway.until(lambda each: len(serving(each)) == 3)

        assert killed not in children_of(gateway.process.pid)
        assert await readiness(gateway) == 200


def serving(gateway: GatewayProcess) -> list[dict[str, Any]]:
    return [each for each in gateway.events if each["message"] == "Serving"]


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in found.split()]


@WORKERS
async def test_the_log_is_json_with_the_same_id_as_the_answer(tmp_path: Path, workers: int) -> None:
    async with (
        slow_archive() as (pacs, _),
        gateway_process(configured(pacs, workers=workers), tmp_path) as gateway,
    ):
        async with gateway.client.get("/dicom-web/studies?PatientName=DOE%5EJANE") as response:
            identifier = response.headers["X-Request-ID"]
        gateway.send(signal.SIGTERM)
        assert await gateway.exit_code() == 0

    (line,) = [each for each in gateway.events if each["message"] == "request"]
    assert line["id"] == identifier
    assert (line["route"], line["backend"]) == ("/dicom-web/studies", "pacs")
    assert "JANE" not in "\n".join(gateway.output + gateway.errors)


async def test_a_health_check_finds_the_gateway_of_its_configuration(tmp_path: Path) -> None:
    certificate = str(make_certificates(tmp_path).server)
    for tls in (None, {"cert": certificate, "key": certificate}):
        async with (
            slow_archive() as (pacs, _),
            gateway_process(configured(pacs, tls=tls), tmp_path) as gateway,
        ):
            file, port = str(tmp_path / "gateway.yaml"), str(gateway.port)
            check = ("healthcheck", "--config", file, "--port", port)
            nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
            async with command(*check, environ=nowhere) as healthy:
                assert (await healthy.exit_code(), healthy.errors) == (0, [])
            gateway.process.kill()
            await gateway.exit_code()
            async with command(*check) as dead:
                assert await dead.exit_code() == 1
        (reason,) = dead.errors
        assert reason.startswith(f"{gateway.address}/healthz: ")


async def test_tls_is_served(tmp_path: Path) -> None:
    certificate = str(make_certificates(tmp_path).server)
    tls = {"cert": certificate, "key": certificate}
    async with (
        slow_archive() as (pacs, _),
        gateway_process(configured(pacs, tls=tls), tmp_path) as gateway,
    ):
        assert gateway.address.startswith("https://127.0.0.1:")
        async with gateway.client.get("/", ssl=False) as response:
            assert f"served at {gateway.address}/dicom-web" in await response.text()


async def test_an_archive_that_is_not_there_is_only_a_warning(tmp_path: Path) -> None:
    config = {
        "server": {"drain_delay": "0s"},
        "backends": [{"name": "pacs", "type": "dicomweb", "url": "http://127.0.0.1:9/dicom-web"}],
    }
    async with gateway_process(config, tmp_path) as gateway:
        await gateway.until(lambda each: "pacs is down" in "".join(each.output))
        assert await readiness(gateway) == 200
        async with gateway.client.get("/dicom-web/studies") as response:
            assert response.status == 502

    (warning,) = [each for each in gateway.events if "pacs is down" in each["message"]]
    assert warning["level"] == "warning"


async def test_from_an_archives_url_alone_it_says_what_to_try_and_that_works() -> None:
    uids = {"0020000D": "1.2", "0020000E": "1.3", "00080018": "1.4", "00080016": "1.5"}
    study = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}
    async with Pacs() as pacs:
        pacs.on("GET", "/dicom-web/studies", Reply(json=[study]))
        pacs.on("GET", "/dicom-web/studies/1.2/metadata", Reply(json=[study]))
        async with command("serve", "--backend", pacs.base, "--port", "0") as gateway:
            await gateway.until(lambda each: "/metrics" in "".join(each.errors))
            tried = "\n".join(line for line in gateway.errors if line.startswith("  "))
            shell = await asyncio.create_subprocess_shell(
                f"set -eu\n{tried}", stdout=asyncio.subprocess.PIPE
            )
            output, _ = await asyncio.wait_for(shell.communicate(), 30)

    assert shell.returncode == 0
    assert output.count(b'"00080018"') == 2
    assert b'"status":"ready"' in output
    assert b"gateway_requests_total" in output


@pytest.mark.parametrize("environ", [{}, {"GATEWAY__SERVER__WORKERS": "2"}], ids=["1", "2"])
async def test_a_port_in_use_is_one_clear_line_and_exit_1(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        arguments = ("serve", "--backend", "http://127.0.0.1:9/dicom-web", "--port", port)
        async with command(*arguments, environ={**environ, "TMPDIR": str(tmp_path)}) as gateway:
            assert await gateway.exit_code() == 1

    (line,) = gateway.errors
    assert line.startswith(f"Cannot listen on 127.0.0.1, port {port}: the port is in use")


@WORKERS
async def test_what_the_archives_lack_is_told_once_and_exit_1(tmp_path: Path, workers: int) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    (tmp_path / "gateway.yaml").write_text(
        f"version: 1\nserver: {{port: 0, workers: {workers}, temp: {tmp_path}}}\n"
        "backends: [{name: pacs, type: dicomweb, url: 'https://127.0.0.1:9/dicom-web',"
        f" tls: {{ca: {tmp_path}/ca.pem}}}}]\n"
    )
    async with command("serve", "--config", str(tmp_path / "gateway.yaml")) as gateway:
        assert await gateway.exit_code() == 1

    (line,) = gateway.errors
    assert line.startswith("backends.pacs.tls: ")
    assert sorted(os.listdir(tmp_path)) == ["ca.pem", "gateway.yaml"]


async def test_all_problems_of_a_configuration_are_printed_and_exit_1(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("version: 1\nserver: {port: 99999, workers: none}\nbackends: []\n")
    async with command("serve", "--config", str(file)) as gateway:
        assert await gateway.exit_code() == 1

    told = "\n".join(gateway.errors)
    assert all(each in told for each in ("server.port", "server.workers", "backends"))


async def test_a_range_of_what_no_disk_has_room_for_is_503(tmp_path: Path) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    path = "/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/1,2"
    async with (
        Pacs() as pacs,
        gateway_process(configured(pacs, temp=str(temp)), tmp_path) as gateway,
    ):
        temp.rmdir()
        pacs.on("GET", path, frames_reply(bytes(800_000), bytes(800_000)))
        headers = {"Accept": FRAMES_AS_STORED, "Range": "bytes=0-9"}
        async with gateway.client.get(path, headers=headers) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "30"
