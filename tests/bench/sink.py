"""A broker that takes every event with 202 and counts: `python -m tests.bench.sink PORT`.

As little as an HTTP server can be, so that it hardly takes the cores from what is measured. GET
answers how many events it has taken.
"""

import asyncio
import sys


class Sink(asyncio.Protocol):
    taken = 0

    def __init__(self) -> None:
        self.received = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            length = 0
            for line in head.split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            if len(self.received) < end + 4 + length:
                return
            self.received = self.received[end + 4 + length :]
            self._answer(get=head.startswith(b"get "))

    def _answer(self, *, get: bool) -> None:
        assert self.transport is not None
        if get:
            body = str(Sink.taken).encode()
            self.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
        else:
            Sink.taken += 1
            self.transport.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
