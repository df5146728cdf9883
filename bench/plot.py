"""The plot beside the tables: bars, written as SVG by hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bench.results import FOLDER, REFERENCE, TARGETS, read

_WIDTH = 860
_NAMES, _BARS, _ROW, _THICK = 170, 200, 26, 16
_COLUMN = 430
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2933}"
    "text{paint-order:stroke;stroke:#fff;stroke-width:4}"
    ".title{font-weight:600;font-size:15px}.note{fill:#616e7c;font-size:12px}"
    ".other{fill:#9fb3c8}.reference{fill:#486581}.gateway{fill:#0f9d8a}"
    ".target{stroke:#c0392b;stroke-width:1.5;stroke-dasharray:4 3}"
)


@dataclass(frozen=True, slots=True)
class _Chart:
    """One column of bars."""

    title: str
    values: Mapping[str, float]
    mark: float | None = None
    """Where the least that the gateway must reach lies."""


def write_plot() -> Path:
    """bench/results/speed.svg, of bench/results/speed.json."""
    tasks = read("speed")["tasks"]
    rows = [_charts(task, servers) for task, servers in tasks.items()]
    file = FOLDER / "speed.svg"
    file.write_text("\n".join(_svg(rows)) + "\n")
    return file


def _charts(task: str, servers: Mapping[str, Any]) -> tuple[_Chart, _Chart]:
    rates = {name: score["per_second"] for name, score in servers.items()}
    spent = {name: score["cpu_microseconds"] for name, score in servers.items()}
    target = TARGETS.get(task)
    least = None if target is None else rates[REFERENCE] * target.least
    return (
        _Chart(f"{task}: answers/s", rates, least),
        _Chart("CPU time of the server per answer, us", {k: v for k, v in spent.items() if v}),
    )


def _svg(rows: Sequence[tuple[_Chart, _Chart]]) -> Iterator[str]:
    heights = [60 + _ROW * len(rate.values) for rate, _ in rows]
    height = sum(heights) + 30
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}">'
    )
    yield f"<style>{_STYLE}</style>"
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>'
    top = 0
    for charts, size in zip(rows, heights, strict=True):
        for column, chart in enumerate(charts):
            yield from _chart(chart, column * _COLUMN + 10, top + 30)
        top += size
    note = "Dashed: the least that the gateway must reach of nginx's rate."
    yield f'<text class="note" x="10" y="{height - 14}">{note}</text>'
    yield "</svg>"


def _chart(chart: _Chart, left: int, top: int) -> Iterator[str]:
    scale = _BARS / max(chart.values.values())
    start = left + _NAMES
    yield f'<text class="title" x="{left}" y="{top}">{escape(chart.title)}</text>'
    for number, (name, value) in enumerate(chart.values.items()):
        y = top + 14 + number * _ROW
        length = value * scale
        yield f'<text x="{start - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
        yield (
            f'<rect class="{_kind(name)}" x="{start}" y="{y}" '
            f'width="{length:.1f}" height="{_THICK}"/>'
        )
    if chart.mark is not None:
        x, bottom = start + chart.mark * scale, top + 10 + len(chart.values) * _ROW
        yield f'<line class="target" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 8}" y2="{bottom}"/>'
    # Over the line, which would cross a number out.
    for number, value in enumerate(chart.values.values()):
        x, y = start + value * scale + 6, top + 27 + number * _ROW
        yield f'<text x="{x:.1f}" y="{y}">{value:,.0f}</text>'


def _kind(name: str) -> str:
    if name.startswith("gateway"):
        return "gateway"
    return "reference" if name == REFERENCE else "other"
