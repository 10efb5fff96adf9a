"""One connection: aiomysql's, opened within one deadline, and closed after an uncertain result.

aiomysql has no public hooks for what must change, so its class is subclassed: it continues in
plaintext if the server offers no TLS, allows several statements in one text, and leaves the socket
open if a connection attempt is cancelled. This module is imported with the first connection,
because the driver and its cryptography take longer to import than everything else. `pool.py`
manages the connections.
"""
# ruff: noqa: S608 - the one statement with a value has it as a literal

import asyncio
import contextlib
import select
import struct
import warnings
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from pymysql.constants import CLIENT, COMMAND, SERVER_STATUS
from pymysql.err import MySQLError

from functions.kit.mysql import session
from functions.kit.mysql.driver import Connection as DriverConnection
from functions.kit.mysql.errors import (
    CannotConnect,
    ConnectionLost,
    DatabaseError,
    DataError,
    ProgrammingError,
    QueryTimeout,
    TLSRefused,
    Unavailable,
    Unsupported,
)
from functions.kit.mysql.failures import connect_failure, no_answer, translate_failure
from functions.kit.mysql.literals import literal
from functions.kit.mysql.options import Options
from functions.kit.mysql.plans import Key, Result, Row
from functions.kit.mysql.results import Answers, ProtocolError, ReceiveBuffer, Shape
from functions.kit.mysql.statement_timer import StatementTimer

if TYPE_CHECKING:
    import ssl

_FAILURES = (MySQLError, OSError, ProtocolError)
"""The exceptions of a failed statement or connection."""

_LONGEST_COMMAND = 2**24 - 2
"""Bytes that fit into one packet after the byte of the command."""


def _advice(reason: BaseException) -> str:
    """Advice for a certificate that Python 3.13 and newer reject for its form; else empty."""
    told = getattr(reason, "verify_message", "")
    if not any(part in told.lower() for part in ("key identifier", "key usage", "constraints")):
        return ""
    return (
        " (Python 3.13 and newer require certificates that conform to RFC 5280; those that MySQL"
        " generates do not: install one with an authority key identifier, or use ssl=required,"
        " which encrypts without checking the server's identity)"
    )


_CLOCK_STEP = 2.0
"""Seconds by which two start times of one server may differ: an uptime is in whole seconds, and
its query takes time."""


class ServerRun(NamedTuple):
    """A server from one start to its end. Connection ids are unique only within it."""

    server: str
    started_at: float
    """In seconds, on this process's clock."""

    def is_same(self, other: "ServerRun") -> bool:
        return self.server == other.server and abs(self.started_at - other.started_at) < _CLOCK_STEP


