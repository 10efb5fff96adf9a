"""Golden texts: what is sent for each kind of statement, and what is refused."""
# ruff: noqa: S608 - texts to compare with

import asyncio
import re
from typing import Any

import pytest

from functions.kit.mysql.errors import ProgrammingError, Unsupported
from functions.kit.mysql.translate import _translate, translate
from tests.kit.mysql.recorder import Recorder, sent

NOTHING = "IF(LAST_INSERT_ID(18446744073709551615), `a`, `a`)"


@pytest.mark.parametrize(
    ("sql", "args", "expected"),
    [
        ("SELECT * FROM outbox WHERE id > ?", (5,), "SELECT * FROM `outbox` WHERE `id` > 5"),
        (
            'SELECT "book"."id" AS "n" FROM "book" ORDER BY "book"."id" ASC LIMIT 3 OFFSET 6;',
            (),
            "SELECT `book`.`id` AS `n` FROM `book` ORDER BY `book`.`id` ASC LIMIT 3 OFFSET 6",
        ),
        ("SELECT /*+ NO_BNL(b) */ a FROM t", (), "SELECT /*+ NO_BNL(b) */ `a` FROM `t`"),
        ("SELECT /* not + a hint */ a /*+ X */ FROM t", (), "SELECT `a` FROM `t`"),
        ("SELECT /*+ it's ? */ a FROM t", (), "SELECT `a` FROM `t`"),
        ("SELECT rank, groups FROM key", (), "SELECT `rank`, `groups` FROM `key`"),
        ("SELECT 1 WHERE a == ? AND b != 2", (1,), "SELECT 1 WHERE `a` = 1 AND `b` != 2"),
        ("SELECT 'a' || b || ?", ("c",), "SELECT 'a' || `b` || 'c'"),
        ("SELECT count (*) AS n FROM t", (), "SELECT COUNT(*) AS `n` FROM `t`"),
        ("SELECT length(a) FROM t", (), "SELECT CHAR_LENGTH(`a`) FROM `t`"),
        ("SELECT a IS NULL, b IS NOT NULL", (), "SELECT `a` IS NULL, `b` IS NOT NULL"),
        ("SELECT 1 WHERE a IS ?", (None,), "SELECT 1 WHERE `a` <=> NULL"),
        ("SELECT COALESCE(a, 0) FROM t", (), "SELECT COALESCE(`a`, 0) FROM `t`"),
        (
            "SELECT CASE WHEN a > ? THEN 'x' ELSE 'y' END FROM t",
            (1,),
            "SELECT CASE WHEN `a` > 1 THEN 'x' ELSE 'y' END FROM `t`",
        ),
        (
            "SELECT EXISTS(SELECT 1 FROM t WHERE a IN (?, ?)) AS e",
            (1, "b"),
            "SELECT EXISTS(SELECT 1 FROM `t` WHERE `a` IN (1, 'b')) AS `e`",
        ),
        (
            "SELECT a FROM t WHERE a LIKE ? ESCAPE '\\'",
            ("50!%",),
            "SELECT `a` FROM `t` WHERE `a` LIKE '50!%' ESCAPE '\\'",
        ),
        ("SELECT 'it''s 100%' FROM t", (), "SELECT 'it''s 100%' FROM `t`"),
        (
            "SELECT a FROM t WHERE a OR MATCH (t.b, c) AGAINST (? IN BOOLEAN MODE)",
            ("+x*",),
            "SELECT `a` FROM `t` WHERE `a` OR MATCH (`t`.`b`, `c`) AGAINST ('+x*' IN BOOLEAN MODE)",
        ),
        (
            "SELECT MATCH (a) AGAINST (?) FROM t",
            ("x",),
            "SELECT MATCH (`a`) AGAINST ('x') FROM `t`",
        ),
        (
            "SELECT CAST(a AS TEXT), CAST(b AS INTEGER), CAST(c AS VARCHAR(5)) FROM t",
            (),
            (
                "SELECT CAST(`a` AS CHAR),"
                " CAST(TRUNCATE(CAST(`b` AS DECIMAL(65,30)), 0) AS SIGNED),"
                " CAST(`c` AS CHAR(5)) FROM `t`"
            ),
        ),
        (
            "WITH x (a) AS (SELECT 1) SELECT a FROM x",
            (),
            "WITH `x` (`a`) AS (SELECT 1) SELECT `a` FROM `x`",
        ),
        (
            "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS r FROM t",
            (),
            "SELECT ROW_NUMBER() OVER (PARTITION BY `a` ORDER BY `b`) AS `r` FROM `t`",
        ),
        (
            "UPDATE inventory SET available = available - ? WHERE book_id = ?",
            (1, 2),
            "UPDATE `inventory` SET `available` = `available` - 1 WHERE `book_id` = 2",
        ),
        ("DELETE FROM t WHERE a < ?", (1,), "DELETE FROM `t` WHERE `a` < 1"),
        ("DELETE FROM t", (), "DELETE FROM `t`"),
        (
            "INSERT INTO t (a, b) VALUES (?, 1), (?, NULL)",
            ("x", "y"),
            "INSERT INTO `t` (`a`, `b`) VALUES ('x', 1), ('y', NULL)",
        ),
        ("INSERT INTO t DEFAULT VALUES", (), "INSERT INTO `t` () VALUES ()"),
        (
            "INSERT INTO t (a) SELECT b FROM u WHERE c = ?",
            (1,),
            "INSERT INTO `t` (`a`) SELECT `b` FROM `u` WHERE `c` = 1",
        ),
        (
            "INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO NOTHING",
            (1,),
            f"INSERT INTO `t` (`a`) VALUES (1) ON DUPLICATE KEY UPDATE `a` = {NOTHING}",
        ),
        (
            "INSERT INTO t (a) VALUES (?) ON CONFLICT DO NOTHING",
            (1,),
            f"INSERT INTO `t` (`a`) VALUES (1) ON DUPLICATE KEY UPDATE `a` = {NOTHING}",
        ),
    ],
)
def test_a_statement_is_sent_as(sql: str, args: tuple[Any, ...], expected: str) -> None:
    """Names get backquotes, values become literals, and SQLite's functions MySQL's."""
    assert expected == sent(sql, *args)


