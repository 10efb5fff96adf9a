"""The table as a picture: one bar a ratio, its spread, and the goal. SVG, written by hand."""

import statistics
from collections.abc import Callable, Sequence
from html import escape

from tests.bench.report import Row, number

WIDTH, LABEL, RIGHT, STEP, TOP = 900, 420, 90, 34, 56
COLOURS = {True: "#2f7d4f", False: "#b3402f", None: "#4a6fa5"}
"""Of a goal that is met, one that is not, and none."""


def plot(rows: Sequence[Row], title: str) -> str:
    """Bars of all measures that have a floor; a dashed line is the floor itself."""
    shown = [row for row in rows if row.ratios]
    greatest = [max(*row.ratios, _goal(row) or 0.0, 1.0) for row in shown]
    scale = (WIDTH - LABEL - RIGHT) / max(greatest, default=1.0)
    height = TOP + STEP * len(shown) + 34

    def at(ratio: float) -> float:
        return LABEL + ratio * scale

    parts = [
        _text(16, 26, title, "start"),
        _line(at(1), TOP - 10, at(1), height - 26, "#888", dashes="4 3"),
        _text(at(1), height - 10, "the floor", "middle"),
    ]
    for index, row in enumerate(shown):
        parts += _bar(row, TOP + STEP * index, at)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' font-family="system-ui, sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n'
    ) + "\n".join([*parts, "</svg>\n"])


def _goal(row: Row) -> float | None:
    """The ratio that a row is held to; a goal of our own value is no ratio."""
    if row.absolute:
        return None
    return row.at_most if row.at_least is None else row.at_least


def _bar(row: Row, y: int, at: Callable[[float], float]) -> list[str]:
    middle, low, high = statistics.median(row.ratios), min(row.ratios), max(row.ratios)
    size = f'x="{LABEL}" y="{y}" width="{max(at(middle) - LABEL, 1):.1f}" height="18"'
    parts = [
        _text(LABEL - 10, y + 14, row.name, "end"),
        f'<rect {size} fill="{COLOURS[row.met]}" opacity="0.85"/>',
        _line(at(low), y + 9, at(high), y + 9, "#222"),
        _text(at(high) + 6, y + 14, number(middle), "start"),
    ]
    goal = _goal(row)
    if goal is not None:
        parts.append(_line(at(goal), y - 4, at(goal), y + 22, "#000", width=2))
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1, dashes: str = ""
) -> str:
    place = f'x1="{x1:.1f}" y1="{y1}" x2="{x2:.1f}" y2="{y2}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}"/>'
