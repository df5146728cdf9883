from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.unit.config.conftest import Load, Problems


@pytest.mark.parametrize(
    ("written", "read"),
    [("/dicom-web", "/dicom-web"), ("/", ""), ("''", ""), ("/a/b.c_d~1", "/a/b.c_d~1")],
)
def test_a_base_path_ends_without_a_slash(written: str, read: str, with_section: Load) -> None:
    assert with_section(f"server: {{base_path: {written}}}").server.base_path == read


@pytest.mark.parametrize("path", ["dicom-web", "/a/", "//a", "/a//b", "/a?b", "/../a", "/.", "/ä"])
def test_a_base_path_that_is_no_clean_path_is_refused(
    path: str, section_problems: Problems
) -> None:
    (problem,) = section_problems(f"server: {{base_path: '{path}'}}")

    assert problem.startswith("server.base_path (line 3): must begin with / and not end with it")


@pytest.mark.parametrize("name", ["healthz", "readyz", "metrics", "admin", "auth"])
def test_a_base_path_over_the_gateways_own_is_refused(
    name: str, section_problems: Problems
) -> None:
    (problem,) = section_problems(f"server: {{base_path: /{name}/x}}")

    assert problem == (
        f"server.base_path (line 3): /{name} is the gateway's own: choose another, such as"
        " /dicom-web"
    )


def test_a_base_path_that_only_begins_like_the_gateways_own_is_fine(with_section: Load) -> None:
    assert (
        with_section("server: {base_path: /administration}").server.base_path == "/administration"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "'::1'", "localhost", "a.localhost", "127.9.9.9"])
def test_a_loopback_host_needs_nothing_else(host: str, with_section: Load) -> None:
    assert with_section(f"server: {{host: {host}}}").server.host == host.strip("'")


@pytest.mark.parametrize("host", ["'*'", "127.0.0.1:80", "'[::1]'", "a b", "-a", "1.2.3", "''"])
def test_a_host_that_is_no_address_or_name_is_refused(
    host: str, section_problems: Problems
) -> None:
    problems = section_problems(f"server: {{host: {host}}}\nauth: {{allow_anonymous: true}}")

    assert [each.split(" such as")[0] for each in problems] == [
        "server.host (line 3): must be an IP address or a host name without a port,"
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "'::'", "10.0.0.5", "pacs.example.org"])
def test_an_open_host_needs_a_name_and_a_word_about_who_may_use_it(
    host: str, section_problems: Problems
) -> None:
    shown = host.strip("'")

    assert section_problems(f"server: {{host: {host}}}") == (
        f"auth.mode: none, with server.host {shown}, lets everybody who reaches it read and store:"
        " if that is meant, set auth.allow_anonymous: true; else listen on 127.0.0.1",
        f"server.allowed_hosts (line 3): must name a host when server.host is {shown}, unless"
        " server.public_url is set: only requests for a known Host are answered",
    )


@pytest.mark.parametrize(
    "name", ["allowed_hosts: [pacs.example.org]", "public_url: https://pacs.example.org"]
)
def test_an_open_host_is_fine_with_a_name_and_a_word(name: str, with_section: Load) -> None:
    config = with_section(f"server: {{host: 0.0.0.0, {name}}}\nauth: {{allow_anonymous: true}}")

    assert config.server.host == "0.0.0.0"


def test_the_word_is_missed_whatever_else_is_wrong(section_problems: Problems) -> None:
    problems = section_problems("server: {host: 0.0.0.0, prot: 1}\nauth: {mod: none}\nbackend: []")

    assert [each.split(":")[0] for each in problems] == [
        "server.allowed_hosts (line 3)",
        "server.prot (line 3)",
        "auth.mode (line 4)",
        "auth.mod (line 4)",
        "backend (line 5)",
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://pacs.example.org", "https://pacs.example.org"),
        ("https://PACS.example.org/gw/", "https://pacs.example.org/gw"),
        ("'http://[fd00::1]:8080'", "http://[fd00::1]:8080"),
    ],
)
def test_a_public_url_ends_without_a_slash(written: str, read: str, with_section: Load) -> None:
    assert with_section(f"server: {{public_url: {written}}}").server.public_url == read


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("pacs.example.org", "must be an absolute URL that begins with http:// or https://"),
        ("ftp://pacs.example.org", "must be an absolute URL that begins with http:// or https://"),
        ("https://", "must be an absolute URL that begins with http:// or https:// and names a"),
        ("https://a b", "must be an absolute URL"),
        ("https://a:99999", "must be an absolute URL"),
        ("https://a:x", "must be an absolute URL"),
        ("https://a:0", "must be an absolute URL"),
        ("https://a_{b}", "must be an absolute URL"),
        ("https://[::1", "must be an absolute URL"),
        ("https://1.2.3.400", "must be an absolute URL that begins with http:// or https:// and"),
        ("https://u:hunter2@a", "holds a user name or password: give them in auth"),
        ("https://hunter2@a", "holds a user name or password: give them in auth"),
        ("https://a/?b=c", "must end with its path: remove the query or fragment"),
        ("https://a/?", "must end with its path: remove the query or fragment"),
        ("https://a/#b", "must end with its path: remove the query or fragment"),
    ],
)
def test_a_url_that_cannot_be_built_on_is_refused_and_not_shown(
    url: str, problem: str, section_problems: Problems
) -> None:
    (text,) = section_problems(f"server: {{public_url: '{url}'}}")

    assert text.startswith(f"server.public_url (line 3): {problem}")
    assert "hunter2" not in text


