from pathlib import Path

import pytest

from gateway.config.report import report_on
from tests.unit.config.conftest import BACKEND

CLEAN = f"version: 1\nbackends: [{BACKEND} }}]\n"


def _warnings(path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    path.write_text(text)
    report = report_on(path, environ or {})
    assert report.valid, report.lines
    return [line.strip() for line in report.lines if "warning" in line]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.yaml"


def test_a_valid_file_is_told_with_what_it_means(file: Path) -> None:
    file.write_text(CLEAN + "server: {public_url: https://pacs.example.org, host: '::1'}")

    report = report_on(file, {"GATEWAY__SERVER__PORT": "9000", "PATH": "/bin"})

    assert report.valid
    assert report.lines == (
        f"{file} is valid",
        "  listens on http://[::1]:9000/dicom-web",
        "  is known as https://pacs.example.org/dicom-web",
        "  backend orthanc: http://127.0.0.1:8042/dicom-web (search, retrieve, store; auth none)",
        "  GATEWAY__SERVER__PORT overrides the file",
    )


def test_a_file_with_problems_is_told_with_all_of_them(file: Path) -> None:
    file.write_text(CLEAN + "server: {port: x}")
    assert report_on(file, {}).lines == (
        f"{file} has a problem:",
        "  server.port (line 3): must be a whole number",
    )

    file.write_text(CLEAN + "server: {port: x, prot: 1}")
    report = report_on(file, {})
    assert not report.valid
    assert report.lines[0] == f"{file} has 2 problems:"
    assert len(report.lines) == 3


def test_what_holds_defaults_only_gets_no_warning(file: Path) -> None:
    assert _warnings(file, CLEAN) == []


def test_an_open_gateway_gets_a_warning(file: Path) -> None:
    text = "server: {host: 0.0.0.0, allowed_hosts: [a]}\nauth:\n  allow_anonymous: true\n"

    assert _warnings(file, CLEAN + text) == [
        "warning: auth.allow_anonymous (line 5): everybody who reaches the gateway may read and"
        " store"
    ]


def test_a_proxy_that_anybody_can_be_gets_a_warning(file: Path) -> None:
    assert _warnings(file, CLEAN + "server: {trusted_proxies: [10.0.0.0/8, 0.0.0.0/0]}") == [
        "warning: server.trusted_proxies[1] (line 3): 0.0.0.0/0 is every address: any client may"
        " choose its own address and Host"
    ]


@pytest.mark.parametrize(
    ("keys", "warnings"),
    [
        ("url: http://localhost:1, tls: {verify: false}", []),
        ("url: https://a", []),
        (
            "url: http://a",
            ["url (line 3): data cross the network in the clear: use https:// if it is not"],
        ),
        (
            "url: http://a, auth: {type: bearer, token: {env: X}}",
            [
                "url (line 3): credentials and data cross the network in the clear: use https:// if"
                " it is not private"
            ],
        ),
        (
            "url: https://a, tls: {verify: false}",
            ["tls.verify (line 3): whoever is on the way can read and change everything"],
        ),
        (
            "url: https://a, auth: {type: forward}",
            ["auth.type (line 3): callers' tokens are sent on unchecked: the archive must check"],
        ),
        (
            "url: https://a, auth: {type: client_credentials, client_id: b,"
            " client_secret: {env: X}, token_url: http://a/t}",
            ["auth.token_url (line 3): the client's secret crosses the network in the clear"],
        ),
    ],
)
def test_a_backend_that_others_can_listen_to_gets_a_warning(
    keys: str, warnings: list[str], file: Path
) -> None:
    text = f"version: 1\nbackends:\n  - {{name: a, type: dicomweb, {keys}}}"

    found = _warnings(file, text, {"X": "s"})

    assert len(found) == len(warnings)
    for line, expected in zip(found, warnings, strict=True):
        assert line.startswith(f"warning: backends[0].{expected}")


def test_what_does_nothing_yet_gets_a_warning_where_it_is_changed(file: Path) -> None:
    text = CLEAN + "cache:\n  memory: {size: 1GiB}\n  ttl: {search: 5s}\npixels: {queue: 1}\n"
    text += "store: {duplicates: {different: overwrite}, routes: [{to: [orthanc]}]}\n"

    assert _warnings(file, text) == [
        "warning: cache.memory.size (line 4): does nothing in this version",
        "warning: pixels.queue (line 6): does nothing in this version",
        "warning: store.duplicates.different (line 7): does nothing in this version",
    ]


def test_a_capability_that_is_not_used_yet_gets_a_warning(file: Path) -> None:
    text = CLEAN.replace("type: dicomweb,", "type: dicomweb, capabilities: [rendered, zip],")

    (warning,) = _warnings(file, text)
    assert warning.startswith("warning: backends[0].capabilities[1] ")
    assert warning.endswith(": zip does nothing in this version")
