"""What all tests share: real DICOM files, and tests that are left out said aloud.

`--without PROGRAM` leaves out the tests that need a program which cannot be installed here. They
are counted in the summary, so that a run without them is never taken for a whole one.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings

from tests.fakes.dicom_files import real_files

_PROGRAMS = {
    "orthanc": "Orthanc and its DICOMweb plugin (Debian: orthanc orthanc-dicomweb)",
    "dcmtk": "the DICOM toolkit (Debian: dcmtk)",
}
_LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without",
        action="append",
        default=[],
        choices=sorted(_PROGRAMS),
        help="leave out, and count aloud, the tests that need this program",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A machine that is busy with other things makes any example slow for once.
    settings.register_profile("no deadline", deadline=None)
    settings.load_profile("no deadline")
    for name, what in _PROGRAMS.items():
        config.addinivalue_line("markers", f"{name}: needs {what}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what uses the archive's fixtures, and deselect what cannot run here."""
    left_out = config.stash[_LEFT_OUT] = Counter[str]()
    kept: list[pytest.Item] = []
    for item in items:
        if {"orthanc", "empty_orthanc"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("orthanc")
        missing = [name for name in config.getoption("without") if name in item.keywords]
        left_out.update(missing)
        if not missing:
            kept.append(item)
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for name, count in config.stash.get(_LEFT_OUT, Counter[str]()).items():
        terminalreporter.write_line(
            f"NOT RUN: {count} tests that need {_PROGRAMS[name]}", red=True, bold=True
        )


@pytest.fixture(scope="session")
def data_files() -> tuple[Path, ...]:
    """Real files of many kinds: see `tests.fakes.dicom_files.real_files`."""
    return real_files()


@pytest.fixture(autouse=True)
def _the_loop_is_never_blocked() -> Iterator[None]:
    """A test fails where gateway code waits for disk, a socket or a lock on the event loop."""
    with blockbuster_ctx("gateway"):
        yield
