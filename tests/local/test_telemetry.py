"""The local receiver: what it accepts, what it refuses, and its pages."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.local.telemetry import draw
from functions.local.telemetry.app import MAX_BYTES, App
from functions.local.telemetry.otlp import read_metrics, read_spans
from functions.local.telemetry.store import (
    MAX_ALL_SERIES,
    MAX_ALL_TRACES,
    MAX_SPANS,
    MAX_TRACE,
    MAX_TRACES,
    Store,
    Trace,
)
from functions.local.telemetry.waterfall import COLOURS, MAX_ROWS, WIDTH, marks, rows, svg
from tests.servers.programs import free_port

JSON = {"content-type": "application/json"}
TRACE, ROOT, CHILD = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "00f067aa0ba902b8"
HOSTILE = "<script>alert(1)</script>"


def span(
    span_id: str = ROOT, parent: str = "", trace: str = TRACE, **fields: Any
) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": "GET /books",
        "kind": 2,
        "startTimeUnixNano": "1000000",
        "endTimeUnixNano": "3000000",
        "attributes": [{"key": "http.route", "value": {"stringValue": "/books"}}],
        **fields,
    }


def export(*spans: dict[str, Any], service: str = "catalog") -> bytes:
    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    group = {"resource": {"attributes": attributes}, "scopeSpans": [{"spans": spans}]}
    return msgspec.json.encode({"resourceSpans": [group]})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def client(app: App) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:5007")


async def test_a_trace_is_shown_with_its_services(client: httpx.AsyncClient) -> None:
    """In the reader's language; an export that is repeated adds nothing."""
    for body in (export(span(), service="storefront"), export(span(CHILD, ROOT))):
        for _ in range(2):
            await client.post("/v1/traces", content=body, headers=JSON)
    english = await client.get("/dev/traces", headers={"accept-language": "en"})
    spanish = await client.get("/dev/traces")
    page = await client.get(f"/dev/traces/{TRACE}")

    assert ">Traces</h1>" in english.text
    assert ">Trazas</h1>" in spanish.text
    assert "storefront, catalog" in english.text
    assert page.text.count("<details>") == 2
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_what_was_received_is_text_on_every_page(client: httpx.AsyncClient) -> None:
    """Names, attributes and services; there is no script to begin with."""
    attributes = [{"key": HOSTILE, "value": {"stringValue": HOSTILE}}]
    hostile = export(span(name=HOSTILE, attributes=attributes), service=HOSTILE)
    await client.post("/v1/traces", content=hostile, headers=JSON)
    point = {"asDouble": 1.0, "attributes": attributes}
    metric = {"name": HOSTILE, "description": HOSTILE, "gauge": {"dataPoints": [point]}}
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    stored = await client.post("/v1/metrics", content=msgspec.json.encode(metrics), headers=JSON)
    pages = [
        (await client.get(path)).text
        for path in ("/dev/traces", f"/dev/traces/{TRACE}", "/dev/metrics")
    ]

    assert stored.status_code == 200
    assert [page.count("<script") for page in pages] == [0, 0, 0]
    assert all("&lt;script&gt;" in page for page in pages)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (export(span()), {"content-type": "application/x-protobuf"}, 415),
        (export(span()), {**JSON, "content-encoding": "br"}, 415),
        (b"{", JSON, 400),
        (b"\xff", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"[]", JSON, 400),
        (export(span(startTimeUnixNano="soon")), JSON, 400),
        (b"not gzip", {**JSON, "content-encoding": "gzip"}, 400),
        (gzip.compress(export(span()))[:-8], {**JSON, "content-encoding": "gzip"}, 400),
        (gzip.compress(export(span())) + b"more", {**JSON, "content-encoding": "gzip"}, 400),
        (export(span(), span("no id")), JSON, 400),
        (export(span(), span(startTimeUnixNano="-1")), JSON, 400),
        (gzip.compress(b" " * (MAX_BYTES + 1)), {**JSON, "content-encoding": "gzip"}, 413),
        (b" " * (MAX_BYTES + 1), JSON, 413),
        (export(span()), {**JSON, "host": "evil.example"}, 421),
    ],
)
async def test_what_is_no_export_is_refused_whole(
    client: httpx.AsyncClient, app: App, body: bytes, headers: dict[str, str], status: int
) -> None:
    """With a sentence, and nothing is stored."""
    refused = await client.post("/v1/traces", content=body, headers=headers)

    assert refused.status_code == status
    assert len(refused.text) > 10
    assert app.store.traces() == []