def test_trusted_proxies_are_networks_and_addresses(with_section: Load) -> None:
    server = with_section("server: {trusted_proxies: [10.0.0.0/8, 192.168.0.7, 'fd00::/8']}").server

    assert server.trusted_proxies == (
        ip_network("10.0.0.0/8"),
        ip_network("192.168.0.7/32"),
        ip_network("fd00::/8"),
    )


def test_a_proxy_that_is_no_network_is_told_which_one_is_meant(section_problems: Problems) -> None:
    problems = section_problems("server: {trusted_proxies: [10.0.0.1/8, proxy, 7, null]}")

    assert [each.removeprefix("server.trusted_proxies") for each in problems] == [
        "[0] (line 3): is an address inside of a network: write 10.0.0.0/8",
        "[1] (line 3): must be an address or a network, such as 10.0.0.0/8",
        "[2] (line 3): must be an address or a network, such as 10.0.0.0/8",
        "[3] (line 3): must be an address or a network, such as 10.0.0.0/8",
    ]


def test_allowed_hosts_are_names_with_at_most_a_port(with_section: Load) -> None:
    server = with_section(
        "server: {allowed_hosts: [PACS.example.org, 'a:8443', '[::1]:80']}"
    ).server

    assert server.allowed_hosts == ("pacs.example.org", "a:8443", "[::1]:80")


@pytest.mark.parametrize("host", ["https://a", "a/b", "a:70000", "a:", "*.a", "::1", ""])
def test_an_allowed_host_that_is_no_host_is_refused(host: str, section_problems: Problems) -> None:
    (problem,) = section_problems(f"server: {{allowed_hosts: ['{host}']}}")

    assert problem.startswith(
        "server.allowed_hosts[0] (line 3): must be a host name or address with at most a port"
    )


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("port: 65536", "port (line 3): must be at most 65535"),
        ("port: -1", "port (line 3): must be at least 0"),
        ("port: '80'", "port (line 3): must be a whole number"),
        ("port: 80.5", "port (line 3): must be a whole number"),
        ("port: true", "port (line 3): must be a whole number"),
        ("workers: 0", "workers (line 3): must be a whole number from 1, or auto"),
        ("workers: all", "workers (line 3): must be a whole number from 1, or auto"),
        ("workers: true", "workers (line 3): must be a whole number from 1, or auto"),
        ("temp: /not/there", "temp (line 3): folder /not/there does not exist: create it"),
        ("drain_delay: 5", "drain_delay (line 3): 5 has no unit: write 5s (ms, s, m, h, d)"),
        ("tls: {cert: /x}", "tls.cert (line 3): file /x does not exist: correct the path"),
        ("limits: {request_timeout: 0s}", "limits.request_timeout (line 3): must be more than 0"),
        ("limits: {store_request: 0B}", "limits.store_request (line 3): must be more than 0"),
        ("limits: {request_header: 64}", "limits.request_header (line 3): 64 has no unit: write"),
        ("limits: {requests_in_flight: 0}", "limits.requests_in_flight (line 3): must be at least"),
        ("limits: 5", "limits (line 3): must be a mapping with keys of request_header, request_"),
        ("trusted_proxies: 10.0.0.0/8", "trusted_proxies (line 3): must be a list, such as [a"),
    ],
)
def test_a_value_out_of_its_bounds_is_told_what_it_may_be(
    keys: str, problem: str, section_problems: Problems
) -> None:
    assert section_problems(f"server: {{{keys}}}")[0].startswith(f"server.{problem}")


@pytest.mark.parametrize(("written", "read"), [("auto", "auto"), ("4", 4)])
def test_workers_are_a_number_or_what_the_machine_has(
    written: str, read: object, with_section: Load
) -> None:
    assert with_section(f"server: {{workers: {written}}}").server.workers == read


def test_tls_needs_both_of_its_files(section_problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "cert").touch()

    assert section_problems(f"server: {{tls: {{cert: {tmp_path}/cert}}}}") == (
        "server.tls.key (line 3): must be given",
    )


def test_tls_with_both_of_its_files_is_fine(with_section: Load, tmp_path: Path) -> None:
    for name in ("cert", "key"):
        (tmp_path / name).touch()

    tls = with_section(
        f"server: {{tls: {{cert: {tmp_path}/cert, key: {tmp_path}/key}}}}"
    ).server.tls

    assert tls is not None
    assert (tls.cert, tls.key) == (tmp_path / "cert", tmp_path / "key")
