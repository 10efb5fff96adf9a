"""Wakes catalog, which the first page needs, before this process imports anything else.

`kit/start` calls `main` first of all. At zero both services start side by side then; from the app's
lifespan the request would leave when most of this start is over. A thread with a socket: a client
would cost a tenth of a second, and the answer does not matter.
"""

import contextlib
import os
import socket
import threading
from urllib.parse import urlsplit

LIMIT = 10.0
"""Seconds after which the attempt is given up; a page makes its own."""


def main() -> None:
    url = os.environ.get("CATALOG_URL", "")
    if url:
        threading.Thread(target=wake, args=(url,), daemon=True).start()


def wake(url: str) -> None:
    """Send `GET /livez`; failures are left to the request that needs the service."""
    with contextlib.suppress(OSError, ValueError):
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        with socket.create_connection((host, port), LIMIT) as connection:
            request = f"GET {parts.path}/livez HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            content = f"{request}connection: close\r\n\r\n".encode()
            if not secure:
                _exchange(connection, content)
                return
            import ssl  # noqa: PLC0415 - where it is needed

            context = ssl.create_default_context()
            with context.wrap_socket(connection, server_hostname=host) as wrapped:
                _exchange(wrapped, content)


def _exchange(connection: socket.socket, content: bytes) -> None:
    connection.sendall(content)
    connection.recv(1024)
