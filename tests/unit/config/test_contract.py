"""The whole format with all its defaults, and the forms of what this version lacks."""

from copy import deepcopy
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config.audit import FhirSink, FileSink, SyslogSink
from gateway.config.auth import ExternalPolicy, IssuerConfig, LoginConfig, RuleConfig, ShareLinks
from gateway.config.document import Document
from gateway.config.load import build_config, load_config
from gateway.config.section import Section
from gateway.config.store import Coercion, Route, Spool, Webhook
from gateway.dicom.operations import Operation
from gateway.errors import ConfigProblems
from tests.unit.config.conftest import Load

DEFAULTS = """
version: 1
server:
  host: 127.0.0.1
  port: 8080
  base_path: /dicom-web
  public_url: null
  trusted_proxies: []
  allowed_hosts: []
  tls: null
  secret: null
  workers: 1
  temp: null
  drain_delay: 5s
  shutdown_grace: 30s
  limits:
    request_header: 64KiB
    store_request: 20GiB
    store_instance: 4GiB
    requests_in_flight: 512
    request_timeout: 10m
backends:
  - name: orthanc
    type: dicomweb
    url: http://orthanc:8042/dicom-web
    wado_uri: null
    services: [search, retrieve, store]
    auth: { type: none }
    tls: { ca: null, cert: null, key: null, verify: true }
    headers: {}
    timeouts: { connect: 5s, first_byte: 30s, idle: 60s, search: 10s }
    limits: { connections: 32, in_flight: 64, requests_per_second: null }
    breaker: { failures: 5, open_for: 30s }
    health: { path: "/studies?limit=1", every: 30s }
    capabilities: auto
    changes: auto
    patient_id_issuer: null
    store: { transfer_syntax: null, batch: 10 }
auth:
  mode: none
  allow_anonymous: false
  issuers: []
  rules: []
  external: null
  limits: { requests_per_minute: null, bytes_per_minute: null, in_flight: null }
  login: { enabled: false }
  share_links: { enabled: false }
cors:
  origins: []
  credentials: true
  max_age: 2h
  cross_origin_isolation: false
cache:
  memory: { size: 256MiB }
  disk: { path: null, size: 10GiB }
  redis: { url: null, password: null }
  max_entry: 64MiB
  ttl: { search: 5s, metadata: 5m, instance: 7d, rendered: 7d }
  stale_if_error: { search: 0s, metadata: 24h, instance: 7d }
  prefetch: { enabled: false, frames_ahead: 32, priors: 0 }
search:
  max_results: 10000
  strict: false
pixels:
  workers: auto
  queue: 128
  max_frame_pixels: 268435456
  rendered: { default: image/jpeg, quality: 90, max_viewport: 8192 }
  thumbnail: { size: 256 }
store:
  ack: primary
  routes: []
  coerce: []
  duplicates: { identical: success, different: conflict }
  outbox:
    store: sqlite
    path: ./outbox.db
    url: null
    retry: { first: 5s, factor: 2, max: 1h, give_up_after: 7d }
    spool: null
  webhook: null
audit:
  sinks: []
telemetry:
  log: { format: json, level: info }
  metrics: { enabled: true }
  tracing: { otlp_endpoint: null, sample: 0.1 }
"""

LEAST = """
version: 1
backends: [{ name: orthanc, type: dicomweb, url: http://orthanc:8042/dicom-web }]
"""


def test_what_is_left_out_is_what_the_format_says_is_the_default(load: Load) -> None:
    assert load(DEFAULTS) == load(LEAST)


def test_sections_that_are_left_empty_are_their_defaults(load: Load) -> None:
    empty = "".join(f"{key}:\n" for key in ("server", "auth", "cors", "cache", "store"))

    assert load(LEAST + empty) == load(LEAST)


def test_durations_are_timedeltas_and_sizes_are_bytes(load: Load) -> None:
    config = load(DEFAULTS)

    assert config.server.limits.store_instance == 4 * 1024**3
    assert config.server.limits.request_timeout == timedelta(minutes=10)
    assert config.backends[0].timeouts.idle == timedelta(seconds=60)
    assert config.cache.memory.size == 268435456
    assert config.cache.stale_if_error.search == timedelta(0)
    assert config.store.outbox.retry.max == timedelta(hours=1)


def test_services_are_operations_in_the_order_given(load: Load) -> None:
    assert load(LEAST).backends[0].services == (
        Operation.SEARCH,
        Operation.RETRIEVE,
        Operation.STORE,
    )