WHOLE_NUMBERS = st.integers(-(10**30), 10**30).map(str) | st.sampled_from(
    ["", "soon", "1_0", " 1", "\u0661", "1e3", "9" * 5_000, "0", str(2**64 - 1), str(2**64)]
)
NUMBERS = WHOLE_NUMBERS | st.integers(-(2**70), 2**70) | st.none()
DOUBLES = (
    NUMBERS
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", "-1.5e308", "nan", "0x1"])
)
IDS = st.sampled_from([TRACE, ROOT, TRACE.upper(), "", "0" * 32, "../?x", "\0", HOSTILE])
TEXTS = st.text(max_size=40) | st.sampled_from([HOSTILE, "\0\x1b\uffff", "'\"&", "x" * 20_000])
VALUES = st.dictionaries(
    st.sampled_from(["stringValue", "intValue", "doubleValue", "boolValue", "arrayValue"]),
    TEXTS | DOUBLES | st.booleans() | st.lists(TEXTS, max_size=2),
    max_size=2,
)
ATTRIBUTES = st.lists(st.fixed_dictionaries({"key": TEXTS, "value": VALUES}), max_size=3)
SPANS = st.fixed_dictionaries(
    {"traceId": IDS, "spanId": IDS, "startTimeUnixNano": NUMBERS, "endTimeUnixNano": NUMBERS},
    optional={
        "parentSpanId": IDS,
        "name": TEXTS,
        "attributes": ATTRIBUTES,
        "links": st.lists(st.fixed_dictionaries({"traceId": IDS, "spanId": IDS}), max_size=2),
    },
)
POINTS = st.fixed_dictionaries(
    {},
    optional={
        "timeUnixNano": NUMBERS,
        "asInt": NUMBERS,
        "asDouble": DOUBLES,
        "count": NUMBERS,
        "attributes": ATTRIBUTES,
    },
)
METRICS = st.fixed_dictionaries(
    {"name": TEXTS},
    optional={
        "unit": TEXTS,
        "gauge": st.fixed_dictionaries({"dataPoints": st.lists(POINTS, max_size=3)}),
    },
)