REFUSED_BY_ONE = re.compile(
    r'"|\bRETURNING\b|\bAS `new`|\bIF (NOT )?EXISTS\b|\bEXCEPT\b|\bINTERSECT\b|<> ALL|=='
)
"""What MySQL 8 or MariaDB 10.11 does not take."""


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (id, a) VALUES (NULL, ?) RETURNING id, a",
        "INSERT INTO t (id, a) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET a = excluded.a",
        "UPDATE t SET a = ? WHERE b == ? RETURNING a",
        "DELETE FROM t WHERE a = ? AND b = ? RETURNING *",
        'SELECT "a" FROM "t" WHERE "b" == ? AND c IS ?',
    ],
)
def test_only_what_both_servers_take_is_sent(sql: str) -> None:
    """Double quotes, RETURNING, `==` and other syntax that one server lacks never occur."""
    recorder = Recorder(rows=[{"__key": 1}])
    plan = translate(sql)

    asyncio.run(plan.run(recorder, (1,) * sql.count("?"), None))

    assert recorder.sent
    assert [text for text in recorder.sent if REFUSED_BY_ONE.search(text)] == []


UPSERT = (
    "INSERT INTO t (a, n) VALUES (?, ?) ON CONFLICT (a)"
    ' DO UPDATE SET n = n + excluded.n, m = ?, k = COALESCE(t.k, EXCLUDED."n")'
)


def test_an_upsert_on_mysql_names_the_new_row() -> None:
    """`excluded` becomes the alias `new`, and columns without a table get the table's name."""
    expected = (
        "INSERT INTO `t` (`a`, `n`) VALUES (1, 2) AS `new` ON DUPLICATE KEY UPDATE"
        " `n` = `t`.`n` + `new`.`n`, `m` = 3, `k` = COALESCE(`t`.`k`, `new`.`n`)"
    )

    assert expected == sent(UPSERT, 1, 2, 3, row_alias=True)


def test_an_upsert_on_mariadb_uses_values() -> None:
    """`excluded.n` becomes `VALUES(n)`, because MariaDB has no alias for the new row."""
    expected = (
        "INSERT INTO `t` (`a`, `n`) VALUES (1, 2) ON DUPLICATE KEY UPDATE"
        " `n` = `t`.`n` + VALUES(`n`), `m` = 3, `k` = COALESCE(`t`.`k`, VALUES(`n`))"
    )

    assert expected == sent(UPSERT, 1, 2, 3)


def test_update_returning_locks_writes_and_reads() -> None:
    """It selects the keys FOR UPDATE, updates by key, and reads the rows in the keys' order."""
    recorder = Recorder(rows=[{"__key": 4, "n": 1}])
    plan = translate("UPDATE t SET n = n + ? WHERE a = ? RETURNING n")

    asyncio.run(plan.run(recorder, (1, "x"), None))

    assert recorder.sent == [
        "SELECT `id` AS `__key` FROM `t` WHERE `a` = 'x' FOR UPDATE",
        "UPDATE `t` SET `n` = `n` + 1 WHERE `id` IN (4)",
        "SELECT `n` FROM `t` WHERE `id` IN (4) ORDER BY FIELD(`id`, 4)",
    ]


