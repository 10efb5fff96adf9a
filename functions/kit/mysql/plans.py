"""Plans: the texts to send for a statement, and their result in SQLite's terms.

Most statements are one text. For RETURNING, which MySQL does not have, a plan reads the rows before
or after the write: `RewritePlan`, and `insert_plans.py` for inserts. `translate.py` creates plans,
`engine.py` runs them.
"""
# ruff: noqa: S608 - writing SQL is what this is for; values are literals by now

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from functions.kit.mysql.errors import (
    DataError,
    ProgrammingError,
    TransactionError,
    Unsupported,
)
from functions.kit.mysql.literals import Fragment, literal
from functions.kit.mysql.tokens import quote

Row = dict[str, Any]


class Outcome(NamedTuple):
    """The result of a statement, in SQLite's terms.

    `rowcount` is the number of rows read, or matched by a write, changed or not. `lastrowid` is
    the number that AUTO_INCREMENT gave to an insert of one row.
    """

    rows: list[Row]
    rowcount: int
    lastrowid: int | None


class Result(NamedTuple):
    """The server's answer to one text."""

    rows: list[Row]
    affected: int
    insert_id: int
    warnings: int = 0
    """The number of warnings and notes that SHOW WARNINGS would list."""


class Key(NamedTuple):
    """A table's primary key of one column, as the server describes it."""

    column: str
    auto_increment: bool
    text: bool
    """Whether it is text. Then its literals must be strings, not numbers."""


class Session(Protocol):
    """The parts of a connection that a plan uses."""

    @property
    def row_alias(self) -> bool:
        """Whether INSERT ... AS new is supported (MySQL from 8.0.20; not MariaDB)."""

    @property
    def is_mariadb(self) -> bool: ...

    async def run(self, sql: str) -> Result: ...

    async def primary_key(self, table: str) -> Key:
        """The table's primary key. Raises `Unsupported` unless it has exactly one column."""

    async def auto_increment_step(self) -> int:
        """The difference between consecutive ids of one insert; more than 1 on Galera."""


class Plan(Protocol):
    """A translated statement. Plans are shared by tasks, so they have no state."""

    @property
    def needs_transaction(self) -> bool:
        """Whether it runs several statements that must be atomic."""

    async def run(self, session: Session, args: Sequence[Any], key: str | None) -> Outcome:
        """Run it. `key` is the name of the primary key's column, if the caller knows it."""


def literals_for(args: Sequence[Any], placeholders: int) -> tuple[str, ...]:
    if len(args) != placeholders:
        raise ProgrammingError(
            f"the statement has {placeholders} placeholders and {len(args)} values"
        )
    return tuple([literal(value) for value in args])


class TextPlan(NamedTuple):
    """One text in, one answer out."""

    template: str
    placeholders: int
    selects: bool = False
    inserts_row: bool = False
    needs_transaction: bool = False

    async def run(self, session: Session, args: Sequence[Any], key: str | None = None) -> Outcome:
        del key
        result = await session.run(self.render(args))
        lastrowid = result.insert_id or None if self.inserts_row else None
        return Outcome(result.rows, result.affected, lastrowid)

    def render(self, args: Sequence[Any]) -> str:
        return self.template % literals_for(args, self.placeholders)


class Clause(NamedTuple):
    """A part of a statement, and the number of its placeholders."""

    template: str
    placeholders: int


def _exact(key: Any) -> str:
    """A literal that matches exactly the row with this key.

    Raises `Unsupported` for a bool or a float, which may match other rows or none.
    """
    if isinstance(key, (bool, float)):
        raise Unsupported("RETURNING on a table whose primary key is a TINYINT(1) or a float")
    return literal(key)


class LockingPlan(NamedTuple):
    """A select whose rows stay locked until the transaction ends."""

    select: TextPlan
    mysql: str
    mariadb: str | None
    """None if MariaDB has no such lock."""
    construct: str
    needs_transaction: bool = False

    async def run(self, session: Session, args: Sequence[Any], key: str | None = None) -> Outcome:
        suffix = self.mariadb if session.is_mariadb else self.mysql
        if suffix is None:
            raise Unsupported(f"{self.construct} on MariaDB")
        return await self.select._replace(template=self.select.template + suffix).run(
            session, args, key
        )


class Conversion(NamedTuple):
    """Values that are not written into the statement as literals, but converted together."""

    first: int
    """The index of the placeholder that gets the text; the other `width - 1` get none."""
    width: int
    render: Callable[[Sequence[Any], bool], str]
    """Returns the text, from the values and whether the server is MariaDB."""


