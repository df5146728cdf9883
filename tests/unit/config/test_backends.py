import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.config.backend_auth import (
    AwsSigV4Auth,
    BackendAuth,
    ClientCredentialsAuth,
    ForwardAuth,
    GoogleAuth,
    NoAuth,
)
from gateway.config.backends import ChangesEvery, DicomWebBackendConfig
from gateway.config.model import Config
from tests.unit.config.conftest import Load, Problems

WithBackend = Callable[..., Config]


def test_a_backend_is_made_of_three_keys(with_backend: WithBackend) -> None:
    (backend,) = with_backend("").backends

    assert backend == DicomWebBackendConfig(
        name="orthanc", type="dicomweb", url="http://127.0.0.1:8042/dicom-web"
    )
    assert backend.auth == NoAuth()


@pytest.mark.parametrize(
    ("backends", "problem"),
    [
        ("", "backends: must be given"),
        ("backends: []", "backends (line 2): must have at least one entry"),
        ("backends: {a: b}", "backends (line 2): must be a list, such as [a, b]"),
        ("backends: [a]", "backends[0] (line 2): must be a mapping with keys of auth, breaker,"),
        ("backends: [{name: a, url: http://a}]", "backends[0].type (line 2): must be given"),
        ("backends: [{name: a, url: http://a, type: x}]", "backends[0].type (line 2): must be"),
        ("backends: [{name: a, url: http://a, type: [a]}]", "backends[0].type (line 2): must be"),
    ],
)
def test_a_list_without_a_backend_is_refused(
    backends: str, problem: str, problems: Problems
) -> None:
    (text,) = problems(f"version: 1\n{backends}")

    assert text.startswith(problem)


def test_an_unknown_type_hides_no_other_problem(problems: Problems) -> None:
    found = problems("version: 1\nbackends: [{name: A B, type: dicom, url: b:1, prot: 1}]")
    paths = [each.partition(" ")[0] for each in found]
    assert paths == [f"backends[0].{key}" for key in ("name", "type", "url", "prot")]


def test_what_is_missing_is_told_with_an_example(problems: Problems) -> None:
    assert problems("version: 1\nbackends: [{type: dicomweb, url: }]") == (
        "backends[0].name (line 2): must be given, such as orthanc",
        "backends[0].url (line 2): must be given, such as http://orthanc:8042/dicom-web",
    )


def test_a_list_of_wrong_backends_is_not_called_empty_too(problems: Problems) -> None:
    (problem,) = problems("version: 1\nbackends: [{name: A, type: dicomweb, url: http://a}]")

    assert problem == (
        "backends[0].name (line 2): must be of small letters, digits and -, such as orthanc-2"
    )


