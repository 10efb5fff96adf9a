"""What each revision answered: from Prometheus, or from the logs of its pods where there is none.

Prometheus has queue-proxy's histogram, which also counts what a crashing container never logged,
if Knative's `config-observability` exports `request-metrics`. The names of the metric and of its
labels are those of Knative 1.23 (pkg/queue/sharedmain), as Prometheus translates OpenTelemetry's;
the revision is a label of `target_info`. Without Prometheus the services' own request logs are
read, which end with a pod.
"""

import bisect
import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import urlencode
from urllib.request import urlopen

from knative.ops.cli.errors import OpsError
from knative.ops.cluster.cluster import Cluster

_LINE = re.compile(r"[A-Z]+ \S+ (?P<status>\d{3}) (?P<milliseconds>\d+(\.\d+)?) ms$")
"""As `functions/kit/http/middleware.py` logs a request."""
_MAX_PODS = 20
"""That kubectl reads at once; its own default is five."""
_TIMEOUT = 30.0
"""Seconds."""
MAX_AGE = 180.0
"""Seconds since any target was scraped last, with which Prometheus is up to date."""
AGE = (
    "label_replace(time() - max(timestamp(up)) or count(last_over_time(up[1d])) * Inf,"
    ' "part", "age", "", "")'
)
"""Seconds since any target was scraped last, by Prometheus' own clock: infinite beyond its lookback
of five minutes; no sample where it has scraped nothing for a day. Such a one only receives, and
from a shop that sleeps it receives nothing."""


class Requests(Protocol):
    """What one revision answered."""

    @property
    def total(self) -> int: ...

    @property
    def errors(self) -> int:
        """Answers of 5xx."""

    def p95(self) -> float:
        """Seconds; of a histogram, the bound of its bucket."""

    def slower_than(self, seconds: float) -> int: ...


@dataclass(frozen=True)
class Durations:
    """Every request by itself, as a log has them."""

    seconds: tuple[float, ...]
    """Ascending."""
    errors: int

    @property
    def total(self) -> int:
        return len(self.seconds)

    def p95(self) -> float:
        return self.seconds[math.ceil(0.95 * self.total) - 1] if self.seconds else math.inf

    def slower_than(self, seconds: float) -> int:
        return self.total - bisect.bisect_right(self.seconds, seconds)


@dataclass(frozen=True)
class Histogram:
    """Requests in buckets, as Prometheus has them."""

    bounds: tuple[float, ...]
    """Upper bounds in seconds, ascending, the last one infinite."""
    counts: tuple[int, ...]
    """Requests in each bucket, not cumulated."""
    errors: int

    @property
    def total(self) -> int:
        return sum(self.counts)

    def p95(self) -> float:
        wanted, seen = 0.95 * self.total, 0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            seen += count
            if seen >= wanted and seen:
                return bound
        return math.inf

    def slower_than(self, seconds: float) -> int:
        """Of those in the bucket that holds this time, all count as faster."""
        first = bisect.bisect_left(self.bounds, seconds) + 1
        return sum(self.counts[first:])


Source = Callable[[str, datetime], Requests]
"""What a revision has answered since a time. Raises `OpsError`."""


def durations(answers: Sequence[tuple[int, float]]) -> Durations:
    """From status and seconds of each request."""
    return Durations(
        tuple(sorted(seconds for _, seconds in answers)),
        sum(status >= 500 for status, _ in answers),
    )


def from_logs(cluster: Cluster, container: str) -> Source:
    def read(revision: str, since: datetime) -> Requests:
        result = cluster.kubectl(
            *("logs", "-l", f"serving.knative.dev/revision={revision}", "-c", container),
            *("--tail=-1", f"--since-time={since.isoformat(timespec='seconds')}"),
            f"--max-log-requests={_MAX_PODS}",
            check=False,
        )
        # A revision at zero has no pod, and nothing answered.
        if result.code and "No resources found" not in result.stderr:
            raise OpsError(f"The logs of {revision} cannot be read: {result.stderr.strip()}")
        return durations(answers(result.stdout.splitlines()))

    return read


