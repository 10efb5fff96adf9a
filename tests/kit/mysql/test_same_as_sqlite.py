"""What SQLite and MySQL make something else of: the same here, or refused.

SQLite itself says what is right. Every construct of the README's table "The same as on SQLite" has
its cases, and every case its construct.
"""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from piccolo.querystring import QueryString

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import Unsupported
from tests.servers.mysql import Flavour

ROWS = [
    (1, 7, 2.5, "abc", "Año 1", "2024-02-29 23:59:58"),
    (2, -7, -2.5, "ABC", "a", "1999-12-31 00:00:00"),
    (3, 8, 2.7, "12abc", "", "2030-07-01 12:30:05"),
    (4, 3, 0.125, "5.9", "x%_y", None),
    (5, None, None, None, None, None),
    (6, 9007199254740993, 1e15, "9007199254740993", "A", "2040-01-02 03:04:05"),
]

SAME = {
    "`CAST(x AS INTEGER)`": [
        "SELECT CAST(r AS INTEGER) AS v FROM t ORDER BY id",
        "SELECT CAST(n AS INTEGER) AS v FROM t ORDER BY id",
        "SELECT CAST(s AS INTEGER) AS v FROM t WHERE s LIKE '%9%' ORDER BY id",
        "SELECT CAST(2.7 AS INTEGER) AS v, CAST(-2.7 AS INTEGER) AS w, CAST('3.99' AS BIGINT) AS x",
    ],
    "`ROUND(x)`": [
        "SELECT ROUND(r) AS v, ROUND(r, 2) AS w FROM t ORDER BY id",
        "SELECT ROUND(n) AS v FROM t WHERE n < 100 ORDER BY id",
        "SELECT ROUND(2.5) AS v, ROUND(-2.5) AS w, ROUND(1.5) AS x, ROUND(0.285, 2) AS y",
    ],
    "`AVG(x)`": [
        "SELECT AVG(n) AS v FROM t WHERE n < 100",
        "SELECT AVG(DISTINCT n) AS v FROM t WHERE n IN (7, 8, 3)",
        "SELECT AVG(r) AS v FROM t WHERE id < 5",
        "SELECT id, AVG(n) OVER (ORDER BY id) AS v FROM t WHERE n < 100 ORDER BY id",
    ],
    "`1.5`, a number with a fraction": [
        "SELECT 1.5 AS v, 0.1 + 0.2 AS w, n * 0.1 AS x FROM t WHERE id = 1",
        "SELECT id FROM t WHERE r = 2.5 ORDER BY id",
    ],
    "`x / 2.0`": [
        (
            "SELECT n / 3.0 AS v, 10 / CAST(n AS REAL) AS w, CAST(n AS REAL) / 7 AS x FROM t"
            " WHERE n < 100 ORDER BY id"
        ),
        "SELECT CAST(n / 2.0 AS INTEGER) AS v FROM t WHERE n < 100 ORDER BY id",
    ],
    "`'A' = 'a'`, literals": [
        "SELECT 'A' = 'a' AS v, 'a' = 'a' AS w, INSTR('ABC', 'b') AS x, 'é' = 'e' AS y",
        "SELECT NULLIF('A', 'a') AS v, REPLACE('Aa', 'a', 'b') AS w",
        "SELECT id FROM t WHERE s = 'abc' OR s IN ('aBC') ORDER BY id",
        "SELECT CASE 'A' WHEN 'a' THEN 1 ELSE 2 END AS v",
    ],
    "`SUBSTR(s, 1, 2)`": [
        "SELECT SUBSTR(s, 1, 2) AS v, SUBSTR(s, 2) AS w, SUBSTR(s, 3, 1) AS x FROM t ORDER BY id",
        "SELECT SUBSTR('añ', 2, 5) AS v, SUBSTR('a', 1, -1) AS w",
    ],
    "`ROWS BETWEEN ... AND CURRENT ROW`": [
        (
            "SELECT id, SUM(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
            " AS v FROM t ORDER BY id"
        ),
        (
            "SELECT id, COUNT(n) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS v"
            " FROM t ORDER BY id"
        ),
    ],
    "`WINDOW w AS (...)`": [
        (
            "SELECT id, RANK() OVER w AS v, COUNT(*) OVER (w ROWS 1 PRECEDING) AS c FROM t"
            " WINDOW w AS (ORDER BY n) ORDER BY id"
        ),
    ],
    "`length(x)`": ["SELECT length(name) AS v FROM t ORDER BY id"],
    "`a ILIKE b`, `.ilike()`": [
        *(
            f"SELECT id FROM t WHERE s {{ilike}} '{each}' OR name {{ilike}} '{each}' ORDER BY id"  # noqa: S608
            for each in (
                *("ABC", "%b%", "a_c", "AÑO%", "año _", "%1", "x\\%", "", "%", "_", "%.%"),
                *("%a%b%c%", "%c%b%", "5.9", "[ab]c", "12ABC", "%2a%", "(%", "^a", "%|%", "a%$"),
            )
        ),
        "SELECT id FROM t WHERE name {ilike} 'X!%!_Y' ESCAPE '!' ORDER BY id",
        "SELECT id FROM t WHERE name NOT {ilike} 'a%' ORDER BY id",
    ],
    "`log(x)`": ["SELECT log(100) AS v, log(2, 8) AS w, log(NULL) AS x"],
    "`strftime(format, x)`": [
        "SELECT CAST(strftime('%Y', at) AS INTEGER) AS y, strftime('%m/%d', at) AS d FROM t",
        "SELECT strftime('%H:%M:%S', at) AS v, strftime('%j %w', at) AS w FROM t ORDER BY id",
        "SELECT strftime('%d %H', at, '+2 days', '-3 hours') AS v FROM t ORDER BY id",
    ],
    "`a IS b`": ["SELECT id FROM t WHERE n IS NULL OR s IS 'abc' ORDER BY id"],
}

