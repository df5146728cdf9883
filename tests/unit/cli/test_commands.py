"""The commands as an operator starts them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import __version__
from gateway.__main__ import COMMANDS, main
from gateway.config.docs import configuration_docs

ROOT = Path(__file__).parents[3]
VALID = "version: 1\nbackends: [{name: a, type: dicomweb, url: http://127.0.0.1/dicom-web}]\n"

Capture = pytest.CaptureFixture[str]


def test_check_config_says_that_a_file_is_valid(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(VALID)

    assert main(["check-config", str(path)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == f"{path} is valid"
    assert err == ""


@pytest.mark.parametrize("flag", [[], ["--config"]])
def test_check_config_prints_every_problem_and_exits_with_one(
    flag: list[str], tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(VALID + "server: {prot: 1, drain_delay: 5}")

    assert main(["check-config", *flag, str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{path} has 2 problems:",
        "  server.drain_delay (line 3): 5 has no unit: write 5s (ms, s, m, h, d)",
        "  server.prot (line 3): is not a known key: did you mean port?",
    ]


def test_check_config_looks_for_gateway_yaml_where_it_is_started(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["check-config"]) == 1
    assert "gateway.yaml does not exist: name the file" in capsys.readouterr().err

    (tmp_path / "gateway.yaml").write_text(VALID)
    assert main(["check-config"]) == 0


def test_check_config_sees_the_environment(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gateway.yaml").write_text(VALID)
    monkeypatch.setenv("GATEWAY__SERVER__PORT", "x")

    assert main(["check-config", str(tmp_path / "gateway.yaml")]) == 1
    assert "server.port (GATEWAY__SERVER__PORT)" in capsys.readouterr().err


def test_config_docs_prints_the_page(capsys: Capture) -> None:
    assert main(["config-docs"]) == 0
    assert capsys.readouterr().out == configuration_docs()


def test_config_docs_compares_a_page(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "configuration.md"
    assert main(["config-docs", "--check", str(path)]) == 1

    path.write_text(configuration_docs(), encoding="utf-8")
    assert main(["config-docs", "--check", str(path)]) == 0

    path.write_text(configuration_docs() + "x", encoding="utf-8")
    assert main(["config-docs", "--check", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == (f"{path} is out of date: dicomweb-gateway config-docs > {path}")


def test_config_schema_prints_json(capsys: Capture) -> None:
    assert main(["config-schema"]) == 0
    assert "server" in json.loads(capsys.readouterr().out)["properties"]


def test_each_command_is_listed_with_what_it_does(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    out = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert all(f"{name} {command.HELP}" in out for name, command in COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["check-config", "a", "b"]])
def test_wrong_arguments_end_with_two(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "usage: dicomweb-gateway" in capsys.readouterr().err


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_process_ends_with_the_commands_code(tmp_path: Path) -> None:
    assert _run("--version").stdout == f"dicomweb-gateway {__version__}\n"
    assert _run("check-config", "gateway.yaml").returncode == 0
    assert _run("check-config", str(tmp_path / "nothing.yaml")).returncode == 1
