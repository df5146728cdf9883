"""The chart installs what it should, and refuses to install what nobody decided on."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

import gateway
from gateway.config.load import load_config

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "dicomweb-gateway"
NAME = "pacs-dicomweb-gateway"

LEAST: dict[str, Any] = {
    "config": {
        "backends": [
            {"name": "orthanc", "type": "dicomweb", "url": "http://orthanc:8042/dicom-web"}
        ],
        "auth": {"allow_anonymous": True},
        "server": {"public_url": "https://pacs.example.org"},
    }
}
EVERYTHING: dict[str, Any] = {
    "config": {
        "backends": [
            {
                "name": "vna",
                "type": "dicomweb",
                "url": "https://vna.example.org/dicom-web",
                "auth": {"type": "basic", "username": "g", "password": {"env": "VNA_PASSWORD"}},
            }
        ],
        "auth": {"allow_anonymous": True},
        "server": {"base_path": "/web", "drain_delay": "1500ms", "shutdown_grace": "2m"},
        "pixels": {"max_frame_pixels": 268435456},
    },
    "existingSecret": "archives",
    "serverSecret": {"existingSecret": "gateway", "key": "shared"},
    "extraEnv": [{"name": "GATEWAY__TELEMETRY__LOG__LEVEL", "value": "warning"}],
    "envFrom": [{"configMapRef": {"name": "more"}}],
    "image": {"registry": "images.example.org", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "login"}],
    "serviceAccount": {"annotations": {"example.org/role": "reader"}},
    "service": {"type": "LoadBalancer", "port": 80, "annotations": {"a": "b"}},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "hosts": ["pacs.example.org", "viewer.example.org"],
        "tls": [{"secretName": "tls", "hosts": ["pacs.example.org"]}],
        "annotations": {"nginx.ingress.kubernetes.io/proxy-read-timeout": "60"},
    },
    "temp": {"sizeLimit": "1Gi", "medium": "Memory"},
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
    "autoscaling": {"enabled": True, "targetMemoryUtilizationPercentage": 80},
    "podDisruptionBudget": {"enabled": True},
    "commonLabels": {"team": "imaging"},
    "podLabels": {"tier": "edge"},
    "podAnnotations": {"prometheus.io/scrape": "true"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "imaging", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "pacs"}},
        }
    ],
    "priorityClassName": "important",
    "hostAliases": [{"ip": "10.0.0.9", "hostnames": ["vna.example.org"]}],
}


@pytest.fixture(scope="module")
def chart() -> Iterator[helm_python.Chart]:
    with helm_python.Chart.load(CHART) as loaded:
        yield loaded


def _with(values: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The values with some changed: `config__server` is the key `server` within `config`."""
    changed = copy.deepcopy(dict(values))
    for path, value in changes.items():
        *above, last = path.split("__")
        place = changed
        for key in above:
            place = place.setdefault(key, {})
        place[last] = value
    return changed


