"""Wake a service that sleeps at zero, before it is needed: one connection and one line, no client.

httpx would cost a start a tenth of a second, and the answer does not matter.
"""

import asyncio
import contextlib
from urllib.parse import urlsplit

from functions.kit.base.connecting import FirstConnections, open_streams

LIMIT = 10.0
"""Seconds after which the attempt is given up; a page makes its own."""


async def wake(url: str) -> None:
    """Send `GET /livez`; failures are left to the request that needs the service."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(LIMIT):
            reader, writer = await open_streams(
                FirstConnections(),
                parts.hostname or "",
                parts.port or (443 if secure else 80),
                secure=secure,
            )
            try:
                writer.write(
                    f"GET {parts.path}/livez HTTP/1.1\r\nhost: {parts.netloc}\r\n"
                    "connection: close\r\n\r\n".encode()
                )
                await reader.read(1024)
            finally:
                writer.close()
