"""Parses the server's answers, faster than the driver.

The driver calls two coroutines for each packet and four functions for each value, and parses the
description of the columns at every run of a statement. Here a result is parsed in one pass over the
received bytes, and rows become dicts directly. The decoders are prepared once for each set of
columns. `connection.py` sends statements and reads their answers with this module; `decode.py`
chooses the decoders.

Source: MySQL's protocol, "Text Resultset", "OK_Packet", "Length-Encoded Integer".
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from pymysql.constants import CR, SERVER_STATUS
from pymysql.err import OperationalError, raise_mysql_exception
from pymysql.protocol import FieldDescriptorPacket

from functions.kit.mysql.decode import described
from functions.kit.mysql.errors import DataError
from functions.kit.mysql.plans import Result, Row

_FULL = 2**18
"""Unread bytes above which no more are received."""
_LONGEST = 0xFFFFFF
"""The length of a packet that continues in the next one."""
_NULL, _EOF, _ERROR = 0xFB, 0xFE, 0xFF
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}


class ProtocolError(Exception):
    """The received bytes are not MySQL's protocol. Nothing more can be read."""


class Shape(NamedTuple):
    """The columns of a result."""

    names: tuple[str, ...]
    decoders: tuple[Callable[[bytes], Any], ...]


@lru_cache(maxsize=1024)
def _shape(packets: bytes, count: int) -> Shape:
    """The shape that the column packets describe. They are equal at every run of a statement."""
    names, decoders = [], []
    at = 0
    for _ in range(count):
        end = at + 4 + int.from_bytes(packets[at : at + 3], "little")
        field: Any = FieldDescriptorPacket(packets[at + 4 : end], "utf8")
        name, decode = described(field)
        names.append(name)
        decoders.append(decode)
        at = end
    return Shape(tuple(names), tuple(decoders))


def forget_shapes() -> None:
    """Clear the cache, after tables and their declared column types may have changed."""
    _shape.cache_clear()


