"""For whoever operates the gateway."""

from gateway import __version__
from gateway.backends.base import Health
from gateway.web.state import LIFE
from tests.fakes.gateway_app import Archive, Running, Served, running
from tests.fakes.prometheus_text import samples

ARCHIVES = (Archive("pacs", Health.UP), Archive("old", Health.DOWN), Archive("new", Health.UNKNOWN))


async def readiness(gateway: Running) -> tuple[int, object]:
    async with gateway.client.get("/readyz") as response:
        assert response.headers["Cache-Control"] == "no-store"
        return response.status, await response.json()


async def test_healthz_is_200_while_the_loop_runs() -> None:
    async with running(Served()) as gateway:
        async with gateway.client.get("/healthz") as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})
        async with gateway.client.head("/healthz") as response:
            assert response.status == 200


async def test_readyz_tells_each_archives_state_and_a_down_one_does_not_make_it_unready() -> None:
    async with running(Served(backends=ARCHIVES)) as gateway:
        status, body = await readiness(gateway)

    assert status == 200
    assert body == {
        "status": "ready",
        "backends": [
            {"name": "pacs", "state": "up"},
            {"name": "old", "state": "down"},
            {"name": "new", "state": "unknown"},
        ],
    }


async def test_readyz_is_503_while_draining_and_other_requests_are_served() -> None:
    async with running(Served(backends=ARCHIVES)) as gateway:
        gateway.app[LIFE].draining = True
        status, body = await readiness(gateway)
        async with gateway.client.get("/healthz") as response:
            assert response.status == 200

    assert status == 503
    assert isinstance(body, dict)
    assert body["status"] == "draining"


async def test_metrics_are_prometheus_text() -> None:
    async with running(Served()) as gateway:
        await readiness(gateway)
        async with gateway.client.get("/metrics") as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            found = samples(await response.read())

    assert found["gateway_requests_total", "method=GET,route=/readyz,status=2xx"] == 1.0
    assert found["gateway_requests_in_flight", ""] == 1.0  # this one


async def test_metrics_can_be_off() -> None:
    async with (
        running(Served(telemetry={"metrics": {"enabled": False}})) as gateway,
        gateway.client.get("/metrics") as response,
    ):
        assert response.status == 404


async def test_the_start_page_says_what_this_is_and_a_line_to_try() -> None:
    trusting = {"trusted_proxies": ["127.0.0.1/32"], "allowed_hosts": ["pacs.example.org"]}
    async with (
        running(Served(server=trusting)) as gateway,
        gateway.client.get("/", headers={"X-Forwarded-Host": "pacs.example.org"}) as response,
    ):
        page = await response.text()

    assert __version__ in page
    assert "curl 'http://pacs.example.org/dicom-web/studies?limit=5'" in page
