"""One connection: aiomysql's, opened under one deadline and closed on any doubt.

aiomysql is subclassed because what has to change has no public place: it goes on in plaintext
where TLS is not offered, allows several statements in one text, and leaves the socket open when a
connection attempt is cancelled. This module is imported with the first connection, since the
driver and its cryptography take longer to import than everything else. `pool.py` lends
connections out.
"""
# ruff: noqa: S608 - the one statement with a value has it as a literal

import asyncio
import contextlib
import select
import struct
import warnings
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, NamedTuple

from pymysql.constants import CLIENT, FIELD_TYPE, SERVER_STATUS
from pymysql.converters import decoders
from pymysql.err import MySQLError
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

from functions.kit.mysql import session
from functions.kit.mysql.decode import date_of, datetime_utc, decode, time_of_day
from functions.kit.mysql.driver import Connection
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
from functions.kit.mysql.failures import connect_failure, translate_failure
from functions.kit.mysql.literals import literal
from functions.kit.mysql.options import Options
from functions.kit.mysql.plans import Key, Result, Row
from functions.kit.mysql.rows import Rows, column
from functions.kit.mysql.watch import Watch

if TYPE_CHECKING:
    import ssl

_DECODERS = decoders | {
    FIELD_TYPE.DATETIME: datetime_utc,
    FIELD_TYPE.TIMESTAMP: datetime_utc,
    FIELD_TYPE.DATE: date_of,
    FIELD_TYPE.TIME: time_of_day,
}

_FAILURES = (MySQLError, OSError, AttributeError, asyncio.InvalidStateError)
"""What the driver raises when a statement fails or its connection does."""


_CLOCK_STEP = 2.0
"""Seconds: an uptime is told in whole ones, and its answer takes a moment."""


class ServerRun(NamedTuple):
    """A server between its start and its end; numbers of connections count in it alone."""

    server: str
    started_at: float
    """On this process's clock."""

    def is_same(self, other: "ServerRun") -> bool:
        return self.server == other.server and abs(self.started_at - other.started_at) < _CLOCK_STEP


