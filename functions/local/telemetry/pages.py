"""The pages: recent traces, one trace as a waterfall, metrics as small charts.

HTML and SVG without scripts, in Spanish and English, by the browser's language. What was received
is escaped: any process of this machine may have sent it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from functions.kit.base.errors import Text
from functions.kit.base.language import localized, preferred
from functions.local.telemetry.otlp import Span
from functions.local.telemetry.store import Series, SeriesKey, Store, Trace
from functions.local.telemetry.waterfall import MAX_ROWS, escape, milliseconds, rows, svg

TRACES = "/dev/traces"
METRICS = "/dev/metrics"
STYLE = "/dev/traces.css"

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}

_SHOWN = 100
"""Traces in the list."""
_CHART = (220, 44)

_TITLE = Text("Trazas", "Traces")
_METRICS = Text("Métricas", "Metrics")
_RELOAD = Text("Actualizar", "Refresh")
_NONE = Text(
    "Todavía no hay trazas. Compre un libro en la tienda y actualice esta página unos segundos"
    " después.",
    "There are no traces yet. Buy a book in the shop, and refresh this page some seconds later.",
)
_NO_METRICS = Text(
    "Todavía no hay métricas. Los servicios las envían cada medio minuto.",
    "There are no metrics yet. The services send them every half a minute.",
)
_INTRO = Text(
    "Cada traza es una petición con todo lo que causó, también en otros servicios y más tarde."
    " Solo se guardan las últimas, en memoria.",
    "Each trace is a request with all that it caused, in other services and later too. Only the"
    " last ones are kept, in memory.",
)
_COLUMNS = (
    Text("Inicio (UTC)", "Start (UTC)"),
    Text("Traza", "Trace"),
    Text("Servicios", "Services"),
    Text("Tramos", "Spans"),
    Text("Duración", "Duration"),
)
_FAILED = Text("con errores", "with errors")
_CUT = Text(
    f"La imagen muestra los primeros {MAX_ROWS} tramos; abajo están todos.",
    f"The picture shows the first {MAX_ROWS} spans; all of them are below.",
)
_DETAILS = Text("Todos los tramos", "All spans")
_LINKS = Text("Enlaces", "Links")
_UNKNOWN = Text(
    "No existe esa traza, o ya se olvidó: solo se guardan las últimas.",
    "There is no such trace, or it is forgotten: only the last ones are kept.",
)
_BACK = Text("Todas las trazas", "All traces")
_NOW = Text("ahora", "now")

CSS = """
:root { color-scheme: light dark; --text: #1f2328; --muted: #57606a; --line: #d0d7de;
  --back: #fff; --panel: #f6f8fa; --link: #0a58ca; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --muted: #9da7b3; --line: #30363d;
  --back: #0d1117; --panel: #161b22; --link: #79b8ff; --bad: #ff8a80 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--back);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: baseline;
  border-bottom: 1px solid var(--line); margin-bottom: 1rem; padding-bottom: .5rem }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem }
h1, h2, td, dd, p { overflow-wrap: anywhere }
a { color: var(--link); text-underline-offset: .15em; display: inline-block; padding: .15rem 0 }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.muted { color: var(--muted) } .bad { color: var(--bad) }
.scroll { overflow-x: auto; background: var(--panel); border: 1px solid var(--line);
  border-radius: .5rem; padding: .5rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top }
td.number, th.number { text-align: right; white-space: nowrap }
@media (max-width: 40rem) { table.list thead { position: absolute; left: -200vw }
  table.list tr { display: flex; flex-wrap: wrap; gap: 0 .75rem; padding: .5rem 0;
    border-bottom: 1px solid var(--line) }
  table.list td { border: 0; padding: 0 } table.list td.name { flex-basis: 100%; order: -1 }
  table.list td.spans { display: none } }
details { border-bottom: 1px solid var(--line); padding: .3rem 0 }
summary { cursor: pointer; overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .1rem 1rem;
  margin: .5rem 0 .5rem 1rem; font-size: .9rem }
dt { color: var(--muted); overflow-wrap: anywhere } dd { margin: 0 }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem }
.chart { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem;
  background: var(--panel); min-width: 0 }