def answers(lines: Iterable[str]) -> list[tuple[int, float]]:
    """Status and seconds of each request in a log, JSON or text; other lines are passed over."""
    return [
        (int(match["status"]), float(match["milliseconds"]) / 1000)
        for line in lines
        if (match := _LINE.search(_message(line)))
    ]


def _message(line: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        parsed = json.loads(line)
    except ValueError:
        return ""
    return str(parsed.get("message", "")) if isinstance(parsed, dict) else ""


def from_prometheus(url: str, namespace: str, now: Callable[[], datetime]) -> Source:
    """Of a Prometheus whose HTTP API is at this URL.

    One that gets no samples any more shows no requests, as a shop without visitors does; so it is
    an error that it has scraped before, but nothing for `MAX_AGE`.
    """

    def read(revision: str, since: datetime) -> Requests:
        window = max(30, math.ceil((now() - since).total_seconds()))
        answer = _query(url, f"{promql(revision, namespace, window)} or {AGE}")
        found = histogram(answer)
        if (age := scraped_ago(answer)) > MAX_AGE:
            known = f"{age:.0f} s" if math.isfinite(age) else "more than five minutes"
            raise OpsError(
                f"Prometheus at {url} has no measurement: it scraped a target last {known} ago. Its"
                " targets cannot be reached, or it does not run, or its clock is wrong"
            )
        return found

    return read


def promql(revision: str, namespace: str, window: int) -> str:
    """The requests of the last `window` seconds, by upper bound and status.

    `increase` leaves out what a series had at its first sample in the window. A pod's first
    requests, and the first errors of a revision, are there: a status has no series before. So a
    series that had nothing before the window is counted from 0, whether it was not there or was 0,
    as Prometheus takes it at the start of a process (`created-timestamp-zero-ingestion`). One that
    had a value in the hour before had a gap, and is no new one.
    """
    labels = f'kn_revision_name="{revision}",k8s_namespace_name="{namespace}"'
    buckets = "http_server_request_duration_seconds_bucket"
    of_revision = f"* on (job, instance) group_left () target_info{{{labels}}}"
    by = "sum by (le, http_response_status_code)"
    first = (
        f"(min_over_time({buckets}[{window}s])"
        f" unless last_over_time({buckets}[1h] offset {window}s) > 0)"
    )
    return (
        f"{by} (increase({buckets}[{window}s]) {of_revision})"
        f' or label_replace({by} ({first} {of_revision}), "part", "first sample", "", "")'
    )


def _query(url: str, query: str) -> Any:
    address = f"{url.rstrip('/')}/api/v1/query?{urlencode({'query': query})}"
    try:
        with urlopen(address, timeout=_TIMEOUT) as response:  # noqa: S310 - http or https, by the option's type
            return json.load(response)
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        raise OpsError(f"Prometheus at {url} cannot be read: {error}") from error


def histogram(answer: Any) -> Histogram:
    """Of Prometheus' answer. Raises `OpsError` where it is no vector of buckets, and an age."""
    cumulated: dict[float, float] = defaultdict(float)
    errors = 0.0
    try:
        for sample in answer["data"]["result"]:
            labels, value = sample["metric"], float(sample["value"][1])
            if labels.get("part") == "age":
                continue
            bound = float(labels["le"])
            if not math.isfinite(value) or math.isnan(bound):
                raise ValueError(f"{value} in {labels}")
            cumulated[bound] += value
            if math.isinf(bound) and labels.get("http_response_status_code", "").startswith("5"):
                errors += value
        if cumulated and math.inf not in cumulated:  # errors are counted there
            raise ValueError("the bucket +Inf is missing")
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise OpsError(f"Prometheus' answer has no buckets: {error!r}") from error
    bounds = sorted(cumulated)
    whole = [round(cumulated[bound]) for bound in bounds]
    counts = [max(0, after - before) for before, after in zip([0, *whole], whole, strict=False)]
    return Histogram(tuple(bounds), tuple(counts), round(errors))


def scraped_ago(answer: Any) -> float:
    """Seconds since Prometheus scraped a target last, of an answer that `histogram` has read;
    infinite where that is too long ago to be known, 0 where it scrapes none."""
    for sample in answer["data"]["result"]:
        if sample["metric"].get("part") == "age":
            age = float(sample["value"][1])
            return math.inf if math.isnan(age) else age
    return 0.0
