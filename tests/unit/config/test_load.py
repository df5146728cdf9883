from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config.load import load_config
from gateway.config.model import Config
from gateway.errors import ConfigProblems
from tests.unit.config.conftest import Load, Problems


def test_every_problem_of_every_kind_is_told_at_once_in_the_order_of_the_file(
    problems: Problems,
) -> None:
    text = """\
version: 2
server:
  port: http
  prot: 1
  host: 0.0.0.0
  port: 80
  secret: hunter2
backends:
  - name: A
    type: dicomweb
    url: ftp://a
    timeouts: { conect: 5s, idle: 5 }
    auth: { type: basic, username: a, password: { env: NOT_SET } }
  - type: folder
telemetri: {}
cors: { origins: [https://a] }
"""
    found = problems(text, {"GATEWAY__SEARCH__STRIKT": "true"})

    assert [each.split(":")[0] for each in found] == [
        "auth.mode",
        "search.strikt (GATEWAY__SEARCH__STRIKT)",
        "version (line 1)",
        "server.allowed_hosts (line 2)",
        "server.port (line 3)",
        "server.prot (line 4)",
        "server.port (line 6)",
        "server.secret (line 7)",
        "backends[0].name (line 9)",
        "backends[0].url (line 11)",
        "backends[0].timeouts.idle (line 12)",
        "backends[0].timeouts.conect (line 12)",
        "backends[0].auth.password (line 13)",
        "backends[1].type (line 14)",
        "telemetri (line 15)",
        "cors.origins (line 16)",
    ]
    assert not any("hunter2" in each for each in found)


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("2", "version (line 1): this gateway reads version 1: write version: 1"),
        ("'1'", "version (line 1): this gateway reads version 1: write version: 1"),
        ("true", "version (line 1): this gateway reads version 1: write version: 1"),
        ("", "version (line 1): must be given, such as 1"),
    ],
)
def test_the_version_is_one(version: str, problem: str, problems: Problems) -> None:
    backend = "{name: a, type: dicomweb, url: http://a}"

    assert problems(f"version: {version}\nbackends: [{backend}]") == (problem,)


def test_an_empty_mapping_lacks_what_must_be_given(problems: Problems) -> None:
    assert problems("{}") == (
        "version: must be given, such as 1",
        "backends: must be given",
    )


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("servr", "did you mean server?"),
        ("Server", "did you mean server?"),
        ("backend", "did you mean backends?"),
        (
            "zzz",
            "those known here are audit, auth, backends, cache, cors, pixels, search, server,"
            " store, telemetry, version",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(
    key: str, instead: str, section_problems: Problems
) -> None:
    assert section_problems(f"{key}: 1") == (f"{key} (line 3): is not a known key: {instead}",)


def test_a_key_with_a_line_break_stays_on_its_line(section_problems: Problems) -> None:
    (problem,) = section_problems('server: {"port\\nx": 1}')

    assert problem == "server.'port\\nx' (line 3): is not a known key: did you mean port?"


def test_a_variable_of_a_shell_is_not_expanded_and_told_once(section_problems: Problems) -> None:
    assert section_problems("server: {port: '${PORT}', temp: '${TMP}'}") == tuple(
        f"server.{key} (line 3): ${{...}} is not expanded: override the key, as in"
        " GATEWAY__SERVER__PORT=8080, or for a secret write { env: NAME }"
        for key in ("port", "temp")
    )


def test_a_key_that_comes_twice_is_told_beside_what_is_wrong_with_it(
    section_problems: Problems,
) -> None:
    assert section_problems("server:\n  port: x\n  port: 1") == (
        "server.port (line 4): must be a whole number",
        "server.port (line 5): is given twice, first on line 4: remove one",
    )


def _problem_of_file(path: Path) -> str:
    with pytest.raises(ConfigProblems) as raised:
        load_config(path, {})
    (problem,) = raised.value.problems
    return problem


def test_a_file_that_is_not_there_is_told_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "nothing.yaml"

    assert _problem_of_file(path) == f"{path} does not exist: name the file with --config"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert _problem_of_file(tmp_path) == f"{tmp_path} cannot be read: Is a directory"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_bytes(b"# " + b"x" * 256 * 1024)

    assert _problem_of_file(path) == f"{path} is over 256 KiB: is it the right file?"


def test_a_file_that_is_no_text_is_told_where(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_bytes(b"version: 1\xff")

    assert _problem_of_file(path) == f"{path} is not UTF-8 text at byte 10: save it as UTF-8"


def test_a_byte_order_mark_is_no_problem(load: Load) -> None:
    config = load("\ufeffversion: 1\nbackends: [{name: a, type: dicomweb, url: http://a}]")

    assert config.backends[0].name == "a"


def test_pydantics_own_error_does_not_show_what_it_was_given() -> None:
    with pytest.raises(ValidationError) as raised:
        Config.model_validate({"version": 1, "server": {"secret": "hunter2"}})

    assert "hunter2" not in str(raised.value)
