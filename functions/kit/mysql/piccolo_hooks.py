"""Replaces three methods of Piccolo that treat this engine as SQLite, for tables of this engine.

Piccolo prints SQLite's dialect for this engine (`engine.py`). For that dialect `lock_rows()`
raises, `ilike()` prints LIKE, and `alter().set_length()` does nothing, all before the engine is
called. For tables that are bound to this engine, the first two print SQL that `translate.py`
translates, and the third raises `Unsupported`. Tables of other engines are not affected.
"""

from collections.abc import Sequence
from functools import wraps
from typing import Any

from piccolo.columns.base import Column
from piccolo.columns.combination import Where
from piccolo.columns.operators.comparison import ILike
from piccolo.query.methods.alter import Alter
from piccolo.query.methods.select import Select
from piccolo.querystring import QueryString

from functions.kit.mysql.errors import Unsupported

_INSTALLED = "_mysql_engine_hooks"


def install() -> None:
    """Replace the three methods, once per process."""
    if hasattr(Select, _INSTALLED):
        return
    setattr(Select, _INSTALLED, True)
    printed: Any = vars(Select)["default_querystrings"]
    setattr(Select, "default_querystrings", property(_querystrings(printed.fget)))  # noqa: B010
    setattr(Column, "ilike", _ilike(Column.ilike))  # noqa: B010
    setattr(Alter, "set_length", _set_length(Alter.set_length))  # noqa: B010


def _is_ours(table: Any) -> bool:
    return getattr(table._meta._db, "backend", None) == "mysql"  # noqa: SLF001 - Piccolo's way in


def _querystrings(original: Any) -> Any:
    @wraps(original)
    def querystrings(self: Any) -> Sequence[QueryString]:
        delegate = self.lock_rows_delegate
        locks = delegate._lock_rows  # noqa: SLF001
        if locks is None or not _is_ours(self.table):
            return original(self)  # type: ignore[no-any-return]
        delegate._lock_rows = None  # noqa: SLF001
        try:
            (select,) = original(self)
        finally:
            delegate._lock_rows = locks  # noqa: SLF001
        return [QueryString("{}{}", select, locks.querystring)]

    return querystrings


def _ilike(original: Any) -> Any:
    @wraps(original)
    def ilike(self: Any, value: str) -> Where:
        if not _is_ours(self._meta.table):
            return original(self, value)  # type: ignore[no-any-return]
        return Where(column=self, value=value, operator=ILike)

    return ilike


def _set_length(original: Any) -> Any:
    @wraps(original)
    def set_length(self: Any, column: Any, length: int) -> Alter:
        if not _is_ours(self.table):
            return original(self, column, length)  # type: ignore[no-any-return]
        raise Unsupported(
            "alter().set_length() (write ALTER TABLE ... MODIFY with the whole definition of the"
            " column, and give it to run_ddl)"
        )

    return set_length
