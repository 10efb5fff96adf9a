"""Round trips of every column type, the way out through Piccolo and the way back."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from piccolo.columns import (
    JSON,
    BigInt,
    Boolean,
    Bytea,
    Date,
    DoublePrecision,
    Integer,
    Numeric,
    Serial,
    Text,
    Time,
    Timestamptz,
    Varchar,
)
from piccolo.columns.column_types import UUID as PiccoloUUID  # noqa: N811
from piccolo.querystring import QueryString
from piccolo.table import Table

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import DataError

DDL = """
CREATE TABLE `everything` (
    `id` BIGINT AUTO_INCREMENT PRIMARY KEY,
    `small` INT NULL,
    `big` BIGINT NULL,
    `name` VARCHAR(100) NULL,
    `text` MEDIUMTEXT NULL,
    `yes` TINYINT(1) NULL,
    `at` DATETIME(6) NULL,
    `day` DATE NULL,
    `clock` TIME(6) NULL,
    `key` BINARY(16) NULL,
    `price` DECIMAL(20, 4) NULL,
    `whole` DECIMAL(20, 0) NULL,
    `ratio` DOUBLE NULL,
    `data` LONGTEXT NULL,
    `blob` LONGBLOB NULL
) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
"""


class Everything(Table):
    id: Serial
    small = Integer(null=True, default=None)
    big = BigInt(null=True, default=None)
    name = Varchar(length=100, null=True, default=None)
    text = Text(null=True, default=None)
    yes = Boolean(null=True, default=None)
    at = Timestamptz(null=True, default=None)
    day = Date(null=True, default=None)
    clock = Time(null=True, default=None)
    key = PiccoloUUID(null=True, default=None)
    price = Numeric(digits=(20, 4), null=True, default=None)
    whole = Numeric(digits=(20, 0), null=True, default=None)
    ratio = DoublePrecision(null=True, default=None)
    data = JSON(null=True, default=None)
    blob = Bytea(null=True, default=None)


@pytest.fixture(autouse=True)
async def schema(engine: MySQLEngine) -> None:
    await engine.run_ddl(DDL)
    Everything._meta.db = engine


async def round_trip(column: str, value: Any) -> Any:
    row = Everything(**{column: value})
    await row.save()
    (found,) = await Everything.select(column).where(Everything.id == row.id)
    return found[column]


VALUES = [
    ("small", -(2**31)),
    ("big", 2**63 - 1),
    ("name", "it's \\ 100% {} ? \0 \x1a \n 😀 é\U0010ffff"),
    ("name", ""),
    ("name", "trailing  "),
    ("text", "x" * 100_000),
    ("yes", True),
    ("yes", False),
    ("at", datetime(2040, 12, 31, 23, 59, 59, 999999, UTC)),
    ("at", datetime(2025, 3, 30, 2, 30, tzinfo=UTC)),
    ("day", date(2040, 2, 29)),
    ("clock", time(23, 59, 59, 1)),
    ("key", UUID("01234567-89ab-cdef-0123-456789abcdef")),
    ("key", UUID(int=0x5C27_0000_2722_0A0D_1A00_5C5C_2727_0000)),
    ("price", Decimal("1234567890123456.7891")),
    ("whole", Decimal(12345678901234567890)),
    ("ratio", 0.1),
    ("ratio", 1e-300),
    ("data", '{"a": [1, "\\u00e9", null]}'),
    ("blob", b""),
    ("blob", bytes(range(256))),
    ("blob", b"sixteen bytes ok"),
]


@pytest.mark.parametrize(("column", "value"), VALUES)
async def test_a_value_comes_back_as_it_went(column: str, value: Any) -> None:
    """Value and Python type are kept, up to microseconds, 2**63 - 1 and 100,000 characters."""
    found = await round_trip(column, value)

    assert value == found
    assert type(value) is type(found)


@pytest.mark.parametrize("column", sorted({column for column, _ in VALUES}))
async def test_null_comes_back_as_none(column: str) -> None:
    """NULL is not read as 0, an empty text or empty bytes, in any column type."""
    assert await round_trip(column, None) is None


async def test_a_moment_is_kept_in_utc() -> None:
    """A datetime of UTC+2 is read as the same instant with UTC as its `tzinfo`."""
    value = datetime(2040, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))

    found = await round_trip("at", value)

    assert datetime(2039, 12, 31, 23, tzinfo=UTC) == found
    assert UTC is found.tzinfo


async def test_values_are_found_by_what_they_are(engine: MySQLEngine) -> None:
    """A value in a WHERE reads as the column's type, not as a text that looks like it."""
    values = dict(VALUES)
    await Everything(**values).save()  # type: ignore[arg-type]

    for column, value in values.items():
        outcome = await engine.execute(
            QueryString(f'SELECT id FROM everything WHERE "{column}" = {{}}', value)  # noqa: S608
        )

        assert len(outcome.rows) == 1, column


