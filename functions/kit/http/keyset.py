"""The order of a list that is read page by page in the order of an index.

Its cursors name it, so that one of another order or list is refused.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.http.pagination import decode_cursor, encode_cursor

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class KeysetOrder(NamedTuple):
    """By a column and then by id, both in one direction; `column` may be the id itself."""

    name: str
    """In the cursors: the value of `sort`, with what else tells the list from others."""
    column: str
    descending: bool
    kind: type[int] | type[str] | type[datetime] = int
    """Of the column's values."""
    id_column: str = "id"

    @classmethod
    def of(
        cls, sort: str, columns: Mapping[str, tuple[str, type[Any]]], id_column: str = "id"
    ) -> "KeysetOrder":
        """The order of a value of `sort`, in which a minus means descending.

        `columns` has column and kind by the value without the minus.
        """
        column, kind = columns[sort.removeprefix("-")]
        return cls(sort, column, sort.startswith("-"), kind, id_column)

    @property
    def columns(self) -> tuple[str, ...]:
        """Each once, in their order."""
        return tuple(dict.fromkeys((self.column, self.id_column)))

    @property
    def sql(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        return ", ".join(f"{column} {direction}" for column in self.columns)

    def cursor(self, row: Mapping[str, Any]) -> str:
        """The cursor of a row, whose members are named as the columns, without their table."""
        row_id = row[_member(self.id_column)]
        if self.column == self.id_column:
            return encode_cursor(self.name, row_id)
        key = row[_member(self.column)]
        if isinstance(key, datetime):
            key = (key - _EPOCH) // _MICROSECOND
        return encode_cursor(self.name, key, row_id)

    def beyond(self, cursor: str) -> QueryString:
        """The condition that a row comes after the one of the cursor.

        Raises `InvalidInput` for a cursor of another order or list.
        """
        sign = "<" if self.descending else ">"
        if self.column == self.id_column:
            name, row_id = decode_cursor(cursor, str, int)
            self._check(name)
            return QueryString(f"{self.id_column} {sign} {{}}", row_id)
        name, key, row_id = decode_cursor(cursor, str, str if self.kind is str else int, int)
        self._check(name)
        value: object = key
        if self.kind is datetime:
            try:
                value = _EPOCH + key * _MICROSECOND
            except OverflowError as error:
                raise _refused(
                    Text("no es un cursor de esta lista", "is not a cursor of this list")
                ) from error
        # The first comparison, which the second implies, is a range of the index everywhere.
        return QueryString(
            f"{self.column} {sign}= {{}} AND ({self.column} {sign} {{}}"
            f" OR ({self.column} = {{}} AND {self.id_column} {sign} {{}}))",
            value,
            value,
            value,
            row_id,
        )

    def _check(self, name: str) -> None:
        if name != self.name:
            raise _refused(
                Text(
                    f"es un cursor de una lista ordenada por {name[:20]}",
                    f"is a cursor of a list that is sorted by {name[:20]}",
                )
            )


def _member(column: str) -> str:
    return column.rpartition(".")[2]


def _refused(message: Text) -> InvalidInput:
    return InvalidInput(listed([("after", message)]), errors=[FieldError("after", message)])
