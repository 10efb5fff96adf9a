"""SIGTERM during a request, as Kubernetes sends it to a pod that is to end."""

import asyncio
import json
import signal
from pathlib import Path

from tests.support.processes import Service

LIMIT = 60.0
"""Seconds, after which the service counts as hanging."""


async def refused(port: int) -> None:
    """Wait until the port is closed."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        writer.close()
        await asyncio.sleep(0.02)  # a closed port cannot be awaited


async def test_a_running_request_is_answered(tmp_path: Path) -> None:
    """The port closes at once, the request is answered, and the process ends in order."""
    service = Service("auth", {"DATABASE_URL": f"sqlite:///{tmp_path}/auth.db"})
    body = json.dumps({"email": "you@example.org", "password": "a-long-password"}).encode()
    head = (
        "POST /register HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    await service.start()
    try:
        async with asyncio.timeout(LIMIT):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(head.encode())
            # The service asks for the body, so the request has started.
            proceed = await reader.readuntil(b"\r\n\r\n")
            assert service.process is not None
            service.process.send_signal(signal.SIGTERM)
            await refused(service.port)
            writer.write(body)
            answer = await reader.read()
            writer.close()
            code = await service.process.wait()
    finally:
        await service.kill()

    assert proceed.startswith(b"HTTP/1.1 100 ")
    assert answer.startswith(b"HTTP/1.1 201 ")
    # uvicorn raises the signal again after its shutdown.
    assert code in {0, -signal.SIGTERM}
