"""Every error that this package raises, so that nobody has to catch the driver's.

The driver's own error is chained (`raise ... from`). No message here holds a value or a password:
they end up in logs. What the server's error numbers become is in `failures.py`.

    DatabaseError
    ├── InvalidOptions            a URL or an option that cannot be used (also a ValueError)
    ├── Unsupported               a construct that has no translation; the message names it
    ├── TransactionError          a transaction used after its end, or nested where it must not be
    ├── ProgrammingError          the server does not understand the statement
    ├── DataError                 a value that does not fit its column
    ├── IntegrityError            a constraint said no
    │   └── DuplicateKey          a unique key did; `.key` names it
    └── OperationalError          everything else that the server answers
        ├── Deadlock              the server chose this transaction as the victim
        ├── LockTimeout           a row stayed locked for too long
        ├── LockNotAcquired       an advisory lock was not to be had in time
        └── Unavailable           the database is out of reach just now
            ├── CannotConnect     nobody there, or no answer in time
            │   ├── AccessDenied
            │   ├── UnknownDatabase
            │   ├── TooManyConnections
            │   └── TLSRefused    TLS was asked for, and is not what the server gave
            ├── ConnectionLost    the server or the network hung up
            │   ├── QueryTimeout  no answer in time; the statement was killed
            │   └── CommitUnknown it happened during COMMIT: it may have been applied
            └── PoolTimeout       every connection of the pool stayed in use

None subclasses RuntimeError: Piccolo's `run_sync` takes that for a missing event loop, and runs
the query a second time.
"""

from piccolo.engine.exceptions import TransactionError as PiccoloTransactionError


class DatabaseError(Exception):
    """The root. `code` is the server's error number where there is one."""

    code: int | None

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class InvalidOptions(DatabaseError, ValueError):
    """A URL or an option that cannot be used."""


class Unsupported(DatabaseError):
    """A construct that has no translation to MySQL, or none that means the same."""


class TransactionError(DatabaseError, PiccoloTransactionError):
    """A transaction that was used after its end, or nested where it must not be."""


class ProgrammingError(DatabaseError):
    """The server does not understand the statement, or knows no such table or column."""


class DataError(DatabaseError):
    """A value that does not fit its column, or that SQL cannot hold."""


class IntegrityError(DatabaseError):
    """A constraint refused the row."""


class DuplicateKey(IntegrityError):
    """A unique key refused the row; `key` is its name as the server tells it."""

    def __init__(self, message: str, *, code: int | None = None, key: str | None = None) -> None:
        super().__init__(message, code=code)
        self.key = key


class OperationalError(DatabaseError):
    """Something went wrong on the server's side."""


class Deadlock(OperationalError):
    """This transaction was rolled back to let another go on; run it again."""


class LockTimeout(OperationalError):
    """A row stayed locked for longer than the server waits; run the transaction again."""


class LockNotAcquired(OperationalError):
    """Another connection held the advisory lock for the whole wait."""


class Unavailable(OperationalError):
    """The database is out of reach just now; the same call may succeed later."""


class CannotConnect(Unavailable):
    """No connection could be made."""


class AccessDenied(CannotConnect):
    """The server refused the user or the password."""


class UnknownDatabase(CannotConnect):
    """The server has no such database, or hides it from this user."""


class TooManyConnections(CannotConnect):
    """The server has as many connections as it takes."""


class TLSRefused(CannotConnect):
    """TLS was asked for, and the server does not offer it or cannot prove who it is."""


class ConnectionLost(Unavailable):
    """The connection ended while it was in use."""


class QueryTimeout(ConnectionLost):
    """The server did not answer in time; the statement was killed."""


class CommitUnknown(ConnectionLost):
    """The connection ended during COMMIT: nobody here can tell whether it was applied."""


class PoolTimeout(Unavailable):
    """Every connection of the pool stayed in use for the whole wait."""
