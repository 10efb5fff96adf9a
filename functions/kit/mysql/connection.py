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
from functions.kit.mysql.results import Answers, Garbage, Inbox, Shape
from functions.kit.mysql.watch import Watch

if TYPE_CHECKING:
    import ssl

_FAILURES = (MySQLError, OSError, Garbage)
"""How a statement fails, or its connection does."""

_LONGEST_COMMAND = 2**24 - 2
"""Bytes that one packet takes beside the command's number."""


def _advice(reason: BaseException) -> str:
    """What to do about a certificate that is refused for its form, as Python 3.13 begins to."""
    told = getattr(reason, "verify_message", "")
    if not any(part in told.lower() for part in ("key identifier", "key usage", "constraints")):
        return ""
    return (
        " (Python 3.13 and newer want certificates by RFC 5280; those that MySQL makes by itself"
        " are not: give the server others, made with an authority key identifier, or use"
        " ssl=required, which encrypts and proves nothing)"
    )


_CLOCK_STEP = 2.0
"""Seconds: an uptime is told in whole ones, and its answer takes a moment."""


class ServerRun(NamedTuple):
    """A server between its start and its end; numbers of connections count in it alone."""

    server: str
    started_at: float
    """On this process's clock."""

    def is_same(self, other: "ServerRun") -> bool:
        return self.server == other.server and abs(self.started_at - other.started_at) < _CLOCK_STEP


class Connection(DriverConnection):  # type: ignore[misc]  # the driver has no types
    """A session on the server. `run()` is all that the rest of the package needs of it."""

    # The driver's, for which it declares no types.
    _reader: Any = None
    _writer: Any = None
    _inbox: Inbox
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
        """Whether a statement was sent and not answered: then nobody else may use this."""
        self._watch = Watch(self)
        self.opened_at = 0.0
        self.released_at = 0.0
        self.row_alias = False
        self.is_mariadb = False
        self.server: ServerRun | None = None
        """The run of a server that gave this connection its number."""
        self._keys = keys
        """Primary keys that were looked up, shared by the connections of a pool."""
        self._step: int | None = None
        self._shape: Shape | None = None
        """Of the rows that `fetch` takes."""
        self._poll = select.poll()

    async def open(self) -> None:
        """Connect and set the session up. Raises a `CannotConnect`; leaves no socket behind."""
        options = self.options
        try:
            async with asyncio.timeout(options.connect_timeout):
                await self._connect()
                # All that the driver's stream was needed for has been read.
                self._inbox = Inbox(self._writer.transport)
                self._writer.transport.set_protocol(self._inbox)
                self._answers = Answers(self._inbox, self.server_status)
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
        except (ValueError, LookupError, AssertionError, struct.error, Garbage) as error:
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
        """Which server this is; None where it does not say, as some proxies do not."""
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
        except BaseException:  # a cancellation: nobody else knows this connection yet
            self.abort()
            raise

    async def _get_server_information(self) -> None:
        await super()._get_server_information()
        self.answered.set()

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
                return TLSRefused(f"no TLS with {self.options.address}: {reason}{_advice(reason)}")
            reason = reason.__cause__
        if isinstance(error, MySQLError) and error.args and error.args[0] not in (2003, 2013):
            return connect_failure(error)
        return CannotConnect(f"no connection to {self.options.address}")

    @property
    def in_transaction(self) -> bool:
        """As the server said with its last answer; with an error it says nothing."""
        return bool(self._answers.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    def run(self, sql: str) -> Coroutine[Any, Any, Result]:
        return self.run_within(self.options.query_timeout, sql)

    async def run_within(self, seconds: float | None, sql: str) -> Result:
        """Send one statement and read its answer whole; None waits for as long as it takes.

        On a timeout, a cancellation or a lost connection the session stays `busy`, and whoever
        lent it out throws it away.
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
            self._watch.end()
        self.busy = False
        return result

    def _begin(self, command: int, sql: str, seconds: float | None) -> int:
        """Answers the number of packets that were sent."""
        try:
            payload = sql.encode()
        except UnicodeEncodeError:
            raise DataError("a string holds half a surrogate pair, which is no character") from None
        if self.busy:
            raise ProgrammingError("the connection is in use by another task")
        self.busy = True
        if self._writer is None:
            raise ConnectionLost("the connection is closed")
        self._watch.begin(seconds)
        return self._send(command, payload)

    def _send(self, command: int, payload: bytes) -> int:
        """Send one command; answers the number of its packets."""
        if len(payload) <= _LONGEST_COMMAND:
            header = (len(payload) + 1).to_bytes(4, "little")
            self._writer.write(b"".join((header, command.to_bytes(1, "little"), payload)))
            return 1
        whole = command.to_bytes(1, "little") + payload
        for number, start in enumerate(range(0, len(whole) + 1, _LONGEST_COMMAND + 1)):
            part = whole[start : start + _LONGEST_COMMAND + 1]
            # A last part of no length says that the one before it was the last full one.
            self._writer.write(len(part).to_bytes(3, "little") + bytes([number & 0xFF]) + part)
        return number + 1

    def _failure(self, error: Exception) -> DatabaseError:
        """The driver's error as this package's."""
        if self._watch.expired:
            return QueryTimeout("no answer in time; the statement was given up")
        if isinstance(error, Garbage):
            return ConnectionLost(f"what came is not MySQL's protocol: {error}")
        if not isinstance(error, MySQLError):
            return ConnectionLost("the connection was lost during the statement")
        failure = translate_failure(error)
        # The server goes on after an error of its own, unless it is no longer the one that
        # writes; after the driver's nothing is certain.
        self.busy = isinstance(failure, Unavailable) or failure.code is None or self.closed
        return failure

    async def start(self, sql: str) -> None:
        """Send a select whose rows `fetch` takes; the session is busy until the last of them."""
        sent = self._begin(COMMAND.COM_QUERY, sql, self.options.query_timeout)
        try:
            self._shape, _ = await self._answers.begin(sent)
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            self._watch.end()

    async def fetch(self, size: int) -> list[Row]:
        """The next rows of a select that `start` began; none at its end."""
        if self._shape is None:
            return []
        self._watch.begin(self.options.query_timeout)
        try:
            rows = await self._answers.rows(self._shape, size)
        except DataError:
            self.busy = not self._answers.ended
            raise
        except _FAILURES as error:
            raise self._failure(error) from error
        finally:
            self._watch.end()
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
        """Whether the server has closed this, without waiting for it.

        The socket itself is asked: after a pause of the whole process the event loop has not
        looked at it yet. Nothing is due on an idle connection, so anything to read is a goodbye.
        """
        return (
            self.closed
            or self._writer.transport.is_closing()
            or self._inbox.ended
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
            self._watch.end()
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
