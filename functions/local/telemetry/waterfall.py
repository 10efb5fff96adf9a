"""A trace as an SVG waterfall: one row a span, children below their parent, one colour a service.

Positions are attributes of the elements, so it needs neither a script nor an inline style. Text and
lines take their colours from the style sheet of the page, and from a `<style>` where the image
stands alone.
"""

import html
import re
from collections.abc import Iterator

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


def svg(trace: Trace, *, title: str, alone: bool = False) -> str:
    """With `alone`, the image has its own style."""
    listed = list(rows(trace))[:MAX_ROWS]
    classes = {name: f"s{number % COLOURS}" for number, name in enumerate(trace.services)}
    height = round((len(listed) + 3.4) * ROW)
    begin, length = trace.start, max(1, trace.end - trace.start)
    scale = (WIDTH - NAMES - 90) / length
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' width="{WIDTH}" height="{height}" class="waterfall">'
    )
    parts = [head, f"<title>{escape(title)}</title>"]
    if alone:
        parts.append(f"<style>{STYLE}</style>")
    x = 4
    for name, colour in classes.items():
        parts.append(
            f'<rect class="{colour}" x="{x}" y="6" width="12" height="12" rx="3"/>'
            f'<text x="{x + 18}" y="17">{escape(name)}</text>'
        )
        x += 40 + 8 * len(name)
    for quarter in range(5):
        at = NAMES + quarter * length / 4 * scale
        parts.append(
            f'<line class="line" x1="{at:.1f}" x2="{at:.1f}" y1="{ROW * 1.6:.0f}" y2="{height}"/>'
            f'<text class="muted" x="{at + 4:.1f}" y="{ROW * 1.6 + 12:.0f}">'
            f"{milliseconds(round(quarter * length / 4))}</text>"
        )
    for number, (depth, span) in enumerate(listed):
        parts.append(_row(span, classes[span.service], depth, ROW * (number + 2.9), begin, scale))
    parts.append("</svg>")
    return "".join(parts)


def _row(span: Span, colour: str, depth: int, y: float, begin: int, scale: float) -> str:
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
    return (
        f"<g><title>{escape(tip)}</title>"
        f'<text x="{indent}" y="{y + 4}">{escape(name)}</text>'
        f'<rect class="{colour}" x="{x:.1f}" y="{y - 7}" width="{width:.1f}" height="14" rx="2"/>'
        f"{failed}{link}"
        f'<text class="muted" x="{after:.1f}" y="{y + 4}">{taken}</text></g>'
    )


def _clipped(text: str, characters: float) -> str:
    longest = int(characters)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
