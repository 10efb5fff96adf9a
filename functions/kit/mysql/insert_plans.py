"""Runs an INSERT, and determines the generated ids and which rows existed already.

MySQL returns one id for an insert, that of its first row. `inserts.py` creates these plans.
"""
# ruff: noqa: S608 - writing SQL is what this is for; values are literals by now

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.literals import literal
from functions.kit.mysql.plans import Key, Outcome, Result, Row, Session, literals_for
from functions.kit.mysql.tokens import quote

EXISTING_ROW_ID = 2**64 - 1
"""The insert id of a row that ON CONFLICT DO NOTHING did not insert.

With FOUND_ROWS, which makes UPDATE count as on SQLite, the server counts such a row as 1 too. As
the manual documents, the argument of LAST_INSERT_ID() in ON DUPLICATE KEY UPDATE is returned
instead of the row's id. No row can have this id in a signed column."""


class Value(NamedTuple):
    template: str
    placeholders: int
    param: int | None = None
    """The index of its placeholder in the row; None if it is not a single placeholder."""
    null: bool = False


class ValuesRow(NamedTuple):
    values: tuple[Value, ...]
    first: int
    """The index of its first placeholder; `end` is the one after its last."""
    end: int

    @property
    def template(self) -> str:
        return f"({', '.join([value.template for value in self.values])})"

    def render(self, literals: Sequence[str]) -> str:
        return self.template % tuple(literals[self.first : self.end])

    def repeated(self, count: int) -> "tuple[ValuesRow, ...]":
        """The row `count` times, each with the next placeholders."""
        width = self.end - self.first
        if not width:
            return (self,) * count
        firsts = range(self.first, self.first + count * width, width)
        return tuple([ValuesRow(self.values, first, first + width) for first in firsts])


class ReturnedColumn(NamedTuple):
    column: str
    name: str


class Returning(NamedTuple):
    template: str
    placeholders: int
    columns: tuple[ReturnedColumn, ...]
    """Empty if RETURNING has other expressions than columns."""

    def names_only(self, column: str) -> bool:
        return all(each.column == column for each in self.columns)


class DoNothing(NamedTuple):
    column: str


class DoUpdate(NamedTuple):
    alias: str
    target: tuple[str, ...]
    changed: frozenset[str]
    """Columns that the update may change."""
    with_alias: str
    with_values: str
    placeholders: int


