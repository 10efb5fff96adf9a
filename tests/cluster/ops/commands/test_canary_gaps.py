"""`canary --auto` where what it reads is away, in part or for a time: it waits, within bounds."""

import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from knative.ops.cli.console import Console
from knative.ops.cli.errors import CommandFailed, OpsError
from knative.ops.cli.runner import Result
from knative.ops.cluster.requests import Requests, durations
from knative.ops.commands.canary import canary
from knative.ops.commands.deploy import deploy
from knative.ops.commands.rollback import rollback
from knative.ops.rollout.automatic_canary import BLIND, LOOK_EVERY, STEPS, TRIES, Plan, advance
from tests.cluster.ops.commands.test_automatic_canary import answers, current, log, newest, steps
from tests.cluster.ops.conftest import CONTEXT, DEPLOY, FakeCluster, FakeRunner, FastClock

AUTO = (*CONTEXT, "purchase", "--auto")
Answer = tuple[int, bytes]


def recorded(total: int, *, age: str = "12.3") -> Answer:
    """What Prometheus answers for a revision: cumulated buckets, as recorded, and the seconds
    since it scraped a target."""
    result: list[dict[str, Any]] = [
        {"metric": {"le": le, "http_response_status_code": "201"}, "value": [1764590400.1, str(n)]}
        for le, n in (("0.005", total // 2), ("0.1", total), ("+Inf", total))
        if total
    ]
    result.append({"metric": {"part": "age"}, "value": [1764590400.1, age]})
    data = {"resultType": "vector", "result": result}
    return 200, json.dumps({"status": "success", "data": data}).encode()


GOOD = recorded(400)
BROKEN: dict[str, Answer] = {
    "unavailable": (503, b"upstream connect error"),
    "refused": (400, b'{"status":"error","errorType":"bad_data","error":"parse error"}'),
    "an error with 200": (200, b'{"status":"error","errorType":"timeout","error":"timed out"}'),
    "a page": (200, b"<html>Sign in</html>"),
    "another type": (200, b'{"status":"success","data":{"resultType":"scalar","result":[0,"1"]}}'),
    "another shape": (200, b"[[[]]]"),
    "old": recorded(400, age="181"),
    "old, without requests": recorded(0, age="299.5"),
    "older than it looks back": recorded(0, age="+Inf"),
    "not UTF-8": (200, b"\xff\xfe\x00"),
    "cut off": (-1, b'{"status":"success","data":{"resu'),
    "nothing": (-2, b""),
}


class Prometheus(BaseHTTPRequestHandler):
    """Answers the n-th query by what the test says; of which revision is in the query."""

    answer: Callable[[int, str], Answer]
    queries: list[str]

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)["query"][0]
        self.queries.append(query)
        status, body = type(self).answer(len(self.queries), query)
        if status == -2:  # the connection is closed without an answer
            return
        self.send_response(max(status, 200))
        self.send_header("content-length", str(len(body) + 50 * (status == -1)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def prometheus() -> Iterator[str]:
    Prometheus.queries = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Prometheus) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def two(cluster: FakeCluster) -> tuple[str, str]:
    """Two revisions, with all traffic on the first."""
    cluster.run(deploy, *DEPLOY)
    old = newest(cluster)
    cluster.run(deploy, *[each if each != "v1" else "v2" for each in DEPLOY], "--staged")
    return old, newest(cluster)


def answering(answer: Callable[[int, str], Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prometheus, "answer", staticmethod(answer), raising=False)


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("nth", [1, 6])
def test_one_query_that_fails_changes_nothing(
    cluster: FakeCluster, prometheus: str, kind: str, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever it is: it is sent again, and the steps are those of a run without it."""
    answering(lambda number, _: BROKEN[kind] if number == nth else GOOD, monkeypatch)
    code = cluster.run(canary, *AUTO, "--prometheus", prometheus)

    assert (code, steps(cluster)[-1], len(steps(cluster))) == (0, "@latest=100", len(STEPS) + 1)
    assert "cannot be" not in cluster.output


@pytest.mark.parametrize("kind", BROKEN)
def test_a_prometheus_that_never_answers_moves_no_traffic(
    cluster: FakeCluster,
    two: tuple[str, str],
    prometheus: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong address, say: it ends after a few tries with 1, and says why."""
    answering(lambda *_: BROKEN[kind], monkeypatch)
    code = cluster.run(canary, *AUTO, "--prometheus", prometheus)

    assert (code, steps(cluster)) == (1, [])
    assert len(Prometheus.queries) == TRIES
    assert f"The traffic of purchase stays: 100 % {two[0]}." in cluster.output
    assert "Prometheus" in cluster.output


@pytest.mark.parametrize("kind", BROKEN)
def test_a_prometheus_that_stays_away_sends_the_traffic_back(
    cluster: FakeCluster,
    two: tuple[str, str],
    prometheus: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody watches the new revision then: within the bound, with 1 and the reason."""
    old, new = two
    answering(lambda number, _: GOOD if number <= 10 else BROKEN[kind], monkeypatch)
    code = cluster.run(canary, *AUTO, "--prometheus", prometheus)

    assert (code, steps(cluster)) == (1, [f"{new}=1,{old}=99", f"{old}=100"])
    assert f"{new}: cannot be judged. No look succeeded for " in cluster.output
    assert len(Prometheus.queries) <= 10 + TRIES * (BLIND / LOOK_EVERY + 1)


def test_a_gap_makes_a_step_longer(
    cluster: FakeCluster,
    two: tuple[str, str],
    prometheus: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of four minutes at the end of the first step: it is judged when the gap has ended."""
    answering(
        lambda number, _: BROKEN["unavailable"] if 16 <= number <= 16 + TRIES * 12 else GOOD,
        monkeypatch,
    )
    code = cluster.run(canary, *AUTO, "--prometheus", prometheus)
    first_step = cluster.output.partition("% for")[2].partition("% for")[0]

    assert (code, steps(cluster)[-1]) == (0, "@latest=100")
    assert first_step.count("cannot be read") == 12
    assert f"back to {two[0]}" not in cluster.output


def test_a_revision_whose_series_are_missing_is_waited_for(
    cluster: FakeCluster,
    two: tuple[str, str],
    prometheus: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer without series is no proof: after the patience the traffic goes back."""
    old, new = two
    answering(lambda _, query: recorded(0) if f'"{new}"' in query else GOOD, monkeypatch)
    code = cluster.run(canary, *AUTO, "--prometheus", prometheus, "--patience", "300")

    assert (code, steps(cluster)) == (1, [f"{new}=1,{old}=99", f"{old}=100"])
    assert "too few requests to tell" in cluster.output


def test_a_rollback_by_hand_ends_a_run_that_reads_nothing(
    cluster: FakeCluster,
    two: tuple[str, str],
    prometheus: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the next look, readable or not; the run changes nothing more."""
    old, new = two

    def answer(number: int, _: str) -> Answer:
        if number <= 4:
            return GOOD
        if steps(cluster)[-1] != f"{old}=100":
            beside = FakeCluster()
            beside.state = cluster.state
            beside.run(rollback, *CONTEXT, "purchase")
        return BROKEN["unavailable"]

    answering(answer, monkeypatch)
    code = cluster.run(canary, *AUTO, "--prometheus", prometheus)

    assert (code, steps(cluster)) == (1, [f"{new}=1,{old}=99", f"{old}=100"])
    assert "was changed meanwhile" in cluster.output


def away(cluster: FakeCluster, part: str, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server does not answer, for so many calls from a step's first look on."""
    run, left = FakeRunner.run, calls

    def failing(runner: FakeRunner, argv: Sequence[str], **options: Any) -> Result:
        nonlocal left
        begins = current(cluster).startswith(part) and "logs" in argv
        if 0 < left < calls or (left == calls and begins):
            left -= 1
            raise CommandFailed(" ".join(argv), 1, "connection refused")
        return run(runner, argv, **options)

    monkeypatch.setattr(FakeRunner, "run", failing)


@pytest.mark.parametrize("part", STEPS)
def test_an_api_server_that_is_away_makes_a_step_longer(
    cluster: FakeCluster, two: tuple[str, str], part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the logs nor the split can be read at three looks: no step ends, none is undone."""
    old, new = two
    answers(cluster, two, log(1, 2000), log(2, 300))
    away(cluster, f"{new}={part},", 3 * 2 * TRIES, monkeypatch)
    code = cluster.run(canary, *AUTO)
    step = cluster.output.partition(f"{part} % for")[2].partition(" % for")[0]

    assert (code, steps(cluster)) == (
        0,
        [f"{new}={each},{old}={100 - each}" for each in STEPS] + ["@latest=100"],
    )
    assert step.count("connection refused") == 3


@pytest.mark.parametrize("part", STEPS)
def test_a_cluster_that_stays_away_is_said_with_the_command(
    cluster: FakeCluster, two: tuple[str, str], part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traffic cannot be set back then: the code is 1, and the part is named."""
    old, new = two
    answers(cluster, two, log(1, 2000), log(2, 300))
    away(cluster, f"{new}={part},", 10_000, monkeypatch)
    code = cluster.run(canary, *AUTO)

    assert (code, steps(cluster)[-1]) == (1, f"{new}={part},{old}={100 - part}")
    assert f"could not be set back to {old}. {new} may still have {part} %" in cluster.output
    assert "type:\n  nox -s rollback -- purchase" in cluster.output


Gaps = st.lists(st.booleans(), max_size=60)


@given(Gaps, Gaps, st.booleans())
@example([], [True] * 60, False)
def test_any_series_of_gaps_ends_within_bounds(
    gaps: Sequence[bool], split_gaps: Sequence[bool], bad: bool
) -> None:
    """Whichever readings fail, the split in the end is all of one revision; a bad one gets none."""
    readings, splits = iter(gaps), iter(split_gaps)
    split: dict[str, int] = {}
    clock = FastClock()

    def source(revision: str, since: datetime) -> Requests:
        if next(readings, False):
            raise OpsError("a gap")
        return durations([(500 if bad and revision == "new" else 200, 0.02)] * 150)

    def set_traffic(*targets: str) -> None:
        split.clear()
        split.update(
            {name: int(part) for name, _, part in (each.partition("=") for each in targets)}
        )

    def read_split() -> dict[str, int]:
        if next(splits, False):
            raise OpsError("a gap")
        return split

    plan = Plan("purchase", "old", "new", step_seconds=120.0, samples=100, patience=1800.0)
    try:
        passed = advance(plan, source, set_traffic, read_split, Console(io.StringIO()), clock)
    except OpsError:  # before the first step, which moves nothing
        assert split == {}
        tried = [list(gaps[begin : begin + TRIES]) for begin in range(len(gaps))]
        assert [True] * TRIES in tried
        return
    if not passed:
        assert split == {"old": 100}
    assert not (passed and bad)
    failed = len(gaps) + len(split_gaps)
    assert clock.now() <= len(STEPS) * (120.0 + BLIND + TRIES * LOOK_EVERY) + failed * LOOK_EVERY
