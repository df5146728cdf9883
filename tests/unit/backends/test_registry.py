"""The configured backends: in their order, as their configuration says, and closed in the end."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.access.principal import Principal
from gateway.backends.base import CallContext, Capabilities, Health
from gateway.backends.registry import open_backends
from gateway.config.backends import DicomWebBackendConfig
from gateway.dicom.operations import Operation
from gateway.dicom.resources import Resource
from gateway.errors import BackendError, ConfigProblems
from gateway.telemetry.metrics import Metrics
from tests.fakes.certificates import make_certificates
from tests.fakes.pacs import Pacs, Reply
from tests.fakes.transports import ANYBODY

PATH = "/dicom-web/studies"
INSTANCE = Resource("1.2", "1.3", "1.4")


@pytest.fixture
async def pacs() -> AsyncIterator[Pacs]:
    async with Pacs() as pacs:
        pacs.on("GET", PATH, Reply(json=[]))
        pacs.on("GET", f"/dicom-web/{INSTANCE.path}/metadata", Reply(json=[{}]))
        yield pacs


def config(name: str, url: str, **other: Any) -> DicomWebBackendConfig:
    fields = {"name": name, "type": "dicomweb", "url": url, **other}
    return DicomWebBackendConfig.model_validate(fields, context={"environ": {"KEY": "s3cret"}})


async def test_backends_keep_the_order_of_their_configuration(pacs: Pacs) -> None:
    configs = [config(name, pacs.base) for name in ("b", "a", "c")]
    async with open_backends(configs, Metrics()) as backends:
        assert list(backends) == ["b", "a", "c"]
        assert [backend.name for backend in backends.values()] == ["b", "a", "c"]


async def test_a_backend_has_what_its_configuration_says(pacs: Pacs) -> None:
    said = config(
        "pacs",
        pacs.base,
        services=["search", "retrieve"],
        capabilities=["rendered", "fuzzymatching"],
        headers={"X-Site": "north", "X-Api-Key": {"env": "KEY"}},
        auth={"type": "basic", "username": "u", "password": {"env": "KEY"}},
        health={"path": "/studies?limit=2"},
    )
    async with open_backends([said], Metrics()) as backends:
        backend = backends["pacs"]
        assert backend.services == {Operation.SEARCH, Operation.RETRIEVE}
        assert backend.capabilities == Capabilities(
            rendered=True, fuzzymatching=True, includefield_all=False
        )
        await pacs.wait_for(lambda _: backend.health is Health.UP)

    (check,) = pacs.requests
    assert check.query == "limit=2"
    assert (check.headers["X-Site"], check.headers["X-Api-Key"]) == ("north", "s3cret")
    assert check.headers["Authorization"] == "Basic dTpzM2NyZXQ="


async def test_what_is_left_to_be_learned_is_open(pacs: Pacs) -> None:
    async with open_backends([config("pacs", pacs.base)], Metrics()) as backends:
        assert backends["pacs"].capabilities == Capabilities()


async def test_the_callers_token_is_forwarded_but_not_in_a_health_check(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(401))
    said = config("pacs", pacs.base, auth={"type": "forward"})
    async with open_backends([said], Metrics()) as backends:
        await pacs.wait_for(lambda _: backends["pacs"].health is Health.UP)
        context = CallContext(Principal("alice", bearer_token="alices"), "request-1")
        async with backends["pacs"].retrieve_metadata(INSTANCE, context) as datasets:
            assert [dataset async for dataset in datasets] == [{}]

    check, asked = pacs.requests
    assert "Authorization" not in check.headers
    assert asked.headers["Authorization"] == "Bearer alices"


async def test_tls_files_are_used(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    async with Pacs(certificates.server_context(client_needed=True)) as pacs:
        pacs.on("GET", f"/dicom-web/{INSTANCE.path}/metadata", Reply(json=[{}]))
        client = str(certificates.client)
        tls = {"ca": str(certificates.ca), "cert": client, "key": client}
        said = await asyncio.to_thread(config, "pacs", pacs.base, tls=tls)
        async with (
            open_backends([said], Metrics()) as backends,
            backends["pacs"].retrieve_metadata(INSTANCE, ANYBODY) as datasets,
        ):
            assert [dataset async for dataset in datasets] == [{}]


async def test_a_certificate_of_nobody_is_502(tmp_path: Path) -> None:
    async with (
        Pacs(make_certificates(tmp_path).server_context()) as pacs,
        open_backends([config("pacs", pacs.base)], Metrics()) as backends,
    ):
        with pytest.raises(BackendError) as caught:
            async with backends["pacs"].retrieve_metadata(INSTANCE, ANYBODY):
                pass

    assert (caught.value.status, caught.value.category) == (502, "tls")


async def test_all_problems_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    no_pem = tmp_path / "ca.pem"
    no_pem.write_text("no certificate")
    configs = [
        await asyncio.to_thread(
            config, "first", "https://pacs.invalid/rs", tls={"ca": str(no_pem)}
        ),
        config("second", "http://pacs.invalid/rs"),
        config(
            "third", "http://pacs.invalid/rs", auth={"type": "aws_sigv4", "region": "eu-central-1"}
        ),
    ]
    with pytest.raises(ConfigProblems) as caught:
        async with open_backends(configs, Metrics()):
            pass

    problems = caught.value.problems
    assert [problem.partition(":")[0] for problem in problems] == [
        "backends.first.tls",
        "backends.third.auth",
    ]


async def test_in_the_end_everything_is_closed(pacs: Pacs) -> None:
    async with open_backends([config("pacs", pacs.base)], Metrics()) as backends:
        await pacs.wait_for(lambda _: backends["pacs"].health is Health.UP)
        assert pacs.open_connections == 1

    await pacs.wait_for(lambda pacs: pacs.open_connections == 0)


async def test_an_opened_breaker_is_counted_and_the_backend_down(pacs: Pacs) -> None:
    pacs.on("GET", PATH, Reply(502))
    metrics = Metrics()
    said = config("pacs", pacs.base, breaker={"failures": 1, "open_for": "10m"})
    async with open_backends([said], metrics) as backends:
        await pacs.wait_for(lambda _: backends["pacs"].health is Health.DOWN)
        with pytest.raises(BackendError) as caught:
            async with backends["pacs"].retrieve_metadata(INSTANCE, ANYBODY):
                pass

    assert (caught.value.status, caught.value.category) == (503, "breaker_open")
    assert 'gateway_breaker_state{backend="pacs"} 2.0' in metrics.render().decode()
