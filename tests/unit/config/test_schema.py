from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from gateway.config.schema import DIALECT, json_schema
from tests.unit.config.test_contract import DATA


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _errors(validator: Any, data: Any) -> list[str]:
    return [str(error.message) for error in validator.iter_errors(data)]


def test_it_names_the_dialect_that_it_is_written_in() -> None:
    assert json_schema()["$schema"] == DIALECT == "https://json-schema.org/draft/2020-12/schema"


def test_it_accepts_all_defaults_as_they_are_written(validator: Any) -> None:
    assert _errors(validator, DATA) == []


def test_it_accepts_the_repositorys_own_file(validator: Any) -> None:
    text = (Path(__file__).parents[3] / "gateway.yaml").read_text()

    assert _errors(validator, yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("server", "{secret: {env: A}, tls: {cert: a, key: b}, workers: auto, temp: /tmp}"),
        (
            "server",
            "{trusted_proxies: [10.0.0.0/8], allowed_hosts: ['a:1'], public_url: https://a}",
        ),
        ("auth", "{mode: oidc, issuers: [{issuer: https://a, audiences: [b], clock_skew: 30s}]}"),
        ("auth", "{rules: [{name: a, when: {scope: b}, allow: [store], only: {Modality: [CT]}}]}"),
        ("auth", "{external: {opa: http://a/b, timeout: 500ms}, limits: {bytes_per_minute: 1GiB}}"),
        ("auth", "{login: {enabled: true, client_secret: {file: a}, cookie: {max_age: 8h}}}"),
        ("cors", "{origins: [https://a]}"),
        ("cache", "{disk: {path: /a}, redis: {url: redis://a, password: {env: A}}}"),
        ("store", "{ack: quorum, routes: [{match: {Modality: [CT]}, to: [a]}]}"),
        ("store", "{coerce: [{match: {backend: a}, set: {A: b}, remove: [C], prefix: {D: e}}]}"),
        ("store", "{outbox: {store: redis, spool: {path: a, size: 50GiB}}}"),
        ("store", "{webhook: {url: https://a, secret: {env: A}}}"),
        ("audit", "{sinks: [{type: syslog, host: a, port: 1, tls: true}, {type: file, path: a}]}"),
        ("telemetry", "{log: {format: text}, tracing: {otlp_endpoint: http://a, sample: 1}}"),
        ("backends", "[{name: local, type: folder, path: ./data}]"),
        *(
            ("backends", f"[{{name: a, type: dicomweb, url: http://a, {keys}}}]")
            for keys in (
                "changes: {every: 10s}, capabilities: [rendered], services: [delete]",
                "headers: {X: a, Y: {env: B}}, wado_uri: http://a/wado",
                "auth: {type: basic, username: a, password: {env: B}}",
                "auth: {type: google, service_account: {file: a}}",
                "auth: {type: aws_sigv4, region: a, access_key_id: AKIA}",
            )
        ),
    ],
)
def test_it_accepts_every_form_that_the_format_has(section: str, text: str, validator: Any) -> None:
    assert _errors(validator, {**DATA, section: yaml.safe_load(text)}) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("version",), 2),
        (("server", "prot"), 1),
        (("server", "drain_delay"), 5),
        (("server", "drain_delay"), "5 s"),
        (("server", "limits", "store_request"), "20GB"),
        (("server", "port"), 70000),
        (("server", "workers"), "all"),
        (("server", "secret"), "hunter2"),
        (("server", "secret"), {"env": "A", "file": "B"}),
        (("server", "public_url"), "pacs.example.org"),
        (("backends",), []),
        (("backends", 0, "name"), "A B"),
        (("backends", 0, "type"), "dicom"),
        (("backends", 0, "services"), ["admin"]),
        (("backends", 0, "auth"), {"type": "basic", "username": "a", "password": "hunter2"}),
        (("backends", 0, "changes"), {"every": 10}),
        (("telemetry", "log", "level"), "trace"),
    ],
)
def test_it_refuses_what_check_config_refuses(
    path: tuple[str | int, ...], wrong: object, validator: Any
) -> None:
    data = deepcopy(DATA)
    holder = data
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = wrong

    assert _errors(validator, data)


def test_it_says_what_a_key_means_and_is_by_default() -> None:
    limits = json_schema()["$defs"]["ServerLimits"]["properties"]

    assert limits["store_instance"]["description"] == "One part of a STOW request."
    assert limits["store_instance"]["default"] == "4GiB"
    assert limits["request_timeout"]["default"] == "10m"
