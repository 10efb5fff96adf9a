"""A full-text index for prefix searches: InnoDB's on MySQL, FTS5 on SQLite.

The two tokenize differently, and neither can be configured to match the other. They agree on texts
whose words consist of lowercase ASCII letters, digits and underscores, are 3 to 84 characters long,
are separated by spaces, and are not stop words. The caller must index and search only such texts.
(InnoDB's stop words can be switched off when an index is created, but loading a dump creates it
again with the server's stop words.)

`AddFullTextIndex` is a migration operation, like those in `schema.py`; `any_prefix` searches it.
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

    For a table's first full-text index InnoDB rebuilds the table; meanwhile reads continue and
    writes wait. On SQLite the index is an FTS5 table with external content, which stores words and
    no texts; triggers update it with every write.
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
        # FTS5's 'delete' command needs the old text.
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
    """A WHERE condition with one placeholder, `{}`, and its value."""

    sql: str
    value: str


def any_prefix(
    database: Database, index: str, *, key: str, column: str, prefixes: Sequence[str]
) -> Condition:
    """A condition that some word of the column begins with one of the prefixes.

    `key` and `column` are SQL expressions of the query. Raises `ValueError` for a prefix with any
    other character than lowercase ASCII letters, digits and `_`: it might be an operator.
    """
    for prefix in prefixes:
        if not _WORD.fullmatch(prefix):
            raise ValueError("a prefix may have lowercase ASCII letters, digits and _ only")
    if database.backend == "mysql":
        terms = " ".join(f"{prefix}*" for prefix in prefixes)
        return Condition(f"MATCH ({column}) AGAINST ({{}} IN BOOLEAN MODE)", f"+({terms})")
    terms = " OR ".join(f'"{prefix}" *' for prefix in prefixes)
    return Condition(
        f'{key} IN (SELECT rowid FROM "{index}" WHERE "{index}" MATCH {{}})',
        terms,
    )