def test_each_repeated_name_is_told_with_the_first_one(problems: Problems) -> None:
    entry = "  - {name: a, type: dicomweb, url: http://a, x: 1}\n"

    found = problems(f"version: 1\nbackends:\n{entry}{entry}{entry}")

    assert [each for each in found if ".name (" in each] == [
        "backends[1].name (line 4): a is the name of backends[0] too: choose another",
        "backends[2].name (line 5): a is the name of backends[0] too: choose another",
    ]
    assert sum("is not a known key" in each for each in found) == 3


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("wado_uri: /wado", "wado_uri (line 3): must be an absolute URL that begins with http://"),
        ("services: []", "services (line 3): must have at least one entry"),
        ("services: search", "services (line 3): must be a list, such as [a, b]"),
        (
            "services: [find]",
            "services[0] (line 3): must be one of search, retrieve, store, delete",
        ),
        ("services: [admin]", "services[0] (line 3): must be one of search, retrieve, store, dele"),
        ("timeouts: {connect: 0s}", "timeouts.connect (line 3): must be more than 0"),
        ("timeouts: {idle: 60}", "timeouts.idle (line 3): 60 has no unit: write 60s"),
        ("timeouts: {total: 1s}", "timeouts.total (line 3): is not a known key: those known here"),
        ("limits: {connections: 0}", "limits.connections (line 3): must be at least 1"),
        ("limits: {in_flight: 1.5}", "limits.in_flight (line 3): must be a whole number"),
        ("limits: {requests_per_second: 0}", "limits.requests_per_second (line 3): must be more"),
        ("breaker: {failures: no}", "breaker.failures (line 3): must be a whole number"),
        ("health: {path: studies}", "health.path (line 3): must begin with / and be a path below"),
        ("health: {path: '/a b'}", "health.path (line 3): must begin with / and be a path below"),
        ("capabilities: [render]", "capabilities (line 3): must be auto or a list of rendered"),
        ("capabilities: none", "capabilities (line 3): must be auto or a list of rendered"),
        ("changes: {every: 10}", "changes (line 3): must be auto, orthanc, search, none, or { ev"),
        ("changes: push", "changes (line 3): must be auto, orthanc, search, none, or { every: 10s"),
        ("patient_id_issuer: 7", "patient_id_issuer (line 3): must be text: put it into quotes"),
        ("store: {transfer_syntax: jpeg}", "store.transfer_syntax (line 3): must be the UID of a"),
        ("store: {batch: 0}", "store.batch (line 3): must be at least 1"),
        ("tls: {verify: yes}", "tls.verify (line 3): must be true or false"),
        ("tls: {ca: /not/there}", "tls.ca (line 3): file /not/there does not exist: correct the"),
        ("tls: {cert: /etc/passwd}", "tls (line 3): cert and key go together: give both"),
        ("headers: {'X Y': a}", "headers.X Y (line 3): is not the name of a header: use letters"),
        ("headers: {'': a}", "headers. (line 3): is not the name of a header: use letters"),
        ("headers: {host: a}", "headers.host (line 3): is set by the gateway itself, a request at"),
        ("headers: {Content-Length: '1'}", "headers.Content-Length (line 3): is set by the gatewa"),
        ("headers: {Accept-Encoding: '*'}", "headers.Accept-Encoding (line 3): is set by the gate"),
        ('headers: {X: "a\\r\\nY: b"}', "headers.X (line 3): must be one line of Latin-1 text"),
        ('headers: {X: " a"}', "headers.X (line 3): must be one line of Latin-1 text"),
        ("headers: {X: €}", "headers.X (line 3): must be one line of Latin-1 text"),
        ("headers: {X: 7}", "headers.X (line 3): must be text in quotes, or { env: NAME } or { f"),
        ("headers: {X-A: a, x-a: b}", "headers (line 3): holds X-A more than once: names are eq"),
        ("headers: [a]", "headers (line 3): must be a mapping, such as { key: value }"),
        ("auth: {type: digest}", "auth.type (line 3): must be one of none, basic, bearer, client_"),
        ("auth: basic", "auth (line 3): must be a mapping with keys of"),
        ("auth: {type: basic, username: a}", "auth.password (line 3): must be given, such as {env"),
        ("auth: {type: none, usr: a}", "auth.usr (line 3): is not a known key: those known here a"),
        ("auth: {type: google, service: a}", "auth.service (line 3): is not a known key: did you"),
    ],
)
def test_a_key_of_a_backend_that_is_wrong_is_told_what_it_may_be(
    keys: str, problem: str, backend_problems: Problems
) -> None:
    assert backend_problems(keys)[0].startswith(f"backends[0].{problem}")


def test_keys_that_only_describe_an_archive_are_taken(with_backend: WithBackend) -> None:
    (backend,) = with_backend(
        "wado_uri: http://orthanc:8042/wado, changes: {every: 10s}, patient_id_issuer: HOSP,"
        " store: {transfer_syntax: 1.2.840.10008.1.2.1, batch: 1},"
        " capabilities: [rendered, thumbnail], limits: {requests_per_second: 2.5}"
    ).backends

    assert backend.wado_uri == "http://orthanc:8042/wado"
    assert backend.changes == ChangesEvery(every=timedelta(seconds=10))
    assert backend.patient_id_issuer == "HOSP"
    assert backend.store.transfer_syntax == "1.2.840.10008.1.2.1"
    assert backend.capabilities == ("rendered", "thumbnail")
    assert backend.limits.requests_per_second == 2.5


def test_a_client_certificate_may_be_one_file(with_backend: WithBackend, tmp_path: Path) -> None:
    (tmp_path / "pem").touch()

    tls = with_backend(f"tls: {{cert: {tmp_path}/pem, key: {tmp_path}/pem}}").backends[0].tls

    assert tls.cert == tls.key == tmp_path / "pem"


def _auth(config: Config) -> BackendAuth:
    return config.backends[0].auth