def _rendered(chart: helm_python.Chart, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the cluster is given, by kind."""
    texts = chart.render(values, name="pacs", namespace="imaging")
    documents = [yaml.safe_load(text) for path, text in texts.items() if path.endswith(".yaml")]
    return {document["kind"]: document for document in documents if document}


def _refusal(chart: helm_python.Chart, values: dict[str, Any]) -> str:
    with pytest.raises(helm_python.HelmError) as refused:
        chart.render(values, name="pacs", namespace="imaging")
    return str(refused.value)


def _pod(chart: helm_python.Chart, values: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = _rendered(chart, values)["Deployment"]["spec"]["template"]["spec"]
    return spec


def _container(chart: helm_python.Chart, values: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = _pod(chart, values)["containers"][0]
    return container


def _configuration(chart: helm_python.Chart, values: dict[str, Any]) -> str:
    return str(_rendered(chart, values)["ConfigMap"]["data"]["gateway.yaml"])


@pytest.mark.parametrize("values", [LEAST, EVERYTHING])
def test_the_chart_lints_without_a_warning(values: dict[str, Any]) -> None:
    report = helm_python.lint(CHART, values, strict=True)

    assert report["errors"] == []
    assert [each for each in report["messages"] if each["severity"] > 1] == []


@pytest.mark.parametrize("kubernetes", ["1.25", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("values", [LEAST, EVERYTHING])
def test_every_object_is_valid_in_the_oldest_and_the_newest_kubernetes(
    chart: helm_python.Chart, values: dict[str, Any], kubernetes: str
) -> None:
    rendered = _rendered(chart, values)

    for document in rendered.values():
        kubernetes_validate.validate(document, kubernetes, strict=True)
    assert set(rendered) >= {"ConfigMap", "Deployment", "Service", "ServiceAccount"}


def test_everything_that_can_be_switched_on_is_rendered(chart: helm_python.Chart) -> None:
    assert set(_rendered(chart, EVERYTHING)) == {
        *("ConfigMap", "Deployment", "Service", "ServiceAccount"),
        *("Ingress", "PodDisruptionBudget", "HorizontalPodAutoscaler"),
    }


def test_who_may_use_the_gateway_is_for_the_operator_to_say(chart: helm_python.Chart) -> None:
    assert yaml.safe_load((CHART / "values.yaml").read_text())["config"]["auth"] == {}
    assert "config.auth.allow_anonymous=true" in _refusal(chart, _with(LEAST, config__auth={}))
    assert "config.auth.allow_anonymous=true" in _refusal(
        chart, _with(LEAST, config__auth={"mode": "none", "allow_anonymous": False})
    )


def test_all_that_is_missing_is_told_at_once(chart: helm_python.Chart) -> None:
    refusal = _refusal(chart, {})

    assert "config.auth says nobody" in refusal
    assert "config.backends is empty" in refusal
    assert "nothing says what clients call the gateway" in refusal


def test_the_names_of_the_gateway_may_come_from_allowed_hosts(chart: helm_python.Chart) -> None:
    values = _with(LEAST, config__server={"allowed_hosts": ["pacs.example.org"]})

    assert "Deployment" in _rendered(chart, values)


def test_replicas_without_a_shared_key_are_refused(chart: helm_python.Chart) -> None:
    assert "serverSecret.existingSecret" in _refusal(chart, _with(LEAST, replicaCount=2))
    assert "serverSecret.existingSecret" in _refusal(chart, _with(LEAST, autoscaling__enabled=True))
    shared = _with(LEAST, replicaCount=2, serverSecret__existingSecret="gateway")
    assert _rendered(chart, shared)["Deployment"]["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"replicas": 2}, "replicas"),
        ({"config__server__port": 9000}, "port"),
        ({"image__digest": "latest"}, "digest"),
        ({"config__server__drain_delay": 5}, "drain_delay"),
        ({"service__type": "Nodeport"}, "type"),
    ],
)
def test_a_value_that_the_chart_does_not_know_is_refused(
    chart: helm_python.Chart, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=named):
        chart.validate_schema(_with(LEAST, **changes))


def test_a_pod_has_nothing_that_it_does_not_need(chart: helm_python.Chart) -> None:
    pod = _pod(chart, LEAST)

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = [
        mount["mountPath"]
        for mount in pod["containers"][0]["volumeMounts"]
        if not mount.get("readOnly")
    ]
    assert writable == ["/tmp"]


def test_each_probe_asks_what_it_is_for(chart: helm_python.Chart) -> None:
    container = _container(chart, LEAST)

    assert {
        probe: container[probe]["httpGet"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    } == {
        "startupProbe": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
        "livenessProbe": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
        "readinessProbe": {"path": "/readyz", "port": "http", "scheme": "HTTP"},
    }


@pytest.mark.parametrize(
    ("server", "seconds"),
    [
        ({}, 45),
        ({"drain_delay": "1500ms", "shutdown_grace": "2m"}, 132),
        ({"drain_delay": "0s", "shutdown_grace": "1h"}, 3610),
    ],
)
def test_a_pod_may_take_as_long_to_end_as_its_streams(
    chart: helm_python.Chart, server: dict[str, str], seconds: int
) -> None:
    values = _with(LEAST, config__server=LEAST["config"]["server"] | server)

    assert _pod(chart, values)["terminationGracePeriodSeconds"] == seconds


def test_less_time_than_the_streams_need_is_refused(chart: helm_python.Chart) -> None:
    refusal = _refusal(chart, _with(LEAST, terminationGracePeriodSeconds=44))

    assert "terminationGracePeriodSeconds is 44" in refusal
    assert "45 seconds" in refusal


def test_secrets_come_from_secrets_alone(chart: helm_python.Chart) -> None:
    container = _container(chart, EVERYTHING)

    assert container["env"] == [
        {
            "name": "GATEWAY_SERVER_SECRET",
            "valueFrom": {"secretKeyRef": {"name": "gateway", "key": "shared"}},
        },
        {"name": "GATEWAY__TELEMETRY__LOG__LEVEL", "value": "warning"},
    ]
    assert container["envFrom"] == [
        {"secretRef": {"name": "archives"}},
        {"configMapRef": {"name": "more"}},
    ]
    assert yaml.safe_load(_configuration(chart, EVERYTHING))["server"]["secret"] == {
        "env": "GATEWAY_SERVER_SECRET"
    }


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, f"dicomweb-gateway:{gateway.__version__}"),
        ({"tag": "edge"}, "dicomweb-gateway:edge"),
        ({"registry": "r.example.org", "repository": "x/y"}, None),
        ({"tag": "edge", "digest": "sha256:" + "a" * 64}, "dicomweb-gateway@sha256:" + "a" * 64),
    ],
)
def test_an_image_is_named_by_its_digest_else_its_tag_else_the_version(
    chart: helm_python.Chart, image: dict[str, str], expected: str | None
) -> None:
    named = _container(chart, _with(LEAST, image=image))["image"]

    assert named == (expected or f"r.example.org/x/y:{gateway.__version__}")


def test_the_ingress_streams_and_shows_the_services_alone(chart: helm_python.Chart) -> None:
    ingress = _rendered(chart, EVERYTHING)["Ingress"]

    annotations = ingress["metadata"]["annotations"]
    hints = {
        key.removeprefix("nginx.ingress.kubernetes.io/"): annotations[key] for key in annotations
    }
    assert hints == {
        "proxy-body-size": "0",
        "proxy-request-buffering": "off",
        "proxy-buffering": "off",
        "proxy-http-version": "1.1",
        "proxy-read-timeout": "60",
        "proxy-send-timeout": "3600",
    }
    assert [
        (rule["host"], [path["path"] for path in rule["http"]["paths"]])
        for rule in ingress["spec"]["rules"]
    ] == [("pacs.example.org", ["/web"]), ("viewer.example.org", ["/web"])]


@pytest.mark.parametrize(
    ("tls", "public_url"),
    [([], "http://a.example.org"), ([{"secretName": "t"}], "https://a.example.org")],
)
def test_an_ingress_says_what_clients_call_the_gateway(
    chart: helm_python.Chart, tls: list[dict[str, str]], public_url: str
) -> None:
    ingress = {"enabled": True, "hosts": ["a.example.org"], "tls": tls}
    values = _with(LEAST, config__server={}, ingress=ingress)

    server = yaml.safe_load(_configuration(chart, values))["server"]

    assert server == {"host": "0.0.0.0", "port": 8080, "public_url": public_url}


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ({}, {"public_url": "https://a.example.org", "allowed_hosts": ["a.example.org", "b"]}),
        ({"allowed_hosts": ["b"]}, {"public_url": "https://a.example.org", "allowed_hosts": ["b"]}),
        (
            {"trusted_proxies": ["10.0.0.0/8"]},
            {"trusted_proxies": ["10.0.0.0/8"], "allowed_hosts": ["a.example.org", "b"]},
        ),
        ({"public_url": "https://c"}, {"public_url": "https://c"}),
    ],
)
def test_links_lead_to_the_first_host_unless_the_ingress_is_trusted_to_say_which(
    chart: helm_python.Chart, given: dict[str, Any], added: dict[str, Any]
) -> None:
    ingress = {"enabled": True, "hosts": ["a.example.org", "b"], "tls": [{"secretName": "t"}]}
    values = _with(LEAST, config__server=given, ingress=ingress)

    server = yaml.safe_load(_configuration(chart, values))["server"]

    assert server == {"host": "0.0.0.0", "port": 8080, **added}


def test_a_changed_configuration_starts_new_pods(chart: helm_python.Chart) -> None:
    def checksum(values: dict[str, Any]) -> str:
        template = _rendered(chart, values)["Deployment"]["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum(LEAST) == checksum(_with(LEAST, service__port=80))
    assert checksum(LEAST) != checksum(_with(LEAST, config__search={"max_results": 5}))


def test_a_fixed_number_of_replicas_does_not_fight_the_autoscaler(
    chart: helm_python.Chart,
) -> None:
    assert "replicas" not in _rendered(chart, EVERYTHING)["Deployment"]["spec"]


def test_the_gateway_accepts_the_configuration_that_it_is_given(
    chart: helm_python.Chart, tmp_path: Path
) -> None:
    least, everything = tmp_path / "least.yaml", tmp_path / "everything.yaml"
    least.write_text(_configuration(chart, LEAST))
    everything.write_text(_configuration(chart, EVERYTHING))

    small = load_config(least, {})
    large = load_config(everything, {"GATEWAY_SERVER_SECRET": "s" * 40, "VNA_PASSWORD": "secret"})

    assert (small.server.host, small.server.port) == ("0.0.0.0", 8080)
    assert large.server.public_url == "https://pacs.example.org"
    assert large.server.allowed_hosts == ("pacs.example.org", "viewer.example.org")
    assert large.pixels.max_frame_pixels == 268435456


def test_the_notes_say_that_nobody_logs_in(chart: helm_python.Chart) -> None:
    notes = chart.render(EVERYTHING, name="pacs", namespace="imaging")[
        "dicomweb-gateway/templates/NOTES.txt"
    ]

    assert "NOBODY LOGS IN" in notes
    assert "https://pacs.example.org/web" in notes


def test_the_values_that_the_documentation_shows_can_be_installed(
    chart: helm_python.Chart,
) -> None:
    page = (CHART.parents[2] / "docs" / "kubernetes.md").read_text()
    shown = [yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]

    least, replicas = shown
    assert set(_rendered(chart, least)) >= {"Deployment", "Ingress"}
    assert _rendered(chart, least | replicas)["Deployment"]["spec"]["replicas"] == 2


def test_chart_and_gateway_have_the_same_version() -> None:
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert described["appVersion"] == gateway.__version__


def test_every_value_is_in_the_schema() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert set(values) == set(schema["properties"]) - {"global"}