async def test_an_aggregate_keeps_the_type(engine: MySQLEngine) -> None:
    """MAX of a Timestamptz is a datetime in UTC, and SUM of a Numeric is a `Decimal`."""
    await Everything(at=datetime(2040, 1, 1, tzinfo=UTC), price=Decimal("1.5")).save()

    outcome = await engine.execute(
        QueryString("SELECT MAX(at) AS at, SUM(price) AS price FROM everything")
    )

    assert [{"at": datetime(2040, 1, 1, tzinfo=UTC), "price": Decimal("1.5")}] == outcome.rows


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_text_comes_back_as_it_went(engine: MySQLEngine, text: str) -> None:
    """This holds for a value that is sent and for a literal in the SQL text."""
    outcome = await engine.execute(
        QueryString(
            "SELECT {} AS value, '"
            + text.replace("'", "''").replace("{", "{{").replace("}", "}}")
            + "' AS literal",
            text,
        )
    )

    assert [{"value": text, "literal": text}] == outcome.rows


async def test_a_column_that_was_changed_is_read_as_it_is_now(engine: MySQLEngine) -> None:
    """What the server said of it once is remembered, and is not what it says after an ALTER."""
    select = QueryString("SELECT v FROM changing")
    await engine.run_ddl("CREATE TABLE changing (id INT PRIMARY KEY, v TINYINT(1))")
    await engine.run_ddl("INSERT INTO changing VALUES (1, 1)")
    before = [await engine.run_querystring(select) for _ in range(2)]
    await engine.run_ddl("ALTER TABLE changing MODIFY v VARCHAR(5)")
    after = [await engine.run_querystring(select) for _ in range(2)]

    assert before == [[{"v": True}]] * 2
    assert after == [[{"v": "1"}]] * 2


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("DATETIME(6)", "'0000-00-00 00:00:00'"),
        ("DATE", "'2026-00-10'"),
        ("TIME", "'26:00:00'"),
        ("TIME", "'-01:00:00'"),
    ],
)
async def test_what_python_has_no_value_for_is_told_and_the_connection_goes_on(
    engine: MySQLEngine, kind: str, value: str
) -> None:
    """Written by somebody else, whose session lets it."""
    await engine.run_ddl(f"CREATE TABLE `odd` (`id` BIGINT PRIMARY KEY, `v` {kind})")
    connection = await engine.pool.acquire()
    await connection.run("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'")
    await connection.run(f"INSERT INTO `odd` VALUES (1, {value}), (2, NULL)")  # noqa: S608
    engine.pool.release(connection)

    with pytest.raises(DataError, match="CAST"):
        await engine.execute(QueryString("SELECT v FROM odd ORDER BY id"))

    same = await engine.pool.acquire()
    engine.pool.release(same)
    assert same is connection
    (row, _) = (
        await engine.execute(QueryString("SELECT CAST(v AS TEXT) AS v FROM odd ORDER BY id"))
    ).rows
    assert row["v"].startswith(value.strip("'"))
