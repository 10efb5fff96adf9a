"""`python -m functions.local.telemetry.draw URL TRACE FILE`: writes a trace as an SVG image.

It reads the trace from a running receiver; docs/observability.md shows such an image.
"""

import sys
from pathlib import Path

import httpx
import msgspec

from functions.local.telemetry.otlp import Span
from functions.local.telemetry.store import Trace
from functions.local.telemetry.waterfall import svg


class _Received(msgspec.Struct):
    id: str
    spans: list[Span]


def main() -> int:
    if len(sys.argv) != 4:
        print(f"usage: {__doc__}", file=sys.stderr)
        return 2
    url, trace_id, file = sys.argv[1:]
    try:
        response = httpx.get(f"{url.rstrip('/')}/api/traces", trust_env=False)
        received = msgspec.json.decode(response.content, type=list[_Received])
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, UnicodeDecodeError) as error:
        print(f"there is no receiver at {url}: {error}", file=sys.stderr)
        return 1
    trace = next((Trace(each.id, each.spans) for each in received if each.id == trace_id), None)
    if trace is None:
        print(f"the receiver has no trace {trace_id}", file=sys.stderr)
        return 1
    try:
        Path(file).write_text(svg(trace, title=trace.root.name, alone=True) + "\n", "utf-8")
    except OSError as error:
        print(f"{file} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
