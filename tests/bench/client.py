"""An HTTP client for load where wrk is not installed: `python -m tests.bench.client`.

It keeps so many connections busy for so long, one request at a time on each, and prints what it
saw as one JSON object. Anything but a status of success is a failure.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from urllib.parse import urlsplit


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.client")
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--purchase", action="store_true", help="buy, with BENCH_TOKEN")
    options = parser.parse_args()
    seen = asyncio.run(run(options.url, options.connections, options.seconds, options.purchase))
    print(json.dumps(seen))
    return 0


async def run(url: str, connections: int, seconds: float, purchase: bool) -> dict[str, float]:
    """Requests answered, failures among them, seconds, and the latencies in milliseconds."""
    begun = time.perf_counter()
    deadline = begun + seconds
    each = await asyncio.gather(
        *[_one(url, deadline, purchase, random.Random(seed)) for seed in range(connections)]
    )
    elapsed = time.perf_counter() - begun
    latencies = sorted(latency for found, _ in each for latency in found)
    return {
        "requests": len(latencies),
        "failures": sum(failures for _, failures in each),
        "seconds": elapsed,
        "p50_ms": _at(latencies, 0.5) * 1000,
        "p99_ms": _at(latencies, 0.99) * 1000,
    }


def _at(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def request_bytes(url: str, purchase: bool, choose: random.Random) -> bytes:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    if not purchase:
        return f"GET {path} HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n".encode()
    books = int(os.environ.get("BENCH_BOOKS", "50"))
    body = json.dumps({"book_id": choose.randint(1, books), "quantity": 1})
    return (
        f"POST {path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {os.environ.get('BENCH_TOKEN', '')}\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def _one(
    url: str, deadline: float, purchase: bool, choose: random.Random
) -> tuple[list[float], int]:
    """One connection; what breaks it is a failure, and it is opened again."""
    parts = urlsplit(url)
    latencies: list[float] = []
    failures = 0
    while time.perf_counter() < deadline:
        try:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            failures += 1
            await asyncio.sleep(0.01)
            continue
        try:
            while (begun := time.perf_counter()) < deadline:
                writer.write(request_bytes(url, purchase, choose))
                status = await read_response(reader)
                latencies.append(time.perf_counter() - begun)
                failures += not 200 <= status < 400
        except (OSError, asyncio.IncompleteReadError, ValueError):
            failures += 1
        finally:
            writer.close()
    return latencies, failures


async def read_response(reader: asyncio.StreamReader) -> int:
    """Read one response whole; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))
    return status


if __name__ == "__main__":
    sys.exit(main())