REFUSED = {
    "`x / y`": ["SELECT n / 3 AS v FROM t", "SELECT 8 / ? AS v", "SELECT (n + 1) / id AS v FROM t"],
    "`~ << >> & |`": [
        *("SELECT ~n AS v FROM t", "SELECT 1 << 2 AS v", "SELECT n >> 1 AS v FROM t"),
        *("SELECT 1 | 2 & 4 AS v", "SELECT n & 1 AS v FROM t"),
    ],
    "`SUBSTR(s, 0, 2)`": [
        *("SELECT SUBSTR(s, 0, 2) AS v FROM t", "SELECT SUBSTR(s, -2) AS v FROM t"),
        *("SELECT SUBSTR(s, ?) AS v FROM t", "SELECT SUBSTR(s, 2, n) AS v FROM t"),
    ],
    "`GROUPS`, `EXCLUDE` in a frame": [
        "SELECT SUM(n) OVER (ORDER BY id GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) AS v FROM t",
        "SELECT SUM(n) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) AS v FROM t",
    ],
}


@pytest.fixture
async def table(engine: MySQLEngine) -> sqlite3.Connection:
    """The same rows in both; answers SQLite."""
    await engine.run_ddl(
        "CREATE TABLE `t` (`id` BIGINT PRIMARY KEY, `n` BIGINT, `r` DOUBLE, `s` VARCHAR(40),"
        " `name` VARCHAR(40), `at` DATETIME(6)) COLLATE utf8mb4_bin"
    )
    sqlite = sqlite3.connect(":memory:")
    sqlite.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT, r REAL, s TEXT, name TEXT, at TEXT)"
    )
    for row in ROWS:
        sqlite.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", row)
        await engine.execute(QueryString("INSERT INTO t VALUES ({}, {}, {}, {}, {}, {})", *row))
    return sqlite


def read_by_sqlite(sqlite: sqlite3.Connection, sql: str) -> list[dict[str, Any]]:
    cursor = sqlite.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def with_types(rows: list[dict[str, Any]]) -> list[list[tuple[str, Any, type]]]:
    return [[(name, value, type(value)) for name, value in row.items()] for row in rows]


