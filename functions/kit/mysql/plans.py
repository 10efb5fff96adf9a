"""What to send for a statement, and how to answer as SQLite would.

Most statements are one text. RETURNING, which MySQL does not have, becomes a read before or after
the write; that is `RewritePlan`, and `inserts.py` for inserts. `translate.py` makes plans,
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
    """What a statement did, in SQLite's terms.

    `rowcount` is the number of rows read, or matched by a write, changed or not. `lastrowid` is
    the number that AUTO_INCREMENT gave to an insert of one row.
    """

    rows: list[Row]
    rowcount: int
    lastrowid: int | None


class Result(NamedTuple):
    """What the server answered to one text."""

    rows: list[Row]
    affected: int
    insert_id: int
    warnings: int = 0
    """How many warnings and notes SHOW WARNINGS has about it."""


class Key(NamedTuple):
    """A table's primary key of one column, as the server has it."""

    column: str
    auto_increment: bool
    text: bool
    """Whether it compares as text: then a number is no literal for it."""


class Session(Protocol):
    """A connection, as far as a plan needs it."""

    @property
    def row_alias(self) -> bool:
        """Whether INSERT ... AS new is understood (MySQL from 8.0.20; not MariaDB)."""

    @property
    def is_mariadb(self) -> bool: ...

    async def run(self, sql: str) -> Result: ...

    async def primary_key(self, table: str) -> Key:
        """The table's primary key. Raises `Unsupported` where it has not exactly one column."""

    async def auto_increment_step(self) -> int:
        """How far apart the numbers of one insert are (Galera and the like count in steps)."""


class Plan(Protocol):
    """A translated statement. Plans are shared between tasks: they keep no state."""

    @property
    def needs_transaction(self) -> bool:
        """Whether it takes several statements that must hold together."""

    async def run(self, session: Session, args: Sequence[Any], key: str | None) -> Outcome:
        """`key` is the primary key's column where the caller knows it."""


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
    """A piece of a statement and how many placeholders it holds."""

    template: str
    placeholders: int


def _exact(key: Any) -> str:
    """A literal that finds the row again, and no other one."""
    if isinstance(key, (bool, float)):
        raise Unsupported("RETURNING on a table whose primary key is a TINYINT(1) or a float")
    return literal(key)


class LockingPlan(NamedTuple):
    """A select whose rows stay locked until the transaction ends."""

    select: TextPlan
    mysql: str
    mariadb: str | None
    """None where MariaDB has no such lock."""
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
    """Values that are written into the statement otherwise than as literals."""

    first: int
    """The placeholder that they are written in place of; those after it stay empty."""
    width: int
    render: Callable[[Sequence[Any], bool], str]
    """Takes the values and whether the server is a MariaDB; answers MySQL's text."""


class ConvertedPlan(NamedTuple):
    """A plan some of whose values are converted first. `conversions.py` finds them."""

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
    """A write whose decimals are kept whole, or that is not done.

    The server rounds a DECIMAL that has more digits than its column, even in strict mode, and
    leaves a note. It is looked for after the write, which is rolled back then.
    """

    plan: "Plan"
    needs_transaction: bool = True

    async def run(self, session: Session, args: Sequence[Any], key: str | None = None) -> Outcome:
        return await self.plan.run(_Exact(session), args, key)


def exact(plan: "Plan", args: Sequence[Any]) -> "Plan":
    """The plan for these values: a write of a Decimal is looked after."""
    if Decimal in map(type, args) and not selects(plan):
        return ExactPlan(plan)
    return plan


def selects(plan: "Plan") -> bool:
    if isinstance(plan, ConvertedPlan):
        plan = plan.plan
    return isinstance(plan, LockingPlan) or (isinstance(plan, TextPlan) and plan.selects)


class _Exact:
    """A session that refuses what the server has rounded."""

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
"""WARN_DATA_TRUNCATED; for anything but digits of a number it is an error, in strict mode."""


class Runner(Protocol):
    """A connection, as far as DDL needs it."""

    async def __call__(self, sql: str) -> Result: ...


class DDLPlan(NamedTuple):
    """A statement that commits by itself; `ddl.py` makes it."""

    execute: Callable[[Runner], Awaitable[list[Row]]]
    """Sends one text or more, and answers rows."""
    needs_transaction: bool = False

    async def run(self, session: Session, args: Sequence[Any], key: str | None = None) -> Outcome:
        raise TransactionError("DDL commits, so it cannot run inside a transaction")


_KEY = "__key"
"""The key's name in a result, next to what RETURNING asks for."""


class RewritePlan(NamedTuple):
    """UPDATE or DELETE ... RETURNING: lock the rows, write them by key, read them.

    The rows are locked before they are written, so what is read is what was written.
    """

    table: str
    """As it is written in MySQL's text."""
    table_name: str
    assignments: Clause | None
    """None for a DELETE."""
    assigned: tuple[str, ...]
    where: Clause
    """With its WHERE; empty where there is none."""
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
