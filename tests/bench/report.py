"""Rows of the table: ours, the floor's, their ratio in each round, and the goal it is held to."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Row:
    """One measure; of each round one value of ours and, where there is a floor, one of it."""

    name: str
    unit: str
    goal: str = ""
    at_least: float | None = None
    at_most: float | None = None
    absolute: bool = False
    """Whether the goal is of our own value, and not of the ratio."""
    ours: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    failures: int = 0

    def add(self, ours: float, floor: float | None = None) -> None:
        self.ours.append(ours)
        if floor is not None:
            self.floor.append(floor)

    @property
    def ratios(self) -> list[float]:
        """Ours divided by the floor's, round by round, so that noise of both cancels."""
        return [ours / floor for ours, floor in zip(self.ours, self.floor, strict=False) if floor]

    @property
    def judged(self) -> list[float]:
        """What the goal is about."""
        return self.ours if self.absolute or not self.floor else self.ratios

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the goal; None where there is none, or nothing was measured.

        A measure with failures reaches nothing.
        """
        if not self.judged or (self.at_least is None and self.at_most is None):
            return None
        middle = statistics.median(self.judged)
        enough = self.at_least is None or middle >= self.at_least
        return enough and (self.at_most is None or middle <= self.at_most) and not self.failures

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratios": self.ratios, "met": self.met}


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(rows: Sequence[Row]) -> str:
    """Markdown: medians, and the least and the greatest of the rounds as the spread."""
    lines = [
        "| measure | ours | floor | ratio | spread | goal | |",
        "| --- | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for row in rows:
        if not row.ours:
            continue
        ratios = row.ratios
        judged = row.judged
        verdict = {None: "", True: "met", False: "**not met**"}[row.met]
        if row.failures:
            verdict += f" {row.failures} failures"
        cells = [
            row.name,
            f"{number(statistics.median(row.ours))} {row.unit}",
            f"{number(statistics.median(row.floor))} {row.unit}" if row.floor else "",
            number(statistics.median(ratios)) if ratios else "",
            f"{number(min(judged))} – {number(max(judged))}",
            row.goal,
            verdict.strip(),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was besides."""
    return {
        "cores": os.cpu_count(),
        "load_average": [round(each, 2) for each in os.getloadavg()],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
