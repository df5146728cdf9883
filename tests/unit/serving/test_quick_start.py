"""From a command line to a configuration, and to commands that try it."""

from pathlib import Path

import pytest

from gateway.config.server import ServerConfig
from gateway.errors import ConfigProblems
from gateway.serving.quick_start import commands_to_try, read_configuration

NO_FILE = Path("no-such-file.yaml")


def test_a_url_alone_makes_a_configuration_on_loopback() -> None:
    config = read_configuration(NO_FILE, "http://archive:8042/dicom-web", None, {})

    (backend,) = config.backends
    assert (backend.name, backend.url) == ("pacs", "http://archive:8042/dicom-web")
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8080)


def test_the_environment_overrides_and_the_command_lines_port_goes_before_all() -> None:
    environ = {"GATEWAY__SERVER__WORKERS": "3", "GATEWAY__SERVER__PORT": "1000"}
    config = read_configuration(NO_FILE, "http://archive:8042/dicom-web", 2000, environ)

    assert (config.server.workers, config.server.port) == (3, 2000)


def test_a_files_port_gives_way_too_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(
        "version: 1\nserver: {port: 1000, base_path: /x}\n"
        "backends: [{name: a, type: dicomweb, url: 'http://a/b'}]\n"
    )
    config = read_configuration(file, None, 2000, {})

    assert (config.server.port, config.server.base_path) == (2000, "/x")


@pytest.mark.parametrize("port", [None, 8080])
def test_what_cannot_be_read_is_said_and_nothing_else(port: int | None) -> None:
    with pytest.raises(ConfigProblems) as caught:
        read_configuration(NO_FILE, None, port, {})

    (problem,) = caught.value.problems
    assert "no-such-file.yaml does not exist" in problem


def test_an_url_that_is_none_is_a_problem_of_its_key() -> None:
    with pytest.raises(ConfigProblems, match=r"backends\[0\]\.url"):
        read_configuration(NO_FILE, "archive:8042", None, {})


def test_commands_name_a_host_that_is_answered() -> None:
    address = "http://127.0.0.1:8080"
    by_loopback = commands_to_try(address, ServerConfig())
    by_name = commands_to_try(
        address, ServerConfig(host="0.0.0.0", allowed_hosts=("pacs.example.org",))
    )
    by_url = commands_to_try(
        address, ServerConfig(host="0.0.0.0", public_url="https://pacs.example.org/gw")
    )

    assert by_loopback[0] == "curl -s 'http://127.0.0.1:8080/dicom-web/studies?limit=5'"
    for commands in (by_name, by_url):
        assert commands[0].startswith("curl -s -H 'Host: pacs.example.org' 'http://127.0.0.1:8080/")
        assert commands[-1] == "curl -s http://127.0.0.1:8080/metrics"