@given(st.lists(SPANS, max_size=3), st.lists(METRICS, max_size=3))
@example([span(startTimeUnixNano="9" * 25, endTimeUnixNano="9" * 26)], [])
@example([span(), span(trace="../?x#", name=HOSTILE)], [])
@example([], [{"name": "m", "gauge": {"dataPoints": [{"asInt": "1"}, {"count": "9" * 400}]}}])
@example([], [{"name": "m", "gauge": {"dataPoints": [{"asInt": "1", "timeUnixNano": "soon"}]}}])
async def test_whatever_is_received_the_pages_are_there(
    spans: list[dict[str, Any]], metrics: list[dict[str, Any]]
) -> None:
    """An export is stored or refused whole, and each listed trace has its page and its picture."""
    app = App()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        of_spans = await client.post("/v1/traces", content=export(*spans), headers=JSON)
        body = msgspec.json.encode({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
        of_metrics = await client.post("/v1/metrics", content=body, headers=JSON)
        paths = ["/dev/traces", "/dev/metrics", "/api/traces", "/api/metrics"]
        paths += [f"/dev/traces/{trace.id}" for trace in app.store.traces()]
        pages = [await client.get(path) for path in paths]

    assert {of_spans.status_code, of_metrics.status_code} <= {200, 400}
    assert of_spans.status_code == 200 or app.store.traces() == []
    assert of_metrics.status_code == 200 or app.store.series() == []
    assert {page.status_code for page in pages} == {200}
    assert not any("<script" in page.text for page in pages if "/dev/" in page.url.path)
    for trace in app.store.traces():
        ET.fromstring(svg(trace, title=trace.root.name, alone=True))  # noqa: S314 - made above


async def test_numbers_may_be_numbers_or_texts(client: httpx.AsyncClient, app: App) -> None:
    """As ProtoJSON says; what is not finite has no place in a chart, and the answer says so."""
    numbers: list[dict[str, Any]] = [
        {"asInt": 5},
        {"asInt": "5"},
        {"asDouble": "5.0"},
        {"count": 5},
    ]
    points = [{"attributes": [], **each} for each in numbers]
    points += [{"asDouble": each} for each in ("NaN", "Infinity", "-Infinity")]
    metric = {"name": "m", "gauge": {"dataPoints": points}}
    body = msgspec.json.encode({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    answer = await client.post("/v1/metrics", content=body, headers=JSON)
    ((_, series),) = app.store.series()

    assert [value for _, value in series.points] == [5.0] * 4
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "3"


async def test_header_values_are_read_in_any_case(client: httpx.AsyncClient) -> None:
    """Media types and codings have no case (RFC 9110)."""
    headers = {"content-type": "Application/JSON; charset=utf-8", "content-encoding": "GZIP"}
    body = gzip.compress(export(span()))

    assert (await client.post("/v1/traces", content=body, headers=headers)).status_code == 200


async def test_a_long_trace_says_that_its_picture_is_cut(client: httpx.AsyncClient) -> None:
    """Below the picture are all its spans."""
    spans = (span(f"{number:016x}", ROOT) for number in range(1, MAX_ROWS + 2))
    await client.post("/v1/traces", content=export(*spans), headers=JSON)
    page = await client.get(f"/dev/traces/{TRACE}", headers={"accept-language": "en"})

    assert f"the first {MAX_ROWS} spans" in page.text
    assert page.text.count("<details>") == MAX_ROWS + 1


async def test_other_requests(client: httpx.AsyncClient) -> None:
    """An unknown trace is 404 with a way back, another method 405; the root leads to the traces."""
    answers = [
        (await client.request(method, path)).status_code
        for method, path in (
            *(("GET", "/dev/traces/none"), ("GET", "/nowhere"), ("DELETE", "/dev/traces")),
            *(("GET", "/"), ("HEAD", "/dev/metrics"), ("GET", "/healthz"), ("GET", "/v1/traces")),
        )
    ]
    refused = await client.get("/v1/traces")

    assert answers == [404, 404, 405, 308, 200, 200, 405]
    assert refused.headers["allow"] == "POST"


def spans_of(*exported: dict[str, Any]) -> Trace:
    store = Store()
    store.add_spans(read_spans(export(*exported)))
    trace = store.trace(TRACE)

    assert trace is not None
    return trace


def test_a_span_whose_parent_is_missing_is_shown() -> None:
    """At the top; a cycle of parents, which only a broken sender makes, hides nothing either."""
    a, b, c, d, missing = (letter * 16 for letter in "abcdf")
    trace = spans_of(span(a, missing), span(b, a), span(c, d), span(d, c))

    assert sorted((each.span_id, depth) for depth, each in rows(trace)) == [
        (a, 0),
        (b, 1),
        (c, 0),
        (d, 0),
    ]


def test_an_image_is_wellformed_whatever_its_names_are() -> None:
    """And has a row for each span."""
    spans = span(name=HOSTILE), span(CHILD, ROOT, name="a & b\0\x1b\uffff")
    image = svg(spans_of(*spans), title=HOSTILE)
    root = ET.fromstring(image)  # noqa: S314 - what is made above

    assert len(root.findall("{http://www.w3.org/2000/svg}g")) == 2


SVG = "{http://www.w3.org/2000/svg}"
NAMES_OF_SERVICES = st.lists(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=90), min_size=1, unique=True
)


@given(NAMES_OF_SERVICES)
@example([f"service-{number}" for number in range(COLOURS)])
@example([f"service-{number}" for number in range(COLOURS + 1)])
@example([f"a-service-with-a-long-name-{number}" for number in range(300)])
@example(["服務" * 45, "服" * 89])
def test_a_legend_has_room_for_any_number_of_services(services: list[str]) -> None:
    """Each is in it once, inside of the image and above the rows, and no two are marked alike."""
    store = Store()
    for number, service in enumerate(services, 1):
        exported = export(
            span(f"{number:016x}", "" if number == 1 else f"{1:016x}"), service=service
        )
        store.add_spans(read_spans(exported))
    trace = store.trace(TRACE)
    assert trace is not None
    image = ET.fromstring(svg(trace, title="t"))  # noqa: S314 - what is made above
    boxes, texts = image.findall(f"{SVG}rect"), image.findall(f"{SVG}text")
    legend = texts[: len(boxes)]
    bars = [each.find(f"{SVG}rect") for each in image.findall(f"{SVG}g")]
    labels = [each.findall(f"{SVG}text")[-1].text or "" for each in image.findall(f"{SVG}g")]
    places = {(each.get("x"), each.get("y")) for each in boxes}
    told = [
        (bar.get("class"), label.partition(" (")[2])
        for bar, label in zip(bars, labels, strict=True)
        if bar is not None
    ]

    assert len(boxes) == len(places) == len(set(told)) == len(trace.services)
    assert all(int(each.get("x", "")) + 8 * len(each.text or "") <= WIDTH for each in legend)
    assert max(int(each.get("y", "")) for each in boxes) < min(
        float(each.get("y", "")) for each in bars if each is not None
    )
    assert float(image.get("height", "")) >= max(
        float(each.get("y", "")) + 14 for each in bars if each is not None
    )
    assert [each.get("class") for each in boxes] == [each[0] for each in told]


def test_few_services_are_told_by_their_colours_alone() -> None:
    """As many as there are colours; one more, and each has a number too, also in its rows."""
    few, more = (
        marks([f"service-{n}" for n in range(number)]) for number in (COLOURS, COLOURS + 1)
    )

    assert {each.number for each in few.values()} == {""}
    assert len({each.colour for each in few.values()}) == COLOURS
    assert [each.number for each in more.values()] == [str(n) for n in range(1, COLOURS + 2)]


@pytest.fixture
def receiver() -> Iterator[str]:
    """A receiver's address, with one trace; `/elsewhere/api/traces` of it is no list of traces."""
    port = free_port()
    command = [sys.executable, "-m", "functions.local.telemetry", f"--port={port}"]
    with subprocess.Popen(command) as process:  # noqa: S603 - this Python
        try:
            url = f"http://127.0.0.1:{port}"
            transport = httpx.HTTPTransport(retries=9)  # until it listens: two minutes at most
            with httpx.Client(transport=transport, base_url=url) as http:
                http.post("/v1/traces", content=export(span()), headers=JSON).raise_for_status()
            yield url
        finally:
            process.terminate()


def test_a_trace_is_drawn_to_a_file(
    receiver: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where it cannot be, a sentence says why, and the exit code is 1."""
    file = tmp_path / "trace.svg"
    nobody = f"http://127.0.0.1:{free_port()}"
    codes = []
    for arguments in (
        *((f"{receiver}/", TRACE, str(file)), (receiver, "f" * 32, str(file))),
        *((receiver, TRACE, str(tmp_path)), (nobody, TRACE, str(file))),
        *((f"{receiver}/elsewhere", TRACE, str(file)), ("http://[", TRACE, str(file)), ("x",)),
    ):
        monkeypatch.setattr(sys, "argv", ["draw", *arguments])
        codes.append(draw.main())
    errors = capsys.readouterr().err

    assert codes == [0, 1, 1, 1, 1, 1, 2]
    assert ET.parse(file).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - ours
    assert errors.count("there is no receiver at") == 3
    assert "cannot be written: Is a directory" in errors


async def test_memory_is_bounded(client: httpx.AsyncClient, app: App) -> None:
    """The oldest traces are forgotten, and a trace without end is cut."""
    many = export(*(span(trace=f"{number:032x}") for number in range(1, MAX_TRACES + 11)))
    await client.post("/v1/traces", content=many, headers=JSON)
    one = export(*(span(f"{number:016x}") for number in range(1, MAX_SPANS + 11)))
    answer = await client.post("/v1/traces", content=one, headers=JSON)
    found = app.store.trace(TRACE)

    assert len(app.store.traces()) == MAX_TRACES
    assert found is not None
    assert len(found.spans) == MAX_SPANS
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "10"


def test_memory_is_bounded_whatever_the_texts_are() -> None:
    """Long values and long labels are cut, and much of them displaces the oldest as many do."""
    store = Store()
    pairs = [{"key": f"k{n}", "value": {"stringValue": "x" * 20_000}} for n in range(200)]
    large = span(attributes=pairs)
    rejected = sum(
        store.add_spans(read_spans(export({**large, "spanId": f"{n:016x}"}))) for n in range(1, 12)
    )
    found = store.trace(TRACE)
    for number in range(1, 160):
        other = {**large, "traceId": f"{number:032x}"}
        store.add_spans(read_spans(export(other)))
        point = {"attributes": [*pairs, {"key": "a", "value": {"intValue": number}}][-100:]}
        metric = {"name": "m", "gauge": {"dataPoints": [point]}}
        body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
        store.add_metrics(read_metrics(msgspec.json.encode(body)))

    assert found is not None
    assert rejected > 0
    assert characters([found]) <= MAX_TRACE
    assert characters(store.traces()) <= MAX_ALL_TRACES
    assert len(str([key for key, _ in store.series()])) <= 1.1 * MAX_ALL_SERIES
    assert len(store.traces()) > 100


def characters(traces: list[Trace]) -> int:
    """Of all values of all spans."""
    spans = [each for trace in traces for each in trace.spans]
    return sum(len(str(value)) for each in spans for value in each.attributes.values())