.chart p { margin: 0; font-size: .85rem } .chart strong { font-size: 1.15rem }
.chart polyline { fill: none; stroke: var(--link); stroke-width: 2 }
.chart svg { width: 100%; height: 44px }
.waterfall { font: 13px system-ui, sans-serif } .waterfall text { fill: var(--text) }
.waterfall .muted { fill: var(--muted) } .waterfall .line { stroke: var(--line) }
.waterfall .link { stroke: var(--muted); stroke-width: 1.5 }
.waterfall .s0 { fill: #388bfd } .waterfall .s1 { fill: #a371f7 } .waterfall .s2 { fill: #2da44e }
.waterfall .s3 { fill: #db6d28 } .waterfall .s4 { fill: #db61a2 } .waterfall .s5 { fill: #8b949e }
.waterfall .failed { fill: var(--bad) }
"""


class Pages:
    """The pages for one request, in its language."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self._language = preferred(headers.get("accept-language"))

    def traces(self, store: Store) -> str:
        traces = store.traces()[:_SHOWN]
        intro = f"<p>{self._say(_INTRO)}</p>"
        if not traces:
            return self._page(_TITLE, f"{intro}<p>{self._say(_NONE)}</p>")
        head = "".join(
            f"<th scope='col'{' class=number' * (at > 2)}>{self._say(each)}</th>"
            for at, each in enumerate(_COLUMNS)
        )
        listed = "".join(map(self._listed, traces))
        table = f"<table class='list'><thead><tr>{head}</tr></thead><tbody>{listed}</tbody></table>"
        return self._page(_TITLE, intro + table)

    def _listed(self, trace: Trace) -> str:
        start = datetime.fromtimestamp(trace.start / 1e9, UTC).strftime("%H:%M:%S")
        failed = f" <span class='bad'>({self._say(_FAILED)})</span>" if trace.failed else ""
        return (
            f"<tr><td class='muted'>{start}</td>"
            f"<td class='name'><a href='{TRACES}/{escape(trace.id)}'>"
            f"{escape(trace.root.name or trace.id)}</a>{failed}</td>"
            f"<td>{escape(', '.join(trace.services))}</td>"
            f"<td class='number spans'>{len(trace.spans)}</td>"
            f"<td class='number'>{milliseconds(trace.end - trace.start)}</td></tr>"
        )

    def trace(self, trace: Trace) -> str:
        name = trace.root.name or trace.id
        image = svg(trace, title=name)
        # A scrollable region is reached by the keyboard, so it has a name.
        label = escape(name)
        cut = f"<p>{self._say(_CUT)}</p>" if len(trace.spans) > MAX_ROWS else ""
        spans = "".join(self._span(trace, depth, span) for depth, span in rows(trace))
        return self._page(
            Text(name, name),
            f"<p class='muted'>{escape(trace.id)}</p>{cut}"
            f"<div class='scroll' tabindex='0' role='region' aria-label='{label}'>{image}</div>"
            f"<h2>{self._say(_DETAILS)}</h2>{spans}",
        )

    def _span(self, trace: Trace, depth: int, span: Span) -> str:
        facts = "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
            for name, value in span.attributes.items()
        )
        links = "".join(
            f"<dd><a href='{TRACES}/{escape(trace_id)}'>{escape(trace_id)}</a></dd>"
            for trace_id, _ in span.links
            if trace_id != trace.id
        )
        if links:
            facts += f"<dt>{self._say(_LINKS)}</dt>{links}"
        taken = milliseconds(span.end - span.start)
        return (
            f"<details><summary>{'· ' * min(depth, 8)}{escape(span.name)}"
            f" <span class='muted'>{escape(span.service)}, {taken}</span></summary>"
            f"<dl>{facts}</dl></details>"
        )

    def metrics(self, store: Store) -> str:
        series = store.series()
        if not series:
            return self._page(_METRICS, f"<p>{self._say(_NO_METRICS)}</p>")
        charts: dict[str, list[str]] = {}
        for key, each in series:
            charts.setdefault(key.metric, []).append(self._chart(key, each))
        described = {key.metric: each.description for key, each in series}
        body = "".join(
            f"<h2>{escape(name)}</h2><p class='muted'>{escape(described[name])}</p>"
            f"<div class='charts'>{''.join(found)}</div>"
            for name, found in charts.items()
        )
        return self._page(_METRICS, body)

    def _chart(self, key: SeriesKey, series: Series) -> str:
        labels = ", ".join(f"{name} {value}" for name, value in key.labels)
        last = series.points[-1][1]
        shown = f"{last:,.0f}" if last == int(last) else f"{last:,.3f}"
        unit = series.unit.strip("{}").replace("1", "")
        return (
            f"<div class='chart'><p>{escape(key.service)}"
            f" <span class='muted'>{escape(labels)}</span></p>"
            f"<p><strong>{shown}</strong> {escape(unit)}"
            f" <span class='muted'>{self._say(_NOW)}</span></p>{_line(series)}</div>"
        )

    def unknown(self) -> str:
        back = f"<p><a href='{TRACES}'>{self._say(_BACK)}</a></p>"
        return self._page(_TITLE, f"<p>{self._say(_UNKNOWN)}</p>{back}")

    def _say(self, text: Text) -> str:
        return escape(localized(self._headers, text))

    def _page(self, title: Text, body: str) -> str:
        said = self._say(title)
        return (
            f"<!DOCTYPE html><html lang='{self._language}'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            f"<title>{said}</title><link rel='icon' href='data:,'>"
            f"<link rel='stylesheet' href='{STYLE}'></head><body>"
            f"<header><h1>{said}</h1><nav><a href='{TRACES}'>{self._say(_TITLE)}</a>"
            f" · <a href='{METRICS}'>{self._say(_METRICS)}</a>"
            f" · <a href=''>{self._say(_RELOAD)}</a></nav></header>"
            f"<main>{body}</main></body></html>"
        )


def _line(series: Series) -> str:
    """The last points of a series, drawn between their smallest and their largest value."""
    width, height = _CHART
    times = [time for time, _ in series.points]
    values = [value for _, value in series.points]
    if len(values) == 1:
        times, values = [times[0] - 1, times[0]], values * 2
    low, high = min(values), max(values)
    # Halves: the distance of two finite numbers may be infinite.
    span, reach = max(1, times[-1] - times[0]), (high / 2 - low / 2) or 1.0
    points = " ".join(
        f"{(time - times[0]) / span * width:.1f},"
        f"{height - 4 - ((value / 2 - low / 2) / reach if high > low else 0.5) * (height - 8):.1f}"
        for time, value in zip(times, values, strict=True)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">'
        f'<polyline points="{points}"/></svg>'
    )