class Wire(Connection):  # type: ignore[misc]  # the driver has no types
    """A session on the server. `run()` is all that the rest of the package needs of it."""

    # The driver's, for which it declares no types.
    _reader: Any = None
    _writer: Any = None
    _result: Any

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
            conv=_DECODERS,
            autocommit=None,
            ssl=tls,
            # An UPDATE counts the rows that it matched, as on SQLite.
            client_flag=CLIENT.FOUND_ROWS,
        )
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS
        self.options = options
        self.busy = False
        """Whether a statement was sent and not answered: then nobody else may use this."""
        self._watch = Watch(self)
        self.opened_at = 0.0
        self.released_at = 0.0
        self.row_alias = False
        self.server: ServerRun | None = None
        """The run of a server that gave this connection its number."""
        self._keys = keys
        """Primary keys that were looked up, shared by the connections of a pool."""
        self._step: int | None = None
        self._poll = select.poll()

    async def open(self) -> None:
        """Connect and set the session up. Raises a `CannotConnect`; leaves no socket behind."""
        options = self.options
        try:
            async with asyncio.timeout(options.connect_timeout):
                await self._connect()
                await self.query(session.settings(self.server_version))
        except TimeoutError as error:
            self.abort()
            raise CannotConnect(
                f"no answer from {options.address} within {options.connect_timeout:g} s"
            ) from error
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
        except (ValueError, LookupError, AssertionError, struct.error) as error:
            self.abort()
            raise CannotConnect(f"{options.address} does not speak MySQL's protocol") from error
        except BaseException:
            self.abort()
            raise
        if not self.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES:
            self.abort()
            raise CannotConnect(f"{options.address} does not keep the session's SQL mode")
        self.row_alias = session.takes_row_alias(self.server_version)
        self.opened_at = self.loop.time()
        if options.kill_cancelled:
            self.server = await self._identity()
        self._poll.register(self._writer.get_extra_info("socket").fileno(), select.POLLIN)

    async def _identity(self) -> "ServerRun | None":
        """Which server this is; None where it does not say, as some proxies do not."""
        try:
            result = await self.run_within(
                self.options.connect_timeout, session.identity_query(self.server_version)
            )
            (row,) = result.rows
            return ServerRun(row["server"], self.loop.time() - float(row["uptime"]))
        except Unavailable:
            self.abort()
            raise
        except (DatabaseError, TypeError, ValueError):
            return None

    async def _request_authentication(self) -> None:
        """The driver's, unless it would send the password in plaintext where TLS was asked for."""
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            raise TLSRefused(f"{self.options.address} offers no TLS, and ssl asks for it")
        await super()._request_authentication()
        if self._ssl_context and self._writer.get_extra_info("ssl_object") is None:
            raise TLSRefused(f"the connection to {self.options.address} is not encrypted")

    def _cannot_connect(self, error: Exception) -> CannotConnect:
        reason: BaseException | None = error
        while reason is not None:
            if type(reason).__module__ == "ssl":
                return TLSRefused(f"no TLS with {self.options.address}: {reason}")
            reason = reason.__cause__
        if isinstance(error, MySQLError) and error.args and error.args[0] not in (2003, 2013):
            return connect_failure(error)
        return CannotConnect(f"no connection to {self.options.address}")

    @property
    def in_transaction(self) -> bool:
        """As the server said with its last answer; with an error it says nothing."""
        return bool(self.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    async def run(self, sql: str) -> Result:
        return await self.run_within(self.options.query_timeout, sql)

    async def run_within(self, seconds: float | None, sql: str) -> Result:
        """Send one statement and read its answer whole; None waits for as long as it takes.

        On a timeout, a cancellation or a lost connection the session stays `busy`, and whoever
        lent it out throws it away.
        """
        try:
            statement = sql.encode()
        except UnicodeEncodeError:
            raise DataError("a string holds half a surrogate pair, which is no character") from None
        if self.busy:
            raise ProgrammingError("the connection is in use by another task")
        self.busy = True
        self._watch.begin(seconds)
        try:
            await self.query(statement)
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            self._watch.end()
        self.busy = False
        result, self._result = self._result, None  # or the rows would stay until the next ones
        rows = decode(result.fields, result.rows) if result.rows is not None else []
        return Result(rows, result.affected_rows, result.insert_id or 0)

    def _failure(self, error: Exception) -> DatabaseError:
        """The driver's error as this package's."""
        if self._watch.expired:
            return QueryTimeout("no answer in time; the statement was given up")
        if not isinstance(error, MySQLError):
            # The driver clears its streams when it closes, and then stumbles over that.
            return ConnectionLost("the connection was lost during the statement")
        failure = translate_failure(error)
        # The server goes on after an error of its own, unless it is no longer the one that
        # writes; after the driver's nothing is certain.
        self.busy = isinstance(failure, Unavailable) or failure.code is None or self.closed
        return failure

    async def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        """The driver's, but for columns that were seen before."""
        return await super()._read_packet(
            column if packet_type is FieldDescriptorPacket else packet_type
        )

    async def _read_query_result(self, unbuffered: bool = False) -> None:
        """The driver's, with rows that are read faster."""
        if unbuffered:
            await super()._read_query_result(unbuffered)
            return
        self._result = None
        result = self._result = Rows(self)
        await result.read()
        self._affected_rows = result.affected_rows
        if result.server_status is not None:
            self.server_status = result.server_status

    async def start(self, sql: str) -> None:
        """Send a select whose rows `fetch` takes; the session is busy until the last of them."""
        self.busy = True
        await self._watched(self.query(sql.encode(), unbuffered=True))

    async def fetch(self, size: int) -> list[Row]:
        """The next rows of a select that `start` began; none at its end."""
        result = self._result
        rows: list[tuple[Any, ...]] = []
        while len(rows) < size:
            row = await self._watched(result._read_rowdata_packet_unbuffered())  # noqa: SLF001
            if row is None:
                self.busy = False
                break
            rows.append(row)
        return decode(result.fields, rows)

    async def _watched(self, work: Awaitable[Any]) -> Any:
        self._watch.begin(self.options.query_timeout)
        try:
            return await work
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            self._watch.end()

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
        """Whether the server has closed this, without waiting for it.

        The socket itself is asked: after a pause of the whole process the event loop has not
        looked at it yet. Nothing is due on an idle connection, so anything to read is a goodbye.
        """
        return (
            self.closed
            or self._writer.transport.is_closing()
            or self._reader.eof_received
            or bool(self._poll.poll(0))
        )

    async def ping_within(self, seconds: float) -> bool:
        self.busy = True
        try:
            async with asyncio.timeout(seconds):
                await self.ping(reconnect=False)
        except (MySQLError, OSError, AttributeError):
            return False
        self.busy = False
        return True

    def quit(self) -> None:
        """Tell the server, then close; nothing is waited for."""
        if not self.closed:
            with contextlib.suppress(OSError, RuntimeError):
                self._writer.write(b"\x01\x00\x00\x00\x01")  # COM_QUIT, sent at once
            self.abort()

    def close(self) -> None:
        """The driver's own way out. Its `close` waits half a minute for the end of TLS."""
        self.abort()

    def abort(self) -> None:
        """Close at once, without flushing to a peer that may not read."""
        self._watch.close()
        writer, self._writer, self._reader = self._writer, None, None
        if writer is None:
            return
        # Of a loop that has ended nothing can be asked; the socket goes with the last reference.
        if not self.loop.is_closed():
            writer.transport.abort()

    def __del__(self) -> None:
        # The driver's would call into an event loop that may have ended.
        if self._writer is not None:
            warnings.warn(
                f"a connection to {self.options.address} was not closed",
                ResourceWarning,
                stacklevel=2,
            )
            self.abort()
