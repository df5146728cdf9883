"""The folder through which workers share their metrics."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.serving.metrics_folder import VARIABLE, make_metrics_folder, remove_metrics_folder

_HOLDER = """
import sys
from pathlib import Path
from gateway.serving.metrics_folder import make_metrics_folder
print(make_metrics_folder(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@contextmanager
def another_gateway(temp: Path) -> Iterator[Path]:
    """A process that made its folder and still lives; killed in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(temp)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield Path(process.stdout.readline().strip())
        process.kill()


def test_a_folder_is_new_and_for_this_user_alone(tmp_path: Path) -> None:
    first, second = make_metrics_folder(tmp_path), make_metrics_folder(tmp_path)

    assert first != second
    assert first.stat().st_mode & 0o777 == 0o700


def test_the_folder_of_a_living_gateway_is_left_alone(tmp_path: Path) -> None:
    with another_gateway(tmp_path) as folder:
        make_metrics_folder(tmp_path)

        assert folder.is_dir()


def test_what_a_killed_gateway_left_behind_is_removed(tmp_path: Path) -> None:
    with another_gateway(tmp_path) as folder:
        (folder / "counter_1.db").write_bytes(b"old")
    assert folder.is_dir()

    make_metrics_folder(tmp_path)

    assert not folder.exists()


def test_the_lock_survives_the_start_of_another_program(tmp_path: Path) -> None:
    """The process replaces itself between making the folder and serving."""
    script = (
        "import os, sys; from pathlib import Path;"
        "from gateway.serving.metrics_folder import make_metrics_folder;"
        "print(make_metrics_folder(Path(sys.argv[1])), flush=True);"
        "os.execv(sys.executable, [sys.executable, '-c',"
        " 'import sys; print(flush=True); sys.stdin.read()'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert process.stdout.readline() == "\n"
        make_metrics_folder(tmp_path)
        assert folder.is_dir()
        process.kill()


def test_a_link_of_the_same_name_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    temp = tmp_path / "temp"
    temp.mkdir()
    (temp / "dicomweb-gateway-metrics-link").symlink_to(precious)

    make_metrics_folder(temp)

    assert list(precious.iterdir()) == []


def test_only_a_folder_of_ours_is_removed_in_the_end(tmp_path: Path) -> None:
    ours, operators = make_metrics_folder(tmp_path), tmp_path / "chosen-by-the-operator"
    operators.mkdir()
    for folder in (ours, operators):
        remove_metrics_folder({VARIABLE: str(folder)})
    remove_metrics_folder({})

    assert not ours.exists()
    assert operators.is_dir()
