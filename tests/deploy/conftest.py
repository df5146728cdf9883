"""The tools that judge the chart and the Dockerfile are programs for Linux on x86-64."""

import importlib.util

import pytest

TOOLS_ARE_HERE = importlib.util.find_spec("helm_python") is not None

collect_ignore = [] if TOOLS_ARE_HERE else ["test_chart.py", "test_dockerfile.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not TOOLS_ARE_HERE:
        terminalreporter.write_line(
            "NOT RUN: tests/deploy, which needs Linux on x86-64", red=True, bold=True
        )