class Connection(DriverConnection):  # type: ignore[misc]  # the driver has no types
    """A session on the server."""

    # Attributes of the driver, which declares no types for them.
    _reader: Any = None
    _writer: Any = None
    _received: ReceiveBuffer
    _answers: Answers

    def __init__(
        self, options: Options, tls: "ssl.SSLContext | None", keys: dict[str, Key]
    ) -> None:
        super().__init__(
            host=options.host,
            port=options.port,
            user=options.user,
            # The driver encodes passwords as Latin-1; servers keep them in UTF-8.
            password=options.password.encode().decode("latin-1"),
            db=options.database,
            charset="utf8mb4",
            autocommit=None,
            ssl=tls,
            # An UPDATE counts the rows that it matched, as on SQLite.
            client_flag=CLIENT.FOUND_ROWS,
        )
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS
        self.options = options
        self.answered = asyncio.Event()
        """Set with the server's greeting, the first packet of a connection."""
        self.busy = False
        """Whether a statement was sent whose answer is not read yet. Then no other may be sent."""
        self._timer = StatementTimer(self)
        self.opened_at = 0.0
        self.released_at = 0.0
        self.row_alias = False
        self.is_mariadb = False
        self.server: ServerRun | None = None
        """The server that assigned this connection's id; None if it could not be identified."""
        self._keys = keys
        """Primary keys that were looked up, shared by the connections of a pool."""
        self._step: int | None = None
        self._shape: Shape | None = None
        """The columns of the rows that `fetch` reads."""
        self._poll = select.poll()

    async def open(self) -> None:
        """Connect and set up the session. Raises a `CannotConnect`, after closing the socket."""
        options = self.options
        try:
            async with asyncio.timeout(options.connect_timeout):
                await self._connect()
                # The handshake is complete, so the driver's stream is no longer needed.
                self._received = ReceiveBuffer(self._writer.transport)
                self._writer.transport.set_protocol(self._received)
                self._answers = Answers(self._received, self.server_status)
                self._send(COMMAND.COM_QUERY, session.settings(self.server_version).encode())
                await self._answers.read()
        except TimeoutError as error:
            self.abort()
            raise no_answer(options) from error
        except DatabaseError:
            self.abort()
            raise
        except (MySQLError, OSError) as error:
            self.abort()
            raise self._cannot_connect(error) from error
        except RuntimeError as error:
            self.abort()
            if "cryptography" in str(error):  # PyMySQL's way to say that a package is missing
                raise Unsupported("this server's authentication without `cryptography`") from error
            raise CannotConnect(f"no connection to {options.address}") from error
        except (ValueError, LookupError, AssertionError, struct.error, ProtocolError) as error:
            self.abort()
            raise CannotConnect(f"{options.address} does not speak MySQL's protocol") from error
        except BaseException:
            self.abort()
            raise
        if not self._answers.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES:
            self.abort()
            raise CannotConnect(f"{options.address} does not keep the session's SQL mode")
        self.row_alias = session.takes_row_alias(self.server_version)
        self.is_mariadb = session.is_mariadb(self.server_version)
        self.opened_at = self.loop.time()
        if options.kill_cancelled:
            self.server = await self._identity()
        self._poll.register(self._writer.get_extra_info("socket").fileno(), select.POLLIN)

    async def _identity(self) -> "ServerRun | None":
        """The server's identity; None if it cannot be queried, as behind some proxies."""
        try:
            result = await self.run_within(
                self.options.connect_timeout, session.identity_query(self.server_version)
            )
            (row,) = result.rows
            return ServerRun(row["server"], self.loop.time() - float(row["uptime"]))
        except (DatabaseError, TypeError, ValueError) as error:
            if not isinstance(error, Unavailable):
                return None
            self.abort()
            raise
        except BaseException:  # a cancellation: the caller does not have this connection yet
            self.abort()
            raise

    async def _get_server_information(self) -> None:
        await super()._get_server_information()
        self.answered.set()

    async def _request_authentication(self) -> None:
        """Authenticate as the driver does, but not without TLS if TLS was requested."""
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            raise TLSRefused(f"{self.options.address} offers no TLS, which ssl requires")
        await super()._request_authentication()
        if self._ssl_context and self._writer.get_extra_info("ssl_object") is None:
            raise TLSRefused(f"the connection to {self.options.address} is not encrypted")

    def _cannot_connect(self, error: Exception) -> CannotConnect:
        reason: BaseException | None = error
        while reason is not None:
            if type(reason).__module__ == "ssl":
                return TLSRefused(f"no TLS with {self.options.address}: {reason}{_advice(reason)}")
            reason = reason.__cause__
        if isinstance(error, MySQLError) and error.args and error.args[0] not in (2003, 2013):
            return connect_failure(error)
        return CannotConnect(f"no connection to {self.options.address}")

    @property
    def in_transaction(self) -> bool:
        """From the server's last OK or EOF packet; an error packet has no status."""
        return bool(self._answers.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    def run(self, sql: str) -> Coroutine[Any, Any, Result]:
        return self.run_within(self.options.query_timeout, sql)

    async def run_within(self, seconds: float | None, sql: str) -> Result:
        """Send one statement and read its whole answer, within `seconds`; None means no limit.

        After a timeout, a cancellation or a lost connection the session stays `busy`, and the pool
        discards it.
        """
        sent = self._begin(COMMAND.COM_QUERY, sql, seconds)
        try:
            result = await self._answers.read(sent)
        except DataError:
            self.busy = not self._answers.ended
            raise
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            self._timer.end()
        self.busy = False
        return result

    def _begin(self, command: int, sql: str, seconds: float | None) -> int:
        """Begin a command. Returns the number of packets that were sent."""
        try:
            payload = sql.encode()
        except UnicodeEncodeError:
            raise DataError("a string contains an unpaired surrogate") from None
        if self.busy:
            raise ProgrammingError("the connection is in use by another task")
        self.busy = True
        if self._writer is None:
            raise ConnectionLost("the connection is closed")
        self._timer.begin(seconds)
        return self._send(command, payload)

    def _send(self, command: int, payload: bytes) -> int:
        """Send one command. Returns the number of its packets."""
        if len(payload) <= _LONGEST_COMMAND:
            header = (len(payload) + 1).to_bytes(4, "little")
            self._writer.write(b"".join((header, command.to_bytes(1, "little"), payload)))
            return 1
        whole = command.to_bytes(1, "little") + payload
        for number, start in enumerate(range(0, len(whole) + 1, _LONGEST_COMMAND + 1)):
            part = whole[start : start + _LONGEST_COMMAND + 1]
            # If the last part is full, an empty one follows it.
            self._writer.write(len(part).to_bytes(3, "little") + bytes([number & 0xFF]) + part)
        return number + 1

    def _failure(self, error: Exception) -> DatabaseError:
        """Convert an error of the driver to one of this package."""
        if self._timer.expired:
            return QueryTimeout("no answer in time; the statement was cancelled")
        if isinstance(error, ProtocolError):
            return ConnectionLost(f"the answer is not MySQL's protocol: {error}")
        if not isinstance(error, MySQLError):
            return ConnectionLost("the connection was lost during the statement")
        failure = translate_failure(error)
        # After an error of the server the session is usable, unless the server is shutting down or
        # has become read-only. After an error of the driver its state is unknown.
        self.busy = isinstance(failure, Unavailable) or failure.code is None or self.closed
        return failure

    async def start(self, sql: str) -> None:
        """Send a select whose rows `fetch` reads; the session is busy until the last row."""
        sent = self._begin(COMMAND.COM_QUERY, sql, self.options.query_timeout)
        try:
            self._shape, _ = await self._answers.begin(sent)
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            self._timer.end()

    async def fetch(self, size: int) -> list[Row]:
        """The next rows of the select that `start` sent; empty at its end."""
        if self._shape is None:
            return []
        self._timer.begin(self.options.query_timeout)
        try:
            rows = await self._answers.rows(self._shape, size)
        except DataError:
            self.busy = not self._answers.ended
            raise
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            self._timer.end()
        if len(rows) < size:
            self._shape = None
            self.busy = False
        return rows

    async def primary_key(self, table: str) -> Key:
        key = self._keys.get(table)
        if key is None:
            result = await self.run(
                "SELECT COLUMN_NAME AS name, EXTRA AS extra, COLLATION_NAME AS collation_name"
                " FROM information_schema.COLUMNS"
                f" WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {literal(table)}"
                " AND COLUMN_KEY = 'PRI'"
            )
            if len(result.rows) != 1:
                raise Unsupported("RETURNING on a table without a primary key of one column")
            (found,) = result.rows
            key = self._keys[table] = Key(
                found["name"],
                "auto_increment" in found["extra"].lower(),
                found["collation_name"] is not None,
            )
        return key

    async def auto_increment_step(self) -> int:
        if self._step is None:
            result = await self.run("SELECT @@auto_increment_increment AS step")
            self._step = int(result.rows[0]["step"])
        return self._step

    def hung_up(self) -> bool:
        """Whether the server has closed this idle connection. Does not wait.

        The socket is polled, because after a pause of the process the event loop may not have read
        it yet. A server sends nothing on an idle connection until it closes it.
        """
        return (
            self.closed
            or self._writer.transport.is_closing()
            or self._received.ended
            or self._answers.leftover
            or bool(self._poll.poll(0))
        )

    async def ping_within(self, seconds: float) -> bool:
        self._begin(COMMAND.COM_PING, "", seconds)
        try:
            await self._answers.read()
        except _FAILURES:
            return False
        finally:
            self._timer.end()
        self.busy = False
        return True

    def quit(self) -> None:
        """Send COM_QUIT and close, without waiting."""
        if not self.closed:
            with contextlib.suppress(OSError, RuntimeError):
                self._writer.write(b"\x01\x00\x00\x00\x01")  # COM_QUIT, sent at once
            self.abort()

    def close(self) -> None:
        """Replaces the driver's `close`, which waits half a minute for the end of TLS."""
        self.abort()

    def abort(self) -> None:
        """Close at once, without flushing to a peer that may not read."""
        self._timer.close()
        writer, self._writer, self._reader = self._writer, None, None
        if writer is None:
            return
        # A closed event loop cannot close the socket; it is closed with its last reference.
        if not self.loop.is_closed():
            writer.transport.abort()

    def __del__(self) -> None:
        # The driver's `__del__` would use an event loop that may be closed.
        if self._writer is not None:
            warnings.warn(
                f"a connection to {self.options.address} was not closed",
                ResourceWarning,
                stacklevel=2,
            )
            self.abort()
