"""A trace as an SVG waterfall: one row a span, children below their parent, one colour a service.

Where there are more services than colours, each has a number too, in the legend and in its rows.
Positions are attributes of the elements, so it needs neither a script nor an inline style. Text and
lines take their colours from the style sheet of the page, and from a `<style>` where the image
stands alone.
"""

import html
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from functions.local.telemetry.otlp import Span
from functions.local.telemetry.store import Trace

WIDTH = 1120
NAMES = 430
"""Width of the column of names, in pixels."""
ROW = 24
INDENT = 14
MAX_ROWS = 400
KINDS = {2: "server", 3: "client", 4: "producer", 5: "consumer"}
COLOURS = 6
"""Number of the classes `s0`, `s1`, ... of the services' colours."""
LEGEND_TEXT = 60
"""Characters of a service's name in the legend; the rest is cut off."""

STYLE = """
svg { font: 13px system-ui, sans-serif; background: #fff }
text { fill: #1f2328 } .muted { fill: #57606a } .line { stroke: #d0d7de } .link { stroke: #57606a }
.s0 { fill: #1f6feb } .s1 { fill: #8250df } .s2 { fill: #1a7f37 }
.s3 { fill: #bc4c00 } .s4 { fill: #bf3989 } .s5 { fill: #6e7781 } .failed { fill: #cf222e }
"""
"""Of an image that stands alone."""

_NO_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 excludes, also as a character reference."""


def escape(text: str) -> str:
    """A text for HTML and XML; what no document may contain becomes U+FFFD."""
    return html.escape(_NO_CHARACTER.sub("\ufffd", text))


def rows(trace: Trace) -> Iterator[tuple[int, Span]]:
    """The spans in the order of the waterfall, each with its depth.

    A span whose parent has not arrived, or is not ours, is at the top.
    """
    known = {each.span_id for each in trace.spans}
    children: dict[str, list[Span]] = {}
    for each in trace.spans:
        parent = each.parent_id if each.parent_id in known else ""
        children.setdefault(parent, []).append(each)
    seen: set[str] = set()
    waiting = [(0, each) for each in reversed(children.get("", []))]
    while waiting:
        depth, span = waiting.pop()
        if span.span_id in seen:
            continue
        seen.add(span.span_id)
        yield depth, span
        waiting += [(depth + 1, each) for each in reversed(children.get(span.span_id, []))]
    # A cycle of parents, which only a broken sender makes.
    yield from ((0, each) for each in trace.spans if each.span_id not in seen)


def milliseconds(nanoseconds: int) -> str:
    value = nanoseconds / 1e6
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms"


class Mark(NamedTuple):
    """How the spans of a service are told from those of others."""

    colour: str
    number: str
    """Empty where colours are enough."""


def marks(services: Sequence[str]) -> dict[str, Mark]:
    numbered = len(services) > COLOURS
    return {
        name: Mark(f"s{place % COLOURS}", str(place + 1) if numbered else "")
        for place, name in enumerate(services)
    }


def svg(trace: Trace, *, title: str, alone: bool = False) -> str:
    """With `alone`, the image has its own style."""
    listed = list(rows(trace))[:MAX_ROWS]
    shown = {span.service for _, span in listed}
    marked = marks([name for name in trace.services if name in shown])
    legend, lines = _legend(marked)
    top = ROW * (lines - 1)
    height = round((len(listed) + 3.4) * ROW) + top
    begin, length = trace.start, max(1, trace.end - trace.start)
    after = 130 if len(marked) > COLOURS else 90  # room for the text behind the longest bar
    scale = (WIDTH - NAMES - after) / length
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' width="{WIDTH}" height="{height}" class="waterfall">'
    )
    parts = [head, f"<title>{escape(title)}</title>"]
    if alone:
        parts.append(f"<style>{STYLE}</style>")
    parts += legend
    for quarter in range(5):
        at, above = NAMES + quarter * length / 4 * scale, ROW * 1.6 + top
        parts.append(
            f'<line class="line" x1="{at:.1f}" x2="{at:.1f}" y1="{above:.0f}" y2="{height}"/>'
            f'<text class="muted" x="{at + 4:.1f}" y="{above + 12:.0f}">'
            f"{milliseconds(round(quarter * length / 4))}</text>"
        )
    for number, (depth, span) in enumerate(listed):
        y = ROW * (number + 2.9) + top
        parts.append(_row(span, marked[span.service], depth, y, begin, scale))
    parts.append("</svg>")
    return "".join(parts)


def _legend(marked: dict[str, Mark]) -> tuple[list[str], int]:
    """Its parts, and the number of its lines."""
    parts: list[str] = []
    x, line = 4, 0
    for name, (colour, number) in marked.items():
        text = _clipped(f"{number} {name}".lstrip(), LEGEND_TEXT)
        # Letters of other scripts are up to twice as wide as Latin ones.
        width = 40 + sum(8 if letter < "\u1100" else 15 for letter in text)
        if x > 4 and x + width > WIDTH:
            x, line = 4, line + 1
        y = ROW * line
        parts.append(
            f'<rect class="{colour}" x="{x}" y="{y + 6}" width="12" height="12" rx="3"/>'
            f'<text x="{x + 18}" y="{y + 17}">{escape(text)}</text>'
        )
        x += width
    return parts, line + 1


def _row(span: Span, mark: Mark, depth: int, y: float, begin: int, scale: float) -> str:
    indent = 4 + INDENT * min(depth, 14)
    name = _clipped(span.name or "?", (NAMES - indent) / 7.2)
    x = NAMES + (span.start - begin) * scale
    width = max(2.0, (span.end - span.start) * scale)
    failed = f'<circle class="failed" cx="{x + width + 8:.1f}" cy="{y}" r="5"/>' * span.failed
    link = f'<path class="link" fill="none" d="M{x - 9:.1f} {y - 5} v10 h6"/>' if span.links else ""
    kind = KINDS.get(span.kind, "")
    taken = milliseconds(span.end - span.start)
    tip = f"{span.service}: {span.name} ({kind or 'internal'}), {taken}"
    after = x + width + (18 if span.failed else 6)
    label = f"{taken} ({mark.number})" if mark.number else taken
    return (
        f"<g><title>{escape(tip)}</title>"
        f'<text x="{indent}" y="{y + 4}">{escape(name)}</text>'
        f'<rect class="{mark.colour}" x="{x:.1f}" y="{y - 7}" width="{width:.1f}" height="14"'
        ' rx="2"/>'
        f"{failed}{link}"
        f'<text class="muted" x="{after:.1f}" y="{y + 4}">{label}</text></g>'
    )


def _clipped(text: str, characters: float) -> str:
    longest = int(characters)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
