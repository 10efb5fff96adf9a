"""The rows of the original in a private SQLite file without a name.

SQLite unlinks it as soon as it is made, so a killed process leaves nothing of it. It lies in
`SQLITE_TMPDIR`, else in `TMPDIR`, else in /var/tmp or /tmp.

Integers and texts are stored as they are. An amount has two columns: `NAME`, the text that MySQL
shows, and `NAME_stored`, the value as it is stored, NULL where it was read from a dump.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

from functions.adoption.domain.users import key_of
from functions.adoption.errors import AdoptionError
from functions.adoption.original.schema import TABLES, Found, Table

_INDEXES = (
    "CREATE INDEX ix_payment ON main_payment (purchase_id, id)",
    "CREATE INDEX ix_assignment ON main_delivery_assignment (purchase_id, id)",
    "CREATE INDEX ix_user ON auth_user (email_key, id)",
)

Value = int | float | str | None
Row = Sequence[Value]


class Origin(NamedTuple):
    """What CREATE TABLE said about a table."""

    next_id: int
    unknown: tuple[str, ...]


class Staging:
    """Fill it by `add`, then `finish`; from then on it is only read."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -32768")
        self._connection.create_function("email_key", 1, key_of, deterministic=True)
        self.origins: dict[str, Origin] = {}
        self.digest = ""
        for table in TABLES:
            columns = ", ".join(staged_columns(table))
            self._connection.execute(
                f"CREATE TABLE {table.staged} (id INTEGER PRIMARY KEY, {columns})"
            )

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator[Self]:
        staging = cls()
        try:
            yield staging
        finally:
            staging.close()

    def describe(self, table: Table, found: Found) -> None:
        self.origins[table.label] = Origin(found.next_id, found.unknown)

    def add(self, table: Table, rows: Iterable[Row]) -> None:
        """Rows of `id`, then `staged_columns`.

        Raises `sqlite3.IntegrityError` for an id twice, and `AdoptionError` where there is no room.
        """
        places = ", ".join("?" * (1 + len(staged_columns(table))))
        with _room():
            self._connection.execute("BEGIN")
            self._connection.executemany(
                f"INSERT INTO {table.staged} VALUES ({places})",  # noqa: S608 - our names
                rows,
            )
            self._connection.execute("COMMIT")

    def finish(self) -> None:
        """Raises `AdoptionError` where there is no room."""
        with _room():
            self._connection.execute("ALTER TABLE auth_user ADD COLUMN email_key")
            self.set_email_keys()
            for index in _INDEXES:
                self._connection.execute(index)
        self.digest = self._digest()

    def set_email_keys(self, text: Callable[[str | None], str | None] = lambda text: text) -> None:
        """Fill `email_key`, by which rows of one account are found, from addresses as `text` has
        them."""
        self._connection.create_function("address", 1, text, deterministic=True)
        with _room():
            self._connection.execute("UPDATE auth_user SET email_key = email_key(address(email))")

    def _digest(self) -> str:
        """Of every row as a client of the original reads it, from a dump or from its databases."""
        digest = hashlib.sha256()
        for table in TABLES:
            columns = ", ".join(["id", *[name for name in table.columns if name != "id"]])
            digest.update(table.label.encode())
            query = f"SELECT {columns} FROM {table.staged} ORDER BY id"  # noqa: S608 - our names
            for row in self.select(query):
                digest.update(repr(row).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def select(self, sql: str, *values: Value) -> Iterator[tuple[Any, ...]]:
        with _room():  # large results are sorted on disk
            yield from self._connection.cursor().execute(sql, values)

    def count(self, table: Table) -> int:
        ((number,),) = self.select(f"SELECT COUNT(*) FROM {table.staged}")  # noqa: S608
        return int(number)

    def next_id(self, table: Table) -> int:
        """The id that the original would give next, or one more than its highest."""
        query = f"SELECT COALESCE(MAX(id), 0) FROM {table.staged}"  # noqa: S608 - our names
        ((highest,),) = self.select(query)
        return max(self.origins[table.label].next_id, int(highest) + 1)

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise AdoptionError(
            f"Las filas del original no caben en el directorio temporal ({error}). Indique otro en"
            " TMPDIR.",
            f"The rows of the original cannot be staged in the temporary folder ({error}). Name"
            " another one in TMPDIR.",
        ) from error


def staged_columns(table: Table) -> list[str]:
    """The columns after `id`."""
    names: list[str] = []
    for name, kind in table.columns.items():
        if name != "id":
            names += [name, f"{name}_stored"] if kind == "amount" else [name]
    return names
