"""A section that switches on what this version lacks is refused; one that is off is not."""

import pytest

from tests.unit.config.conftest import Load, Problems


@pytest.mark.parametrize(
    ("text", "path", "remedy"),
    [
        ("auth: {mode: oidc}", "auth.mode", "remove it or set it to none"),
        ("auth: {issuers: [{issuer: https://a, audiences: [b]}]}", "auth.issuers", "remove it"),
        ("auth: {rules: [{name: a, allow: [search]}]}", "auth.rules", "remove it"),
        ("auth: {external: {opa: http://opa:8181/v1}}", "auth.external", "remove it"),
        *(
            (f"auth: {{limits: {{{key}}}}}", f"auth.limits.{key.split(':')[0]}", "remove it")
            for key in ("requests_per_minute: 1", "bytes_per_minute: 1MiB", "in_flight: 1")
        ),
        ("auth: {login: {enabled: true}}", "auth.login.enabled", "remove it or set it to false"),
        (
            "auth: {share_links: {enabled: true}}",
            "auth.share_links.enabled",
            "remove it or set it to false",
        ),
        ("cors: {origins: [https://a]}", "cors.origins", "remove it"),
        (
            "cors: {cross_origin_isolation: true}",
            "cors.cross_origin_isolation",
            "remove it or set it to false",
        ),
        ("cache: {disk: {path: /var/cache}}", "cache.disk.path", "remove it"),
        ("cache: {redis: {url: redis://a}}", "cache.redis.url", "remove it"),
        (
            "cache: {prefetch: {enabled: true}}",
            "cache.prefetch.enabled",
            "remove it or set it to false",
        ),
        *(
            (f"store: {{ack: {ack}}}", "store.ack", "remove it or set it to primary")
            for ack in ("all", "any", "quorum")
        ),
        ("store: {coerce: [{remove: [PatientComments]}]}", "store.coerce", "remove it"),
        ("store: {outbox: {spool: {path: ./spool}}}", "store.outbox.spool", "remove it"),
        ("store: {webhook: {url: http://a, secret: {env: X}}}", "store.webhook", "remove it"),
        ("audit: {sinks: [{type: file, path: a}]}", "audit.sinks", "remove it"),
        (
            "telemetry: {tracing: {otlp_endpoint: http://a:4318}}",
            "telemetry.tracing.otlp_endpoint",
            "remove it",
        ),
    ],
)
def test_what_is_switched_on_and_not_there_is_refused(
    text: str, path: str, remedy: str, section_problems: Problems
) -> None:
    assert section_problems(text) == (f"{path} (line 3): not in this version: {remedy}",)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("auth: {issuers: [{isuer: a}, 7]}", "auth.issuers"),
        ("auth: {external: {opa: 7}}", "auth.external"),
        ("store: {webhook: {secret: hunter2}}", "store.webhook"),
        ("audit: {sinks: [{type: paper}]}", "audit.sinks"),
    ],
)
def test_what_is_inside_of_a_refused_section_is_not_judged(
    text: str, path: str, section_problems: Problems
) -> None:
    assert section_problems(text) == (f"{path} (line 3): not in this version: remove it",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("auth: {mode: oauth}", "auth.mode (line 3): must be one of none, oidc"),
        ("auth: {issuers: 7}", "auth.issuers (line 3): must be a list, such as [a, b]"),
        ("auth: {login: {enabled: maybe}}", "auth.login.enabled (line 3): must be true or false"),
        ("store: {ack: most}", "store.ack (line 3): must be one of primary, all, any, quorum"),
    ],
)
def test_a_value_that_no_version_has_is_told_as_such(
    text: str, problem: str, section_problems: Problems
) -> None:
    assert section_problems(text) == (problem,)


@pytest.mark.parametrize("kind", ["folder", "dimse"])
def test_another_type_of_archive_is_refused_once_whatever_it_holds(
    kind: str, section_problems: Problems, problems: Problems
) -> None:
    found = problems(
        "version: 1\nbackends:\n  - {name: a, type: dicomweb, url: http://a}\n"
        f"  - {{name: local, type: {kind}, path: ./data, aet: X}}"
    )

    assert found == (
        "backends[1].type (line 4): not in this version: remove it or set it to dicomweb",
    )


@pytest.mark.parametrize("service", ["delete", "worklist"])
def test_a_service_that_is_not_there_is_refused(service: str, backend_problems: Problems) -> None:
    assert backend_problems(f"services: [search, {service}]") == (
        "backends[0].services[1] (line 3): not in this version: remove it",
    )


def test_a_route_that_means_the_primary_is_taken(with_section: Load) -> None:
    assert with_section("store: {routes: [{to: [orthanc]}]}").store.routes[0].to == ("orthanc",)


@pytest.mark.parametrize(
    "routes",
    [
        "[{to: [other]}]",
        "[{to: [orthanc, other]}]",
        "[{to: [orthanc]}, {to: [orthanc]}]",
        "[{match: {Modality: CT}, to: [orthanc]}]",
        "[{when: {scope: a}, to: [orthanc]}]",
    ],
)
def test_a_route_that_means_more_than_the_primary_is_refused(
    routes: str, section_problems: Problems
) -> None:
    assert section_problems(f"store: {{routes: {routes}}}") == (
        "store.routes (line 3): not in this version: remove it; all is stored in the first backend"
        " that lists store",
    )


def test_what_only_tunes_what_is_not_there_yet_is_taken(with_section: Load) -> None:
    config = with_section(
        "cache: {memory: {size: 0MiB}, ttl: {search: 0s}}\npixels: {workers: 2}\n"
        "store: {outbox: {store: redis}}\ncors: {credentials: false}\n"
    )

    assert (config.cache.memory.size, config.pixels.workers) == (0, 2)