class InsertPlan(NamedTuple):
    table: str
    table_name: str
    columns: tuple[str, ...]
    head: str
    rows: tuple[ValuesRow, ...]
    placeholders: int
    conflict: DoNothing | DoUpdate | None
    returning: Returning | None

    @property
    def needs_transaction(self) -> bool:
        if len(self.rows) > 1:
            return self.returning is not None or isinstance(self.conflict, DoNothing)
        return self.returning is not None and (
            self.conflict is not None or len(self.returning.columns) != 1
        )

    async def run(self, session: Session, args: Sequence[Any], key: str | None = None) -> Outcome:
        del key  # the primary key is read from the server, with more than its name
        literals = await _literals(args, self.placeholders)
        if self.returning is not None:
            return await self._run_returning(session, args, literals)
        if len(self.rows) > 1 and isinstance(self.conflict, DoNothing):
            outcomes = [await self._insert_row(session, literals, row) for row in self.rows]
            return Outcome([], sum(outcome.rowcount for outcome in outcomes), None)
        if len(self.rows) == 1:
            return await self._insert_row(session, literals, self.rows[0])
        result = await session.run(await self._long_text(session, literals))
        # An updated row counts 2 to the server; on SQLite each row was inserted or updated once.
        rowcount = len(self.rows) if self.conflict is not None else result.affected
        return Outcome([], rowcount, None)

    async def _insert_row(
        self, session: Session, literals: Sequence[str], row: ValuesRow
    ) -> Outcome:
        result = await session.run(self._text(session, literals, (row,)))
        if isinstance(self.conflict, DoNothing) and result.insert_id == EXISTING_ROW_ID:
            return Outcome([], 0, None)
        # For an updated row the server returns an id that is not the row's.
        lastrowid = None if isinstance(self.conflict, DoUpdate) else result.insert_id or None
        return Outcome([], 1, lastrowid)

    async def _run_returning(
        self, session: Session, args: Sequence[Any], literals: Sequence[str]
    ) -> Outcome:
        if not self.columns:
            raise Unsupported("RETURNING from an INSERT without a list of columns")
        key = await session.primary_key(self.table_name)
        given = [self._given_key(row, args, key) for row in self.rows]
        if None in given and not key.auto_increment:
            raise Unsupported(
                "RETURNING from an INSERT whose key the server makes by something else than"
                " AUTO_INCREMENT (make the key before)"
            )
        if self.conflict is None and len({each is None for each in given}) == 1:
            return await self._insert_all(session, literals, key, given)
        rows: list[Row] = []
        count = 0
        lastrowid = None
        for row, row_key in zip(self.rows, given, strict=True):
            if isinstance(self.conflict, DoUpdate):
                found = await self._upsert(session, literals, key, self.conflict, row, row_key)
            else:
                text = self._text(session, literals, (row,))
                result = await session.run(text)
                if self.conflict is not None and result.insert_id == EXISTING_ROW_ID:
                    continue
                lastrowid = result.insert_id or None
                found = await self._answer(
                    session, literals, key, [_number(result) if row_key is None else row_key[0]]
                )
            rows += found
            count += 1
        return Outcome(rows, count, lastrowid if len(self.rows) == 1 else None)

    async def _insert_all(
        self,
        session: Session,
        literals: Sequence[str],
        key: Key,
        given: Sequence["tuple[Any] | None"],
    ) -> Outcome:
        """Insert the rows; the server generates every key, or every row brings its own."""
        result = await session.run(await self._long_text(session, literals))
        if given[0] is None:
            step = await session.auto_increment_step() if len(given) > 1 else 1
            first = _number(result)
            values: list[Any] = [first + step * index for index in range(len(given))]
        else:
            values = [each[0] for each in given if each is not None]
        lastrowid = (result.insert_id or None) if len(given) == 1 else None
        rows = await self._answer(session, literals, key, values)
        return Outcome(rows, result.affected, lastrowid)

    async def _upsert(
        self,
        session: Session,
        literals: Sequence[str],
        key: Key,
        conflict: DoUpdate,
        row: ValuesRow,
        given: "tuple[Any] | None",
    ) -> list[Row]:
        """Insert or update one row, and determine its key.

        LAST_INSERT_ID returns the generated key of an existing row. If the key is not generated, an
        existing row is selected and locked first; afterwards it could not be found by its columns,
        because the update may have changed them.
        """
        if key.column.lower() in conflict.changed:
            raise Unsupported("RETURNING from an upsert that changes the primary key")
        if given is None:
            result = await session.run(self._text(session, literals, (row,), numbered_by=key))
            return await self._answer(session, literals, key, [_number(result)])
        target = self._target(conflict, row, literals)
        name = quote(key.column)
        there = await session.run(
            f"SELECT {name} AS {quote(_KEY)} FROM {self.table} WHERE {target} FOR UPDATE"
        )
        await session.run(self._text(session, literals, (row,)))
        value = there.rows[0][_KEY] if there.rows else given[0]
        return await self._answer(session, literals, key, [value])

    async def _answer(
        self, session: Session, literals: Sequence[str], key: Key, values: Sequence[Any]
    ) -> list[Row]:
        """The RETURNING expressions of the rows with these keys, in this order."""
        returning = self.returning
        if returning is None:
            return []
        name = key.column.lower()
        sent_as_kept = not key.text or all(type(value) is str for value in values)
        if sent_as_kept and returning.columns and returning.names_only(name):
            return [{column.name: value for column in returning.columns} for value in values]
        keys = ", ".join([_key_literal(key, value) for value in values])
        first = len(literals) - returning.placeholders
        columns = returning.template % tuple(literals[first:])
        column = quote(key.column)
        result = await session.run(
            f"SELECT {columns} FROM {self.table} WHERE {column} IN ({keys})"
            f" ORDER BY FIELD({column}, {keys})"
        )
        if len(result.rows) != len(values):
            raise Unsupported("RETURNING, since the server keeps a row under another key than sent")
        return result.rows

    def _text(
        self,
        session: Session,
        literals: Sequence[str],
        rows: Sequence[ValuesRow],
        *,
        numbered_by: Key | None = None,
    ) -> str:
        values = ", ".join([row.render(literals) for row in rows])
        return self._written(session, literals, values, numbered_by)

    async def _long_text(self, session: Session, literals: Sequence[str]) -> str:
        """The text for all rows; other tasks may run between parts of it."""
        parts = []
        for start in range(0, len(self.rows), _ROWS_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            parts += [row.render(literals) for row in self.rows[start : start + _ROWS_AT_ONCE]]
        return self._written(session, literals, ", ".join(parts), None)

    def _written(
        self,
        session: Session,
        literals: Sequence[str],
        values: str,
        numbered_by: Key | None,
    ) -> str:
        text = f"{self.head} VALUES {values}"
        if isinstance(self.conflict, DoNothing):
            column = self.conflict.column
            return (
                f"{text} ON DUPLICATE KEY UPDATE {column} ="
                f" IF(LAST_INSERT_ID({EXISTING_ROW_ID}), {column}, {column})"
            )
        if isinstance(self.conflict, DoUpdate):
            conflict = self.conflict
            alias = f" AS {quote(conflict.alias)}" if session.row_alias else ""
            template = conflict.with_alias if session.row_alias else conflict.with_values
            # The placeholders of SET follow those of the rows.
            end = self.rows[-1].end
            values_of_update = tuple(literals[end : end + conflict.placeholders])
            number = ""
            if numbered_by is not None:
                column = quote(numbered_by.column)
                number = f"{column} = LAST_INSERT_ID({self.table}.{column}), "
            return f"{text}{alias} ON DUPLICATE KEY UPDATE {number}{template % values_of_update}"
        return text

    def _given_key(self, row: ValuesRow, args: Sequence[Any], key: Key) -> "tuple[Any] | None":
        """The key in the statement, in a tuple; None if the server generates it."""
        name = key.column.lower()
        if name not in self.columns:
            return None
        value = row.values[self.columns.index(name)]
        if value.null:
            return None
        if value.param is None:
            raise Unsupported("RETURNING from an INSERT whose key is calculated in SQL")
        given = args[row.first + value.param]
        return None if given is None else (given,)

    def _target(self, conflict: DoUpdate, row: ValuesRow, literals: Sequence[str]) -> str:
        """A condition for the row that conflicts in the target's columns; a NULL never does."""
        if not conflict.target:
            raise Unsupported("RETURNING with ON CONFLICT that names no column")
        return " AND ".join(
            f"{quote(column)} = {self._given(row, literals, column)}" for column in conflict.target
        )

    def _given(self, row: ValuesRow, literals: Sequence[str], column: str) -> str:
        if column not in self.columns:
            raise Unsupported("RETURNING with ON CONFLICT on a column that is not inserted")
        value = row.values[self.columns.index(column)]
        if value.null:
            return "NULL"
        if value.param is None:
            raise Unsupported("RETURNING with ON CONFLICT on a value that is no parameter")
        return literals[row.first + value.param]


async def _literals(args: Sequence[Any], placeholders: int) -> Sequence[str]:
    """Like `literals_for`, but other tasks may run between parts of it."""
    if len(args) <= _VALUES_AT_ONCE or len(args) != placeholders:
        return literals_for(args, placeholders)
    written: list[str] = []
    for start in range(0, len(args), _VALUES_AT_ONCE):
        if start:
            await asyncio.sleep(0)
        written += [literal(value) for value in args[start : start + _VALUES_AT_ONCE]]
    return written


_VALUES_AT_ONCE, _ROWS_AT_ONCE = 4096, 512
"""How many are written before other tasks may run; this takes some milliseconds."""

_KEY = "__key"


def _number(result: Result) -> int:
    if not result.insert_id:
        raise Unsupported("RETURNING, since the server gave the row no number")
    return result.insert_id


def _key_literal(key: Key, value: Any) -> str:
    """Numbers as text for a text key: MySQL compares them as numbers, so '5 apples' equals 5."""
    if key.text and isinstance(value, (int, float, Decimal)):
        return literal(str(int(value) if isinstance(value, bool) else value))
    return literal(value)