@pytest.mark.parametrize("sql", [sql for cases in SAME.values() for sql in cases])
async def test_the_same(engine: MySQLEngine, table: sqlite3.Connection, sql: str) -> None:
    """In value and in type."""
    outcome = await engine.execute(QueryString(sql.replace("{ilike}", "ILIKE")))

    # SQLite's LIKE is what it has for ILIKE.
    expected = read_by_sqlite(table, sql.replace("{ilike}", "LIKE"))
    assert with_types(outcome.rows) == with_types(expected)


async def test_ilike_takes_its_pattern_as_a_value_too(
    engine: MySQLEngine, table: sqlite3.Connection
) -> None:
    """A pattern sent as a value ignores case, of Ñ too; a NULL pattern matches no row."""
    outcome = await engine.execute(
        QueryString("SELECT id FROM t WHERE s ILIKE {} OR name ILIKE {} ORDER BY id", "%B%", "aÑ%")
    )
    none = await engine.execute(QueryString("SELECT id FROM t WHERE s ILIKE {}", None))

    assert [row["id"] for row in outcome.rows] == [1, 2, 3]
    assert none.rows == []


async def test_concat_leaves_nulls_out(engine: MySQLEngine, table: sqlite3.Connection) -> None:
    """As on SQLite, whose newer versions have the function."""
    outcome = await engine.execute(QueryString("SELECT concat(s, name, n) AS v FROM t ORDER BY id"))

    parts = "COALESCE(s, '') || COALESCE(name, '') || COALESCE(n, '')"
    assert outcome.rows == read_by_sqlite(table, f"SELECT {parts} AS v FROM t ORDER BY id")  # noqa: S608


DIFFERS = {
    "`LIKE`, and `.like()`": ("SELECT id FROM t WHERE name LIKE 'A' ORDER BY id", [2, 6], [6]),
    "`LOWER(x)`, `UPPER(x)`": ("SELECT UPPER('añ') AS id FROM t WHERE id = 1", ["Añ"], ["AÑ"]),
    "a space at the end of a text": ("SELECT id FROM t WHERE name = 'A '", [], [6]),
}


@pytest.mark.parametrize("construct", DIFFERS)
async def test_what_differs(engine: MySQLEngine, table: sqlite3.Connection, construct: str) -> None:
    """Told in the table, so that nobody has to find out."""
    sql, on_sqlite, here = DIFFERS[construct]
    outcome = await engine.execute(QueryString(sql))

    assert [row["id"] for row in read_by_sqlite(table, sql)] == on_sqlite
    assert [row["id"] for row in outcome.rows] == here


async def test_a_native_json_column_sorts_its_keys_on_mysql(
    engine: MySQLEngine, flavour: Flavour
) -> None:
    """`create_table()` makes a LONGTEXT, which keeps the text."""
    await engine.run_ddl("CREATE TABLE j (native JSON, kept LONGTEXT)")
    text = '{"bb": 1, "a":  2}'
    await engine.execute(QueryString("INSERT INTO j VALUES ({}, {})", text, text))
    (row,) = (await engine.execute(QueryString("SELECT native, kept FROM j"))).rows

    assert row["kept"] == text
    assert row["native"] == ('{"a": 2, "bb": 1}' if flavour == "mysql" else text)


@pytest.mark.parametrize("sql", [sql for cases in REFUSED.values() for sql in cases])
async def test_refused(engine: MySQLEngine, sql: str) -> None:
    """Constructs that MySQL would compute otherwise than SQLite raise `Unsupported`."""
    with pytest.raises(Unsupported):
        await engine.execute(QueryString(sql.replace("?", "{}"), *[1] * sql.count("?")))


def test_the_readme_has_every_construct() -> None:
    """Its table has the constructs of the cases, each as same, refused or differs, and two more."""
    readme = Path(__file__).parents[3] / "functions/kit/mysql/README.md"
    table = readme.read_text("utf-8").partition("## The same as on SQLite")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (same|refused|differs)\b", table, re.MULTILINE)
    told = {(construct.replace("\\|", "|"), word) for construct, word in rows}

    assert told == {
        *((construct, "same") for construct in SAME),
        *((construct, "refused") for construct in REFUSED),
        *((construct, "differs") for construct in DIFFERS),
        ("a native `JSON` column", "differs"),
        ("more digits than a `DECIMAL(p, s)` has", "refused"),
    }
