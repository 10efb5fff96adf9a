"""The errors of this package; callers need not catch the driver's.

The driver's error is chained (`raise ... from`). No message contains a value or a password, because
messages are logged. `failures.py` maps the server's error numbers to these errors.

    DatabaseError
    ├── InvalidOptions            an invalid URL or option (also a ValueError)
    ├── Unsupported               a construct without a translation; the message names it
    ├── TransactionError          a transaction used after its end, or nested where it must not be
    ├── ProgrammingError          the server does not understand the statement
    ├── DataError                 a value that does not fit its column
    ├── IntegrityError            a constraint rejected the row
    │   └── DuplicateKey          a unique key did; `.key` is its name
    └── OperationalError          every other error of the server or the connection
        ├── Deadlock              the server rolled this transaction back
        ├── LockTimeout           a row stayed locked for too long
        ├── LockNotAcquired       another connection held the advisory lock
        └── Unavailable           the database cannot be reached at the moment
            ├── CannotConnect     no server, or no answer in time
            │   ├── AccessDenied
            │   ├── UnknownDatabase
            │   ├── TooManyConnections
            │   └── TLSRefused    TLS was requested and could not be established
            ├── ConnectionLost    the connection was closed while in use
            │   ├── QueryTimeout  no answer in time; the statement was killed
            │   └── CommitUnknown lost during COMMIT, which may have been applied
            └── PoolTimeout       every connection of the pool stayed in use

None is a subclass of RuntimeError, which Piccolo's `run_sync` treats as a missing event loop: it
would run the query a second time.
"""

from piccolo.engine.exceptions import TransactionError as PiccoloTransactionError


class DatabaseError(Exception):
    """The base class. `code` is the server's error number, or None."""

    code: int | None

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class InvalidOptions(DatabaseError, ValueError):
    """A URL or an option that cannot be used."""


class Unsupported(DatabaseError):
    """A construct without an equivalent in MySQL."""


class TransactionError(DatabaseError, PiccoloTransactionError):
    """A transaction that was used after its end, or nested where it must not be."""


class ProgrammingError(DatabaseError):
    """The server rejects the statement: its syntax, or an unknown table or column."""


class DataError(DatabaseError):
    """A value that does not fit its column, or that SQL cannot hold."""


class IntegrityError(DatabaseError):
    """A constraint rejected the row."""


class DuplicateKey(IntegrityError):
    """A unique key rejected the row; `key` is its name as the server reports it."""

    def __init__(self, message: str, *, code: int | None = None, key: str | None = None) -> None:
        super().__init__(message, code=code)
        self.key = key


class OperationalError(DatabaseError):
    """Any other error of the server, or of the connection to it."""


class Deadlock(OperationalError):
    """The server rolled this transaction back, so that another can continue; run it again."""


class LockTimeout(OperationalError):
    """A row stayed locked for longer than the server waits; run the transaction again."""


class LockNotAcquired(OperationalError):
    """Another connection held the advisory lock for the whole wait."""


class Unavailable(OperationalError):
    """The database cannot be reached at the moment; the same call may succeed later."""


class CannotConnect(Unavailable):
    """No connection could be made."""


class AccessDenied(CannotConnect):
    """The server refused the user or the password."""


class UnknownDatabase(CannotConnect):
    """The server has no such database, or hides it from this user."""


class TooManyConnections(CannotConnect):
    """The server has reached its maximum number of connections."""


class TLSRefused(CannotConnect):
    """TLS was requested, but the server does not offer it or has no valid certificate."""


class ConnectionLost(Unavailable):
    """The connection ended while it was in use."""


class QueryTimeout(ConnectionLost):
    """The server did not answer in time; the statement was killed."""


class CommitUnknown(ConnectionLost):
    """The connection ended during COMMIT: it is unknown whether it was applied."""


class PoolTimeout(Unavailable):
    """Every connection of the pool stayed in use for the whole wait."""