class ReceiveBuffer(asyncio.Protocol):
    """The bytes received from the socket. An asyncio stream would take longer for each answer."""

    def __init__(self, transport: asyncio.ReadTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._chunks: list[bytes] = []
        self._size = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self.ended = False

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        if self._size > _FULL and not self._paused:
            self._transport.pause_reading()
            self._paused = True
        self._wake()

    def eof_received(self) -> bool:
        self.ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._error = exc
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    @property
    def waits(self) -> bool:
        """Whether there are unread bytes."""
        return self._size > 0

    async def take(self) -> bytes:
        """All unread bytes, or the next ones; empty at the end. Raises the socket's error."""
        if not self._size:
            if not self.ended:
                self._waiter = self._loop.create_future()
                await self._waiter
            if not self._size:
                if self._error is not None:
                    raise self._error
                return b""
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return data


class Answers:
    """Reads the answers in order. `server_status` is that of the last one."""

    def __init__(self, received: ReceiveBuffer, server_status: int) -> None:
        self._received = received
        self._data = b""
        self._at = 0
        self._number = 1
        self._failure: Exception | None = None
        """The first value of this result that could not be decoded."""
        self.ended = True
        """Whether the answer was read to its end."""
        self.server_status = server_status

    @property
    def leftover(self) -> bool:
        """Whether there are bytes after the last answer, as at the end of the connection."""
        return self._received.waits or self._at < len(self._data)

    async def read(self, sent: int = 1) -> Result:
        """The whole answer to a statement that was sent in `sent` packets.

        Raises the driver's error for an error of the server, `ProtocolError`, or `DataError` for a
        value that Python cannot represent. After a `DataError` the next answer can be read.
        """
        if self._at == len(self._data):
            data = self._data = await self._received.take()
            self._at = 0
            if not data:
                _lost()
            # The answer to nearly every write is one short OK packet that arrives alone.
            if len(data) > 4 and data[:5] == bytes((len(data) - 4 & 0xFF, 0, 0, sent & 0xFF, 0)):
                self._at = len(data)
                return self._ok(data[4:])
        shape, done = await self.begin(sent)
        if shape is None:
            return done
        rows = await self.rows(shape, None)
        return Result(rows, len(rows), 0)

    async def begin(self, sent: int = 1) -> tuple[Shape | None, Result]:
        """The columns of a result, whose rows follow; or None and the result of a write."""
        self._number = sent & 0xFF
        self._failure = None
        self.ended = False
        packet = await self._packet()
        first = packet[0]
        if first == 0:
            return None, self._ok(packet)
        if first == _NULL:
            raise ProtocolError("the server requests a local file")
        count, _ = _integer(packet, 0)
        return await self._columns(count), Result([], 0, 0)

    async def rows(self, shape: Shape, most: int | None) -> list[Row]:
        """The next rows, at most `most`. Fewer rows are the last ones."""
        rows: list[Row] = []
        try:
            while not self._take_rows(shape, rows, most):
                await self._more()
        except IndexError:
            raise ProtocolError("a row does not fill its packet") from None
        if self._failure is not None:
            raise DataError(
                "a value that Python cannot represent: a date with zeros, a TIME that is not a time"
                " of day, or text that is not UTF-8 (read it with CAST(... AS TEXT) or AS BLOB)"
            ) from self._failure
        return rows

    def _take_rows(self, shape: Shape, rows: list[Row], most: int | None) -> bool:
        """Parse the rows that have arrived completely; True after the last one or after `most`."""
        names, decoders = shape
        data, at, size_of_data = self._data, self._at, len(self._data)
        number = self._number
        while most is None or len(rows) < most:
            body = at + 4
            if body >= size_of_data:
                break
            size = data[at] | data[at + 1] << 8 | data[at + 2] << 16
            end = body + size
            if end > size_of_data:
                break
            if data[at + 3] != number:
                raise ProtocolError("packets out of order")
            first = data[body]
            if first >= _EOF and (first == _ERROR or size < 9):
                self._at = end
                if first == _ERROR:
                    _raise(data[body:end])
                self._finish(int.from_bytes(data[body + 3 : body + 5], "little"))
                return True
            if size == _LONGEST:
                whole = self._whole_packet(at)
                if whole is None:
                    break
                payload, at, number = whole
                rows.append(self._row(names, decoders, payload, 0, len(payload)))
                self._at, self._number = at, number
                continue
            rows.append(self._row(names, decoders, data, body, end))
            number = (number + 1) & 0xFF
            self._at = at = end
            self._number = number
        return most is not None and len(rows) >= most

    def _row(
        self,
        names: Sequence[str],
        decoders: Sequence[Callable[[bytes], Any]],
        data: bytes,
        at: int,
        end: int,
    ) -> Row:
        values: list[Any] = []
        try:
            for decode in decoders:
                size = data[at]
                at += 1
                if size >= _NULL:
                    if size == _NULL:
                        values.append(None)
                        continue
                    size, at = _integer(data, at - 1)
                after = at + size
                values.append(decode(data[at:after]))
                at = after
        except (ValueError, ArithmeticError) as error:
            self._failure = self._failure or error
            return {}
        if at != end:
            raise ProtocolError("a row does not fill its packet")
        return dict(zip(names, values, strict=True))

    def _whole_packet(self, at: int) -> tuple[bytes, int, int] | None:
        """A payload of several packets, the index and number after it; None if incomplete."""
        parts = []
        number = self._number
        while True:
            if len(self._data) < at + 4:
                return None
            size = int.from_bytes(self._data[at : at + 3], "little")
            end = at + 4 + size
            if len(self._data) < end:
                return None
            parts.append(self._data[at + 4 : end])
            at = end
            number = (number + 1) & 0xFF
            if size < _LONGEST:
                return b"".join(parts), at, number

    async def _columns(self, count: int) -> Shape:
        while (end := self._end_of_packets(count)) is None:
            await self._more()
        described = self._data[self._at : end]
        self._at = end
        self._number = (self._number + count) & 0xFF
        eof = await self._packet()
        if eof[0] != _EOF:
            raise ProtocolError("no end after the columns")
        try:
            return _shape(described, count)
        except (ValueError, LookupError, AssertionError, TypeError) as error:
            raise ProtocolError("an invalid description of a column") from error

    def _end_of_packets(self, count: int) -> int | None:
        data, at = self._data, self._at
        size = len(data)
        for _ in range(count):
            if at + 4 > size:
                return None
            at += 4 + (data[at] | data[at + 1] << 8 | data[at + 2] << 16)
        return at if at <= size else None

    async def _packet(self) -> bytes:
        """The next packet. Raises the driver's error for an error packet."""
        while True:
            data, at = self._data, self._at
            if len(data) >= at + 4:
                end = at + 4 + (data[at] | data[at + 1] << 8 | data[at + 2] << 16)
                if len(data) >= end:
                    break
            await self._more()
        number, packet = data[at + 3], data[at + 4 : end]
        self._at = end
        if not packet:
            raise ProtocolError("an empty packet")
        if packet[0] == _ERROR:  # when it shuts down, a server sends one with packet number 0
            _raise(packet)
        if number != self._number:
            raise ProtocolError("packets out of order")
        self._number = (number + 1) & 0xFF
        return packet

    def _ok(self, packet: bytes) -> Result:
        try:
            affected, at = _integer(packet, 1)
            insert_id, at = _integer(packet, at)
            if len(packet) < at + 4:
                raise IndexError
        except IndexError:
            raise ProtocolError("an OK that ends too early") from None
        self._finish(int.from_bytes(packet[at : at + 2], "little"))
        return Result([], affected, insert_id, int.from_bytes(packet[at + 2 : at + 4], "little"))

    def _finish(self, status: int) -> None:
        self.server_status = status
        self.ended = True
        if status & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS:
            raise ProtocolError("an unexpected second result")

    async def _more(self) -> None:
        """Wait for more bytes, and drop those that were parsed."""
        chunk = await self._received.take()
        if not chunk:
            _lost()
        if self._at == len(self._data):
            self._data = chunk
            self._at = 0
            return
        parts = [self._data[self._at :], chunk]
        # A long packet arrives in many chunks, which are joined once.
        needed = self._missing(parts)
        while needed > 0:
            chunk = await self._received.take()
            if not chunk:
                _lost()
            parts.append(chunk)
            needed -= len(chunk)
        self._data = b"".join(parts)
        self._at = 0

    @staticmethod
    def _missing(parts: Sequence[bytes]) -> int:
        start = b"".join(part[:4] for part in parts)[:3] if len(parts[0]) < 4 else parts[0][:3]
        return 4 + int.from_bytes(start, "little") - sum(map(len, parts))


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer, and the index after it."""
    first = data[at]
    at += 1
    if first < _NULL:
        return first, at
    width = _WIDTHS.get(first)
    if width is None or len(data) < at + width:
        raise ProtocolError("an invalid length")
    return int.from_bytes(data[at : at + width], "little"), at + width


def _raise(packet: bytes) -> NoReturn:
    """Raise the driver's error for an ERR packet."""
    if len(packet) < 4:
        raise ProtocolError("an error without a number")
    raise_mysql_exception(packet)


def _lost() -> NoReturn:
    raise OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
