"""Running an INSERT: which numbers the rows got, which rows were there already.

MySQL answers an insert with one number, that of its first row. `inserts.py` makes these plans.
"""
# ruff: noqa: S608 - writing SQL is what this is for; values are literals by now

from collections.abc import Sequence
from typing import Any, NamedTuple

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.literals import literal
from functions.kit.mysql.plans import Outcome, Row, Session, literals_for
from functions.kit.mysql.tokens import quote

WAS_THERE = 2**64 - 1
"""What LAST_INSERT_ID answers for a row that ON CONFLICT DO NOTHING left alone.

With FOUND_ROWS, which makes UPDATE count as on SQLite, the server counts 1 for that row too. An
expression given to LAST_INSERT_ID() in ON DUPLICATE KEY UPDATE is sent in place of the row's
number, as the manual documents; no row can have this one in a signed column."""


class Value(NamedTuple):
    template: str
    placeholders: int
    param: int | None = None
    """Which placeholder it is, where it is one and nothing else."""
    null: bool = False


class ValuesRow(NamedTuple):
    values: tuple[Value, ...]
    first: int
    """Its first placeholder, and the one after its last."""
    end: int

    @property
    def template(self) -> str:
        return f"({', '.join([value.template for value in self.values])})"

    def render(self, literals: Sequence[str]) -> str:
        return self.template % tuple(literals[self.first : self.end])


class ReturnedColumn(NamedTuple):
    column: str
    name: str


class Returning(NamedTuple):
    template: str
    placeholders: int
    columns: tuple[ReturnedColumn, ...]
    """Empty where there is anything but columns in it."""


class DoNothing(NamedTuple):
    column: str


class DoUpdate(NamedTuple):
    target: tuple[str, ...]
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
        literals = literals_for(args, self.placeholders)
        if self.returning is not None:
            if not self.columns:
                raise Unsupported("RETURNING from an INSERT without a list of columns")
            key = (key or await session.primary_key(self.table_name)).lower()
            if self.conflict is None:
                keys = [self._given_key(row, args, key) for row in self.rows]
                if len({given is None for given in keys}) == 1:
                    return await self._insert_all(session, args, literals, key, keys)
        if len(self.rows) > 1 and (
            self.returning is not None or isinstance(self.conflict, DoNothing)
        ):
            outcomes = [
                await self._insert_row(session, args, literals, row, key) for row in self.rows
            ]
            return Outcome(
                [row for outcome in outcomes for row in outcome.rows],
                sum(outcome.rowcount for outcome in outcomes),
                None,
            )
        if len(self.rows) == 1:
            return await self._insert_row(session, args, literals, self.rows[0], key)
        result = await session.run(self._text(session, literals, self.rows))
        # An updated row counts 2 to the server; on SQLite each row was inserted or updated once.
        rowcount = len(self.rows) if self.conflict is not None else result.affected
        return Outcome([], rowcount, None)

    async def _insert_row(
        self,
        session: Session,
        args: Sequence[Any],
        literals: Sequence[str],
        row: ValuesRow,
        key: str | None,
    ) -> Outcome:
        result = await session.run(self._text(session, literals, (row,)))
        if isinstance(self.conflict, DoNothing) and result.insert_id == WAS_THERE:
            return Outcome([], 0, None)
        # What the server sends for an updated row is no number of it.
        lastrowid = None if isinstance(self.conflict, DoUpdate) else result.insert_id or None
        if self.returning is None or key is None:
            return Outcome([], 1, lastrowid)
        if isinstance(self.conflict, DoUpdate):
            condition = " AND ".join(
                f"{quote(column)} = {self._given(row, literals, column)}"
                for column in self.conflict.target
            )
            return Outcome(await self._read(session, literals, condition), 1, None)
        given = self._given_key(row, args, key)
        rows = await self._answer(
            session, args, literals, key, [row], [result.insert_id if given is None else given[0]]
        )
        return Outcome(rows, 1, lastrowid)

    async def _insert_all(
        self,
        session: Session,
        args: Sequence[Any],
        literals: Sequence[str],
        key: str,
        keys: Sequence["tuple[Any] | None"],
    ) -> Outcome:
        """Every row with a number of the server's, or every row with a key of its own."""
        result = await session.run(self._text(session, literals, self.rows))
        if keys[0] is None:
            step = await session.auto_increment_step() if len(keys) > 1 else 1
            values: list[Any] = [result.insert_id + step * index for index in range(len(keys))]
        else:
            values = [given[0] for given in keys if given is not None]
        lastrowid = (result.insert_id or None) if len(keys) == 1 else None
        rows = await self._answer(session, args, literals, key, self.rows, values)
        return Outcome(rows, result.affected, lastrowid)

    async def _answer(
        self,
        session: Session,
        args: Sequence[Any],
        literals: Sequence[str],
        key: str,
        rows: Sequence[ValuesRow],
        values: Sequence[Any],
    ) -> list[Row]:
        returning = self.returning
        if returning is None:
            return []
        if returning.columns and all(column.column == key for column in returning.columns):
            return [{column.name: value for column in returning.columns} for value in values]
        keys = ", ".join([literal(value) for value in values])
        return await self._read(
            session,
            literals,
            f"{quote(key)} IN ({keys}) ORDER BY FIELD({quote(key)}, {keys})",
        )

    async def _read(self, session: Session, literals: Sequence[str], condition: str) -> list[Row]:
        if self.returning is None:
            return []
        first = len(literals) - self.returning.placeholders
        columns = self.returning.template % tuple(literals[first:])
        result = await session.run(f"SELECT {columns} FROM {self.table} WHERE {condition}")
        return result.rows

    def _text(self, session: Session, literals: Sequence[str], rows: Sequence[ValuesRow]) -> str:
        values = ", ".join([row.render(literals) for row in rows])
        text = f"{self.head} VALUES {values}"
        if isinstance(self.conflict, DoNothing):
            column = self.conflict.column
            return (
                f"{text} ON DUPLICATE KEY UPDATE {column} ="
                f" IF(LAST_INSERT_ID({WAS_THERE}), {column}, {column})"
            )
        if isinstance(self.conflict, DoUpdate):
            conflict = self.conflict
            alias = " AS `new`" if session.row_alias else ""
            template = conflict.with_alias if session.row_alias else conflict.with_values
            first = self.rows[-1].end
            values_of_update = tuple(literals[first : first + conflict.placeholders])
            return f"{text}{alias} ON DUPLICATE KEY UPDATE {template % values_of_update}"
        return text

    def _given_key(self, row: ValuesRow, args: Sequence[Any], key: str) -> "tuple[Any] | None":
        """The key that the statement brings, in a tuple; None where the server numbers the row."""
        if key not in self.columns:
            return None
        value = row.values[self.columns.index(key)]
        if value.null or (value.param is not None and args[value.param] is None):
            return None
        if value.param is None:
            raise Unsupported("RETURNING from an INSERT whose key is calculated in SQL")
        return (args[value.param],)

    def _given(self, row: ValuesRow, literals: Sequence[str], column: str) -> str:
        if column not in self.columns:
            raise Unsupported("RETURNING with ON CONFLICT on a column that is not inserted")
        value = row.values[self.columns.index(column)]
        if value.param is None:
            raise Unsupported("RETURNING with ON CONFLICT on a value that is no parameter")
        return literals[value.param]