def test_delete_returning_reads_before_it_deletes() -> None:
    """It reads and locks the rows, deletes them by key, and returns them without the key."""
    recorder = Recorder(rows=[{"__key": 4, "n": 1}])
    plan = translate("DELETE FROM t WHERE a = ? RETURNING n")

    outcome = asyncio.run(plan.run(recorder, ("x",), None))

    assert recorder.sent == [
        "SELECT `n`, `id` AS `__key` FROM `t` WHERE `a` = 'x' FOR UPDATE",
        "DELETE FROM `t` WHERE `id` IN (4)",
    ]
    assert outcome.rows == [{"n": 1}]


def test_ids_of_many_rows_are_counted_in_the_servers_steps() -> None:
    """From the first id 7 and an `auto_increment_increment` of 2 follow the ids 7 and 9."""
    plan = translate("INSERT INTO t (id, a) VALUES (NULL, ?), (NULL, ?) RETURNING id")

    outcome = asyncio.run(plan.run(Recorder(), (1, 2), None))

    assert outcome.rows == [{"id": 7}, {"id": 9}]


@pytest.mark.parametrize(
    ("sql", "construct"),
    [
        ("PRAGMA foreign_keys = ON", "PRAGMA"),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW"),
        ("CREATE TABLE t (a MONEY)", "a column of the type MONEY"),
        ("CREATE TABLE t AS SELECT 1", "without a list of columns"),
        ("CREATE TABLE t (a INTEGER COLLATE NOCASE)", "'COLLATE' in the definition"),
        ("CREATE TABLE t (a INTEGER) STRICT", "options after the columns"),
        ("CREATE TABLE t (a INTEGER DEFAULT (random()))", "neither a value nor"),
        ("CREATE INDEX i ON t (a DESC)", "something else than columns"),
        ("DROP VIEW v", "DROP VIEW"),
        ("ALTER TABLE t RENAME CONSTRAINT a TO b", "RENAME CONSTRAINT"),
        ("BEGIN", "engine.transaction"),
        ("REPLACE INTO t (a) VALUES (1)", "REPLACE"),
        ("EXPLAIN SELECT 1", "EXPLAIN"),
        ("", "an empty statement"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT printf('%d', a) FROM t", r"printf\(\)"),
        ("SELECT strftime('%s', a) FROM t", r"strftime\(\) with '%s'"),
        ("SELECT strftime(?, a) FROM t", r"strftime\(\) with a format"),
        ("SELECT strftime('%Y', ?) FROM t", r"strftime\(\) of anything but"),
        ("SELECT strftime('%Y', a, 'start of month') FROM t", "a modifier of a date"),
        ("SELECT group_concat(a) FROM t", r"group_concat\(\)"),
        ("SELECT a FROM t WHERE a GLOB 'x*'", "GLOB"),
        ("SELECT a FROM t WHERE a ILIKE b", "ILIKE with a pattern"),
        ("SELECT a FROM t WHERE a ILIKE ? ESCAPE 'xx'", "one character"),
        ("SELECT a FROM t WHERE a MATCH 'x'", "MATCH as an operator"),
        ("SELECT a FROM t WHERE MATCH (a, 'x')", "MATCH as an operator"),
        ("SELECT MATCH (a) AGAINST ('x' WITH QUERY EXPANSION) FROM t", "this mode of AGAINST"),
        ("SELECT a FROM t ORDER BY a COLLATE NOCASE", "COLLATE"),
        ("SELECT a FROM t ORDER BY a NULLS LAST", "NULLS"),
        ("SELECT a FROM t FOR KEY SHARE", "FOR KEY SHARE"),
        ("SELECT a FROM t FOR UPDATE WAIT 5", "FOR UPDATE ... WAIT 5"),
        ("SELECT a::int FROM t", "a cast with ::"),
        ("SELECT a FROM t EXCEPT SELECT 1", "EXCEPT"),
        ("SELECT a FROM t FULL OUTER JOIN u", "FULL OUTER JOIN"),
        ("SELECT rowid FROM t", "rowid"),
        ("SELECT 1 FROM sqlite_master", "sqlite_master"),
        ("SELECT 1 WHERE a IS NOT ?", "IS NOT"),
        ("SELECT 1 WHERE a IS DISTINCT FROM b", "IS DISTINCT FROM"),
        ("SELECT CAST(a AS NUMERIC) FROM t", "NUMERIC"),
        ("SELECT CAST(a AS JSONB) FROM t", "JSONB"),
        ("SELECT COUNT(*) FILTER (WHERE a) FROM t", "FILTER"),
        ("SELECT ? 'name' FROM t", "a string literal as a name"),
        ("SELECT * FROM (VALUES (1))", "VALUES as a table"),
        ("WITH x AS (SELECT 1) DELETE FROM t", "WITH"),
        ("UPDATE OR IGNORE t SET a = 1", "UPDATE OR"),
        ("UPDATE t AS u SET a = 1", "an alias"),
        ("UPDATE t SET a = b, b = a", "SET reads a"),
        ("UPDATE t SET a = 1 FROM u", "UPDATE ... FROM"),
        ("UPDATE t SET a = 1 ORDER BY a LIMIT 1", "ORDER BY or LIMIT"),
        ("UPDATE t SET a = (SELECT MAX(a) FROM t)", "a subquery on the table"),
        ("UPDATE t SET a = 1 WHERE EXISTS (SELECT 1 FROM u, t)", "a subquery on the table"),
        ("DELETE FROM t WHERE id = (SELECT x.id FROM u, t)", "a subquery on the table"),
        ("DELETE FROM t AS u", "DELETE with an alias"),
        ("INSERT OR IGNORE INTO t (a) VALUES (1)", "INSERT OR"),
        ("INSERT INTO t (a) SELECT 1 ON CONFLICT DO NOTHING", "INSERT ... SELECT"),
        ("INSERT INTO t (a, b) VALUES (1)", "another number of values"),
        (
            "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) WHERE b DO NOTHING",
            "ON CONFLICT ... WHERE",
        ),
        (
            "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2 WHERE b",
            "ON CONFLICT ... WHERE",
        ),
        (
            "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO NOTHING ON CONFLICT (b) DO NOTHING",
            "a second ON CONFLICT",
        ),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT ON CONSTRAINT x DO NOTHING", "CONSTRAINT"),
    ],
)
def test_a_construct_without_translation_is_refused_by_name(sql: str, construct: str) -> None:
    """`translate()` raises `Unsupported` with the construct, without a connection."""
    with pytest.raises(Unsupported, match=construct):
        translate(sql)


def test_a_missing_value_is_noticed_before_anything_is_sent() -> None:
    """`ProgrammingError` has the numbers of placeholders and of values."""
    recorder = Recorder()

    with pytest.raises(ProgrammingError, match="2 placeholders and 1 values"):
        asyncio.run(translate("SELECT ?, ?").run(recorder, (1,), None))
    assert recorder.sent == []


@pytest.mark.parametrize("row", ["(?, ?)", "(null,?)", "(1, ?)", "( ? , NULL )", "(DEFAULT, a)"])
@pytest.mark.parametrize(
    "end",
    [
        "",
        ";",
        " ON CONFLICT (a) DO NOTHING",
        " ON CONFLICT (a) DO UPDATE SET b = excluded.b + ?",
        ' RETURNING "id"',
        " ON CONFLICT (a) DO UPDATE SET b = ? RETURNING id, b + ?",
    ],
)
def test_many_rows_are_sent_as_a_few_are(row: str, end: str) -> None:
    """A long insert is translated by its first row."""
    count = 80
    separator = "," if row == "(null,?)" else ", "
    sql = f'INSERT INTO "t" ("a", "b") VALUES {separator.join([row] * count)}{end}'
    args = [*range(count * row.count("?")), *["e"] * end.count("?")]
    long, short = (Recorder(row_alias=True, rows=[{"id": 1}]) for _ in range(2))

    asyncio.run(translate(sql).run(long, args, "id"))
    asyncio.run(_translate(sql).run(short, args, "id"))

    assert long.sent == short.sent


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (a) VALUES ('" + " VALUES (1)" + ", (1)" * 200 + "')",
        'INSERT INTO t ("a VALUES (1)' + ", (1)" * 200 + '") VALUES (2)',
        "INSERT INTO t (a) /* VALUES (1)" + ", (1)" * 200 + " */ VALUES (2)",
    ],
)
def test_rows_in_a_string_a_name_or_a_comment_are_none(sql: str) -> None:
    """The plan equals the one made without the shortcut for inserts of many rows."""
    assert translate(sql) == _translate(sql)


@pytest.mark.parametrize(("table", "alias"), [("t", "new"), ("new", "new_row")])
def test_the_inserted_row_is_called_otherwise_than_the_table(table: str, alias: str) -> None:
    """Its alias is `new`, or `new_row` if the table itself is called `new`."""
    sql = f'INSERT INTO "{table}" (a, b) VALUES (?, 1) ON CONFLICT (a) DO UPDATE SET b = excluded.b'

    assert sent(sql, 1, row_alias=True) == (
        f"INSERT INTO `{table}` (`a`, `b`) VALUES (1, 1) AS `{alias}`"
        f" ON DUPLICATE KEY UPDATE `b` = `{alias}`.`b`"
    )