class ConvertedPlan(NamedTuple):
    """A plan with values that are converted before it runs (`conversions.py`)."""

    plan: "Plan"
    conversions: tuple[Conversion, ...]

    @property
    def needs_transaction(self) -> bool:
        return self.plan.needs_transaction

    async def run(self, session: Session, args: Sequence[Any], key: str | None = None) -> Outcome:
        return await self.plan.run(session, self.converted(args, session.is_mariadb), key)

    def converted(self, args: Sequence[Any], is_mariadb: bool) -> list[Any]:
        values = list(args)
        for first, width, render in self.conversions:
            if first + width <= len(args):
                text = render(args[first : first + width], is_mariadb)
                values[first : first + width] = [Fragment(text), *[Fragment("")] * (width - 1)]
        return values


class ExactPlan(NamedTuple):
    """A write that fails if the server would round a Decimal.

    Even in strict mode the server rounds a DECIMAL with more digits than its column has, and adds a
    note. If the write has caused such a note, it is rolled back.
    """

    plan: "Plan"
    needs_transaction: bool = True

    async def run(self, session: Session, args: Sequence[Any], key: str | None = None) -> Outcome:
        return await self.plan.run(_Exact(session), args, key)


def exact(plan: "Plan", args: Sequence[Any]) -> "Plan":
    """The plan for these values: an `ExactPlan` for a write with a Decimal."""
    if Decimal in map(type, args) and not selects(plan):
        return ExactPlan(plan)
    return plan


def selects(plan: "Plan") -> bool:
    if isinstance(plan, ConvertedPlan):
        plan = plan.plan
    return isinstance(plan, LockingPlan) or (isinstance(plan, TextPlan) and plan.selects)


class _Exact:
    """A session that raises `DataError` if the server has rounded a value."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.row_alias = session.row_alias
        self.is_mariadb = session.is_mariadb
        self.primary_key = session.primary_key
        self.auto_increment_step = session.auto_increment_step

    async def run(self, sql: str) -> Result:
        result = await self._session.run(sql)
        if result.warnings:
            warnings = await self._session.run("SHOW WARNINGS")
            if any(row["Code"] == _ROUNDED for row in warnings.rows):
                raise DataError(
                    "a Decimal with more digits after its point than the column holds (round it,"
                    " or give the column more digits); nothing was written"
                )
        return result


_ROUNDED = 1265
"""WARN_DATA_TRUNCATED. In strict mode every other truncation is an error."""


class Runner(Protocol):
    """Runs one text on a connection; all that DDL needs."""

    async def __call__(self, sql: str) -> Result: ...


class DDLPlan(NamedTuple):
    """A DDL statement, which commits; `ddl.py` creates it."""

    execute: Callable[[Runner], Awaitable[list[Row]]]
    """Runs one or more texts. Returns rows, if there are any."""
    needs_transaction: bool = False

    async def run(self, session: Session, args: Sequence[Any], key: str | None = None) -> Outcome:
        raise TransactionError("DDL commits, so it cannot run inside a transaction")


_KEY = "__key"
"""The name of the key's column beside the RETURNING expressions."""


class RewritePlan(NamedTuple):
    """UPDATE or DELETE ... RETURNING: lock the rows, write them by key, read them.

    The rows are locked before they are written, so what is read is what was written.
    """

    table: str
    """Quoted, for MySQL's text."""
    table_name: str
    assignments: Clause | None
    """None for a DELETE."""
    assigned: tuple[str, ...]
    where: Clause
    """With the word WHERE; empty if there is none."""
    returning: Clause
    needs_transaction: bool = True

    async def run(self, session: Session, args: Sequence[Any], key: str | None = None) -> Outcome:
        key = key or (await session.primary_key(self.table_name)).column
        if key.lower() in self.assigned:
            raise Unsupported("RETURNING from an UPDATE that changes the primary key")
        before = self.assignments.placeholders if self.assignments else 0
        literals = literals_for(
            args, before + self.where.placeholders + self.returning.placeholders
        )
        where = self.where.template % literals[before : before + self.where.placeholders]
        returning = self.returning.template % literals[before + self.where.placeholders :]
        columns = f"{quote(key)} AS {quote(_KEY)}"
        if self.assignments is None:
            columns = f"{returning}, {columns}"
        locked = await session.run(f"SELECT {columns} FROM {self.table}{where} FOR UPDATE")
        if not locked.rows:
            return Outcome([], 0, None)
        keys = ", ".join([_exact(row.pop(_KEY)) for row in locked.rows])
        chosen = f" WHERE {quote(key)} IN ({keys})"
        if self.assignments is None:
            await session.run(f"DELETE FROM {self.table}{chosen}")
            return Outcome(locked.rows, len(locked.rows), None)
        assignments = self.assignments.template % literals[:before]
        await session.run(f"UPDATE {self.table} SET {assignments}{chosen}")
        written = await session.run(
            f"SELECT {returning} FROM {self.table}{chosen} ORDER BY FIELD({quote(key)}, {keys})"
        )
        return Outcome(written.rows, len(locked.rows), None)