def test_a_header_may_carry_the_authorization_that_auth_does_not(
    with_backend: WithBackend, backend_problems: Problems
) -> None:
    header = "headers: {authorization: {env: KEY}}"
    environ = {"KEY": "Token abc"}

    assert list(with_backend(header, environ).backends[0].headers) == ["authorization"]
    assert backend_problems(f"{header}, auth: {{type: forward}}", environ) == (
        "backends[0].headers.authorization (line 3): is what auth sends already: remove one of the"
        " two",
    )


CLIENT = (
    "auth: {{type: client_credentials, client_id: g, client_secret: {{env: X}}, token_url: {}}}"
)


@pytest.mark.parametrize(
    "url", ["https://idp.example.org/token", "http://localhost:9/t", "http://127.0.0.1:8042/token"]
)
def test_a_token_is_asked_for_where_nobody_listens(url: str, with_backend: WithBackend) -> None:
    auth = _auth(with_backend(CLIENT.format(url), {"X": "s"}))

    assert isinstance(auth, ClientCredentialsAuth)
    assert (auth.token_url, auth.scope) == (url, None)


def test_a_token_may_be_asked_for_in_the_clear_at_the_backends_own_host(load: Load) -> None:
    auth = CLIENT.format("http://pacs:9/token")

    config = load(
        f"version: 1\nbackends: [{{name: a, type: dicomweb, url: http://pacs, {auth}}}]",
        {"X": "s"},
    )

    assert isinstance(_auth(config), ClientCredentialsAuth)


def test_a_clients_secret_never_crosses_the_network_in_the_clear(
    backend_problems: Problems,
) -> None:
    assert backend_problems(CLIENT.format("http://idp.example.org/token"), {"X": "s"}) == (
        "backends[0].auth.token_url (line 3): must begin with https:// unless its host is loopback"
        " or the backend's own",
    )


@pytest.mark.parametrize("name", ["a:b", '"a\\nb"'])
def test_a_user_name_that_would_end_early_is_refused(name: str, backend_problems: Problems) -> None:
    keys = f"auth: {{type: basic, username: {name}, password: {{env: X}}}}"

    assert backend_problems(keys, {"X": "s"}) == (
        "backends[0].auth.username (line 3): must not hold a colon or a line break",
    )


def test_forward_needs_nothing_else(with_backend: WithBackend) -> None:
    assert isinstance(_auth(with_backend("auth: {type: forward}")), ForwardAuth)


def test_a_google_identity_is_a_key_or_the_machines(
    with_backend: WithBackend, tmp_path: Path
) -> None:
    key = json.dumps({"client_email": "a@b", "private_key": "-\n-"}, indent=2)
    (tmp_path / "key.json").write_text(key)

    given = _auth(
        with_backend(f"auth: {{type: google, service_account: {{file: {tmp_path}/key.json}}}}")
    )
    machine = _auth(with_backend("auth: {type: google}"))

    assert isinstance(given, GoogleAuth)
    assert given.service_account is not None
    assert given.service_account.get_secret_value() == key
    assert machine == GoogleAuth(type="google")


@pytest.mark.parametrize("content", ["hunter2", "{}", "[]", '{"client_email": "hunter2"}'])
def test_a_google_key_that_is_none_is_refused_and_not_shown(
    content: str, backend_problems: Problems
) -> None:
    assert backend_problems("auth: {type: google, service_account: {env: X}}", {"X": content}) == (
        "backends[0].auth.service_account (line 3): is not the key of a service account: give the"
        " JSON file as downloaded",
    )


def test_an_aws_identity_is_a_pair_of_keys_or_the_machines(with_backend: WithBackend) -> None:
    given = _auth(
        with_backend(
            "auth: {type: aws_sigv4, region: eu-central-1, access_key_id: AKIA,"
            " secret_access_key: {env: X}}",
            {"X": "s"},
        )
    )
    machine = _auth(with_backend("auth: {type: aws_sigv4, region: eu-central-1}"))

    assert isinstance(given, AwsSigV4Auth)
    assert isinstance(machine, AwsSigV4Auth)
    assert given.access_key_id is not None
    assert given.access_key_id.get_secret_value() == "AKIA"
    assert (machine.service, machine.access_key_id) == ("medical-imaging", None)


def test_one_aws_key_without_the_other_is_refused(backend_problems: Problems) -> None:
    assert backend_problems("auth: {type: aws_sigv4, region: a, access_key_id: AKIA}") == (
        "backends[0].auth (line 3): access_key_id and secret_access_key go together: give both or"
        " none",
    )
