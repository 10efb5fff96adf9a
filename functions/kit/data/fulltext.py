"""A full-text index for words by their beginning: InnoDB's on MySQL, FTS5 on SQLite.

The two cut texts into words in ways of their own, and neither can be told everything. They agree
where a text is words of small ASCII letters, digits and underscores with spaces between, each of
3 to 84 characters and none a stop word. To write such a text is up to whoever has the index.
(InnoDB's stop words can be switched off while an index is made, but a dump that is loaded
elsewhere makes it again, with them.)

The index is a migration's operation, like those in `schema.py`; `any_prefix` asks it.
"""
# ruff: noqa: S608 - names are the migrations' own; values are placeholders

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from functions.kit.data.database import Database
from functions.kit.data.schema import AddIndex, Backend, Index

_WORD = re.compile("[a-z0-9_]+")


@dataclass(frozen=True)
class AddFullTextIndex:
    """An index on a text column of a table whose key is `id`.

    InnoDB rebuilds the table for its first one: reads go on meanwhile, writes wait. On SQLite it
    is a table of its own that holds no texts, only the words of the other's; triggers keep it, so
    it follows every write, whoever makes it.
    """

    name: str
    table: str
    column: str

    def statements(self, backend: Backend) -> list[str]:
        name, table, column = self.name, self.table, self.column
        if backend == "mysql":
            return [f"CREATE FULLTEXT INDEX `{name}` ON `{table}` (`{column}`)"]
        tokens = "tokenize=\"ascii tokenchars '_'\""
        options = f"content_rowid=\"id\", {tokens}, detail='none', columnsize=0"
        add = f'INSERT INTO "{name}" (rowid, "{column}") VALUES (new."id", new."{column}")'
        # FTS5 takes a text out again by being told what it was.
        remove = (
            f'INSERT INTO "{name}" ("{name}", rowid, "{column}")'
            f' VALUES (\'delete\', old."id", old."{column}")'
        )
        changed = f'UPDATE OF "id", "{column}" ON "{table}"'
        return [
            f'CREATE VIRTUAL TABLE "{name}" USING fts5("{column}", content="{table}", {options})',
            f'CREATE TRIGGER "{name}_insert" AFTER INSERT ON "{table}" BEGIN {add}; END',
            f'CREATE TRIGGER "{name}_update" AFTER {changed} BEGIN {remove}; {add}; END',
            f'CREATE TRIGGER "{name}_delete" AFTER DELETE ON "{table}" BEGIN {remove}; END',
            f'INSERT INTO "{name}" ("{name}") VALUES (\'rebuild\')',
        ]

    async def probe(self, database: Database) -> bool:
        return await AddIndex(self.table, Index(self.name, (self.column,))).probe(database)


class Condition(NamedTuple):
    """A condition of a WHERE; its placeholder is `{}`."""

    sql: str
    value: str


def any_prefix(
    database: Database, index: str, *, key: str, column: str, beginnings: Sequence[str]
) -> Condition:
    """That some word of the column begins with one of these.

    `key` and `column` are named as the query names them. Raises `ValueError` for a beginning that
    is made of anything else: it might be an operator.
    """
    for beginning in beginnings:
        if not _WORD.fullmatch(beginning):
            raise ValueError("a full-text index is asked for ASCII letters, digits and _ only")
    if database.backend == "mysql":
        asked = " ".join(f"{beginning}*" for beginning in beginnings)
        return Condition(f"MATCH ({column}) AGAINST ({{}} IN BOOLEAN MODE)", f"+({asked})")
    asked = " OR ".join(f'"{beginning}" *' for beginning in beginnings)
    return Condition(
        f'{key} IN (SELECT rowid FROM "{index}" WHERE "{index}" MATCH {{}})',
        asked,
    )