def test_the_repositorys_own_file_is_valid_and_holds_defaults_only(load: Load) -> None:
    path = Path(__file__).parents[3] / "gateway.yaml"

    config = load_config(path, {})

    assert config.backends[0].url == "http://127.0.0.1:8042/dicom-web"
    assert config == load(LEAST.replace("//orthanc:", "//127.0.0.1:"))


def test_nothing_of_a_configuration_can_be_changed(load: Load) -> None:
    config = load(DEFAULTS)

    for section in (config, config.server, config.server.limits, config.backends[0].timeouts):
        with pytest.raises(ValueError, match="frozen"):
            setattr(section, next(iter(type(section).model_fields)), None)


FORMS: tuple[tuple[type[Section], str], ...] = (
    (
        IssuerConfig,
        "{issuer: https://idp.example.org/realms/imaging, audiences: [dicomweb],"
        " algorithms: [RS256, PS256, ES256, EdDSA], clock_skew: 30s, jwks_ttl: 10m,"
        " min_refetch: 10s, introspection: null}",
    ),
    (
        IssuerConfig,
        "{issuer: http://localhost:9000, audiences: [a], introspection:"
        " {endpoint: https://idp.example.org/i, client_id: g, client_secret: {env: X}}}",
    ),
    (
        RuleConfig,
        "{name: radiologists, when: {claim: realm_access.roles, contains: radiologist},"
        " allow: [search, retrieve], backends: [orthanc]}",
    ),
    (
        RuleConfig,
        "{name: patient portal, when: {claim: patient_id, exists: true}, allow: [search],"
        " only: {PatientID: '{claim:patient_id}', IssuerOfPatientID: HOSP}}",
    ),
    (
        RuleConfig,
        "{name: modalities, when: {scope: dicom.store}, allow: [store],"
        " only: {Modality: [CT, MR]}}",
    ),
    (ExternalPolicy, "{opa: 'http://opa:8181/v1/data/gateway/allow', timeout: 500ms}"),
    (
        LoginConfig,
        "{enabled: false, issuer: https://idp.example.org, client_id: g, client_secret: {env: X},"
        " scopes: [openid], cookie: {name: g, max_age: 8h, same_site: lax}}",
    ),
    (ShareLinks, "{enabled: false, max_age: 30d, viewer_url: 'https://v/?s={study}'}"),
    (Route, "{match: {Modality: [CT, MR], StationName: 'CT*'}, to: [orthanc, local]}"),
    (
        Route,
        "{when: {claim: groups, contains: research, address: 10.1.0.0/16}, to: [local]}",
    ),
    (
        Coercion,
        "{match: {backend: local}, set: {InstitutionName: Example}, remove: [PatientComments],"
        " prefix: {AccessionNumber: EX-}}",
    ),
    (Spool, "{path: ./spool, size: 50GiB}"),
    (Webhook, "{url: https://hooks.example.org/a, secret: {env: X}}"),
    (FileSink, "{type: file, path: ./audit.log}"),
    (SyslogSink, "{type: syslog, host: log.example.org, port: 6514, tls: true}"),
    (FhirSink, "{type: fhir, url: https://fhir.example.org/r4}"),
)


@pytest.mark.parametrize(("section", "text"), FORMS)
def test_the_forms_of_what_this_version_lacks_are_known(section: type[Section], text: str) -> None:
    given: dict[str, Any] = yaml.safe_load(text)

    parsed = section.model_validate(given)

    assert parsed.model_fields_set == {key for key, value in given.items() if value is not None}


def test_an_address_of_a_rule_is_a_network() -> None:
    route = Route.model_validate({"when": {"address": "10.1.0.0/16"}, "to": ["local"]})

    assert route.when.address == ip_network("10.1.0.0/16")


DATA = yaml.safe_load(DEFAULTS)
WRONG: tuple[Any, ...] = (7, 1.5, True, "x", "", [], [7], {}, {"a": 1}, {"type": "a"}, [{"a": []}])


def _children(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _every_path(value: Any) -> list[tuple[str | int, ...]]:
    return [(), *((key, *path) for key, child in _children(value) for path in _every_path(child))]


def _problems_with(path: tuple[str | int, ...], wrong: Any) -> tuple[str, ...]:
    data: Any = deepcopy(DATA)
    holder = data
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = wrong
    try:
        build_config(Document(data), {})
    except ConfigProblems as error:
        return error.problems
    return ()


@pytest.mark.parametrize("path", _every_path(DATA)[1:], ids=str)
def test_whatever_a_key_is_given_the_answer_is_in_our_own_words(
    path: tuple[str | int, ...],
) -> None:
    told = [(wrong, _problems_with(path, wrong)) for wrong in WRONG]

    assert any(problems for _, problems in told)
    assert [
        each for each in told if any("nput" in text or "alid" in text for text in each[1])
    ] == []
