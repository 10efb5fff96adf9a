"""`create_table()`, `create_db_tables` and what belongs to them, on SQLite and on both servers."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID as PythonUUID  # noqa: N811

import pytest
from piccolo.columns import (
    JSON,
    JSONB,
    UUID,
    Array,
    BigInt,
    BigSerial,
    Boolean,
    Bytea,
    Date,
    DoublePrecision,
    Email,
    ForeignKey,
    Integer,
    Interval,
    Numeric,
    OnDelete,
    OnUpdate,
    Real,
    Serial,
    SmallInt,
    Text,
    Time,
    Timestamp,
    Timestamptz,
    Varchar,
)
from piccolo.columns.defaults.timestamptz import TimestamptzOffset
from piccolo.constraints import Check, Unique
from piccolo.engine.base import Engine
from piccolo.querystring import QueryString
from piccolo.table import Table, create_db_tables, create_table_class, drop_db_tables

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import (
    DuplicateKey,
    IntegrityError,
    ProgrammingError,
    TransactionError,
    Unsupported,
)

NAIVE = dt.datetime(2040, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001 - what a Timestamp holds


class Kind(StrEnum):
    book = "b"


class Publisher(Table, tablename="publisher"):
    id: Serial
    name = Varchar(length=50, unique=True)


class Everything(Table, tablename="everything"):
    key = BigSerial(primary_key=True)
    small = SmallInt(default=1)
    number = Integer(default=2)
    big = BigInt(default=2**40)
    name = Varchar(length=50, default="naïve name", index=True)
    kind = Varchar(length=1, choices=Kind, default=Kind.book)
    mail = Email()
    text = Text(default="a \\ text", index=True)
    at = Timestamp(default=NAIVE)
    moment = Timestamptz(default=dt.datetime(2040, 1, 2, 3, tzinfo=dt.UTC))
    day = Date(default=dt.date(2040, 1, 2))
    clock = Time(default=dt.time(3, 4, 5))
    wait = Interval(default=dt.timedelta(days=-3, microseconds=5))
    data = JSON(default={"b": [1, None], "a": "é"})
    binary = JSONB(default="[]")
    price = Numeric(digits=(20, 4), default=Decimal("1.5"))
    yes = Boolean(default=True)
    blob = Bytea(default=b"\x00'\xff")
    uid = UUID(default=PythonUUID("01234567-89ab-cdef-0123-456789abcdef"))
    ratio = DoublePrecision(default=0.1)
    single = Real(default=1.5)
    none = Integer(null=True, default=None, unique=True)
    publisher = ForeignKey(Publisher, on_delete=OnDelete.restrict, on_update=OnUpdate.no_action)


def bind(engine: Engine[Any], *tables: type[Table]) -> None:
    for table in tables:
        table._meta.db = engine


async def test_a_row_comes_back_as_it_was_written(each_engine: Engine[Any]) -> None:
    """In value and in type, of every column type."""
    bind(each_engine, Publisher, Everything)
    await create_db_tables(Everything, Publisher)
    row = Everything(publisher=None, text='it\'s "quoted" {}')
    await row.save()

    (found,) = await Everything.select()

    expected = {column: getattr(row, column) for column in found}
    assert found == {**expected, "kind": "b"}
    assert {name: type(value) for name, value in found.items()} == {
        **{name: type(value) for name, value in expected.items()},
        "kind": str,
        "wait": dt.timedelta,
    }


async def test_defaults_are_the_databases_too(engine: MySQLEngine) -> None:
    """For a row that somebody else inserts. SQLite keeps what Piccolo prints, quotes and all."""

    class Plain(Table, tablename="plain"):
        id: Serial
        name = Varchar(default="x")
        text = Text(default="y")
        data = JSON(default={"a": 1})
        price = Numeric(digits=(5, 2), default=Decimal("1.50"))
        yes = Boolean(default=True)
        blob = Bytea(default=b"\x00a")
        day = Date(default=dt.date(2040, 2, 2))
        at = Timestamp(default=NAIVE)
        wait = Interval(default=dt.timedelta(seconds=90))
        none = Integer(null=True, default=None)

    bind(engine, Plain)
    await Plain.create_table()
    await engine.run_ddl("INSERT INTO `plain` () VALUES ()")

    (found,) = await Plain.select()

    assert found == {
        "id": 1,
        "name": "x",
        "text": "y",
        "data": '{"a": 1}',
        "price": Decimal("1.50"),
        "yes": True,
        "blob": b"\x00a",
        "day": dt.date(2040, 2, 2),
        "at": NAIVE,
        "wait": dt.timedelta(seconds=90),
        "none": None,
    }


async def test_the_moment_is_a_default_in_utc(engine: MySQLEngine) -> None:
    """An INSERT without values stores the server's time in UTC, plus the default's offset."""

    class Moments(Table, tablename="moments"):
        id: Serial
        at = Timestamptz()
        naive = Timestamp()
        later = Timestamptz(default=TimestamptzOffset(days=1, hours=2))
        day = Date()
        clock = Time()

    bind(engine, Moments)
    await Moments.create_table()
    before = dt.datetime.now(dt.UTC)
    await engine.run_ddl("INSERT INTO `moments` () VALUES ()")

    (found,) = await Moments.select()

    assert before - dt.timedelta(minutes=1) < found["at"]
    assert found["at"].tzinfo is dt.UTC
    assert found["naive"] == found["at"].replace(tzinfo=None)
    assert found["later"] - found["at"] == dt.timedelta(days=1, hours=2)
    assert dt.datetime.combine(found["day"], found["clock"]) == found["naive"]


async def test_a_serial_is_numbered_and_an_integer_key_is_not(each_engine: Engine[Any]) -> None:
    """`Serial` keys count from 1; an `Integer` primary key keeps the client's value."""

    class Given(Table, tablename="given"):
        id = Integer(primary_key=True)

    bind(each_engine, Publisher, Given)
    await create_db_tables(Publisher, Given)
    await Publisher.insert(Publisher(name="a"), Publisher(name="b"))
    await Given.insert(Given(id=7))

    assert await Publisher.select(Publisher.id).order_by(Publisher.id) == [{"id": 1}, {"id": 2}]
    assert await Given.select() == [{"id": 7}]


async def test_a_table_is_made_once_more_only_if_asked_so(each_engine: Engine[Any]) -> None:
    """Its indexes too: MySQL knows no IF NOT EXISTS for them."""
    bind(each_engine, Publisher, Everything)
    await create_db_tables(Publisher, Everything)
    await Publisher.insert(Publisher(name="kept"))
    await create_db_tables(Publisher, Everything, if_not_exists=True)

    with pytest.raises(Exception, match="already exists"):
        await Publisher.create_table()

    assert await Publisher.count() == 1
    assert await Publisher.table_exists()


async def test_tables_are_dropped_in_the_order_of_their_foreign_keys(
    each_engine: Engine[Any],
) -> None:
    """The parent may be given first, and dropping tables that no longer exist succeeds."""
    bind(each_engine, Publisher, Everything)
    await create_db_tables(Publisher, Everything)
    await drop_db_tables(Publisher, Everything)
    await drop_db_tables(Publisher, Everything)

    assert [await each.table_exists() for each in (Publisher, Everything)] == [False, False]


@pytest.mark.parametrize(
    ("on_delete", "left"),
    [(OnDelete.cascade, []), (OnDelete.set_null, [{"publisher": None}]), (OnDelete.restrict, None)],
)
async def test_a_foreign_key_does_what_it_says(
    each_engine: Engine[Any], on_delete: OnDelete, left: list[dict[str, Any]] | None
) -> None:
    """CASCADE deletes the child, SET NULL empties its key, and RESTRICT refuses the delete."""

    class Title(Table, tablename="title"):
        id: Serial
        publisher = ForeignKey(Publisher, on_delete=on_delete)

    bind(each_engine, Publisher, Title)
    await create_db_tables(Publisher, Title)
    await Publisher.insert(Publisher(name="a"))
    await Title.insert(Title(publisher=1))
    if left is None:
        with pytest.raises(Exception, match=r"(?i)foreign key constraint"):
            await Publisher.delete(force=True)
    else:
        await Publisher.delete(force=True)

    with pytest.raises(Exception, match=r"(?i)foreign key constraint"):
        await Title.insert(Title(publisher=99))
    assert await Title.select(Title.publisher) == ([{"publisher": 1}] if left is None else left)


async def test_a_key_of_another_type_is_referred_to(each_engine: Engine[Any]) -> None:
    """Foreign keys to a UUID key and to a unique Varchar are both joined in one select."""

    class Owner(Table, tablename="owner"):
        id = UUID(primary_key=True)
        code = Varchar(length=10, unique=True)

    class Thing(Table, tablename="thing"):
        id: Serial
        owner = ForeignKey(Owner)
        by_code = ForeignKey(Owner, target_column="code")

    bind(each_engine, Owner, Thing)
    await create_db_tables(Owner, Thing)
    owner = Owner(code="x")
    await owner.save()
    await Thing(owner=owner.id, by_code="x").save()

    assert await Thing.select(Thing.owner.code, Thing.by_code.id) == [
        {"owner.code": "x", "by_code.id": owner.id}
    ]


async def test_a_unique_column_refuses_the_second_row(engine: MySQLEngine) -> None:
    """`DuplicateKey.key` is the constraint's name, made from the table and the column."""
    bind(engine, Publisher)
    await Publisher.create_table()
    await Publisher.insert(Publisher(name="a"))

    with pytest.raises(DuplicateKey) as caught:
        await Publisher.insert(Publisher(name="a"))

    assert caught.value.key == "publisher_name_key"


async def test_constraints_of_a_table_are_kept(engine: MySQLEngine) -> None:
    """SQLite cannot add one to a table that is there, which is how Piccolo prints them."""

    class Ticket(Table, tablename="constrained"):
        id: Serial
        row = Integer()
        seat = Integer()
        one_each = Unique([row, seat])
        positive = Check((row > 0) & (seat > 0))

    bind(engine, Ticket)
    await Ticket.create_table()
    await Ticket.insert(Ticket(row=1, seat=1))

    with pytest.raises(DuplicateKey):
        await Ticket.insert(Ticket(row=1, seat=1))
    with pytest.raises(IntegrityError, match="positive"):
        await Ticket.insert(Ticket(row=0, seat=1))


async def test_what_is_no_json_is_refused_by_the_column(engine: MySQLEngine) -> None:
    """Incomplete JSON raises `IntegrityError`; valid JSON keeps its spaces and order of keys."""

    class Document(Table, tablename="document"):
        id: Serial
        data = JSONB()

    bind(engine, Document)
    await Document.create_table()
    await Document.insert(Document(data='{"b": 1,   "a": 2}'))

    with pytest.raises(IntegrityError):
        await Document.insert(Document(data="{"))
    assert await Document.select(Document.data) == [{"data": '{"b": 1,   "a": 2}'}]


async def test_texts_compare_by_code_points(engine: MySQLEngine) -> None:
    """N, n and ñ are distinct for a unique key, and sort in this order."""
    bind(engine, Publisher)
    await Publisher.create_table()
    await Publisher.insert(Publisher(name="ñ"), Publisher(name="n"), Publisher(name="N"))

    assert await Publisher.select(Publisher.name).order_by(Publisher.name).output(as_list=True) == [
        "N",
        "n",
        "ñ",
    ]


async def test_indexes_are_made_listed_and_dropped(each_engine: Engine[Any]) -> None:
    """Also on a Text, of which MySQL indexes the beginning."""
    bind(each_engine, Publisher, Everything)
    await create_db_tables(Publisher, Everything)
    made = await Everything.indexes()
    await Everything.create_index([Everything.day, Everything.text])
    more = await Everything.indexes()
    await Everything.drop_index([Everything.day, Everything.text])
    await Everything.drop_index([Everything.day, Everything.text], if_exists=True)

    assert {"everything_name", "everything_text"} <= set(made)
    assert set(more) - set(made) == {"everything_day_text"}
    assert set(await Everything.indexes()) == set(made)


async def test_columns_are_added_renamed_and_dropped(each_engine: Engine[Any]) -> None:
    """An added column has its default in existing rows, and a rename keeps the values."""
    bind(each_engine, Publisher)
    await Publisher.create_table()
    await Publisher.insert(Publisher(name="a"))
    await Publisher.alter().add_column("city", Varchar(length=20, default="Lima"))
    await Publisher.alter().rename_column("city", "place")
    await Publisher.alter().add_column("gone", Integer(null=True, default=None))
    await Publisher.alter().drop_column("gone")

    assert await Publisher.raw("SELECT * FROM publisher") == [
        {"id": 1, "name": "a", "place": "Lima"}
    ]


async def test_a_table_is_renamed(each_engine: Engine[Any]) -> None:
    """After `rename_table` only the new name exists and can be read."""
    bind(each_engine, Publisher)
    await Publisher.create_table()
    await Publisher.alter().rename_table("house")

    assert not await Publisher.table_exists()
    assert await Publisher.raw("SELECT COUNT(*) AS n FROM house") == [{"n": 0}]


async def test_defaults_and_constraints_are_altered(engine: MySQLEngine) -> None:
    """Dropping an unknown constraint succeeds; without its default the column is required."""
    bind(engine, Publisher)
    await Publisher.create_table()
    await Publisher.alter().set_default(Publisher.name, "b")
    await Publisher.alter().set_unique(Publisher.name, boolean=False)
    await Publisher.alter().add_constraint(Check("name <> 'c'", name="no_c"))
    for _ in range(2):
        await engine.run_ddl("INSERT INTO `publisher` () VALUES ()")
    with pytest.raises(IntegrityError, match="no_c"):
        await Publisher.insert(Publisher(name="c"))
    await Publisher.alter().drop_constraint("no_c")
    await Publisher.alter().drop_constraint("never_there")
    await Publisher.insert(Publisher(name="c"))
    await Publisher.alter().drop_default(Publisher.name)

    with pytest.raises(IntegrityError):
        await engine.run_ddl("INSERT INTO `publisher` () VALUES ()")
    assert await Publisher.select(Publisher.name).output(as_list=True) == ["b", "b", "c"]


async def test_a_foreign_key_is_added_with_its_column(each_engine: Engine[Any]) -> None:
    """After `add_column` a row that refers to an unknown key is refused."""

    class Title(Table, tablename="title"):
        id: Serial
        name = Varchar(length=10)

    bind(each_engine, Publisher, Title)
    await create_db_tables(Publisher, Title)
    await Title.alter().add_column("publisher", ForeignKey(Publisher))

    with pytest.raises(Exception, match=r"(?i)foreign key constraint"):
        await each_engine.run_querystring(
            QueryString("INSERT INTO title (name, publisher) VALUES ('a', 1)")
        )


class WithArray(Table, tablename="refused"):
    values = Array(Integer())


class UniqueText(Table, tablename="refused"):
    text = Text(unique=True)


class TextKey(Table, tablename="refused"):
    text = Text(primary_key=True)


class SetsDefault(Table, tablename="refused"):
    publisher = ForeignKey(Publisher, on_delete=OnDelete.set_default)


class Infinite(Table, tablename="refused"):
    ratio = Real(default=float("inf"))


class NullsNotDistinct(Table, tablename="refused"):
    number = Integer()
    one = Unique([number], nulls_distinct=False)


@pytest.mark.parametrize(
    ("table", "construct"),
    [
        (WithArray, "an Array column"),
        (UniqueText, "a TEXT that is unique"),
        (TextKey, "a TEXT that is a primary key"),
        (SetsDefault, "ON DELETE SET DEFAULT"),
        (Infinite, "a DEFAULT of infinity"),
        (NullsNotDistinct, "NULLS NOT DISTINCT"),
    ],
)
async def test_what_mysql_has_no_column_for_is_refused_by_name(
    engine: MySQLEngine, table: type[Table], construct: str
) -> None:
    """`create_table()` raises `Unsupported` with the column type, default or constraint."""
    bind(engine, table, Publisher)

    with pytest.raises(Unsupported, match=construct):
        await table.create_table()


@pytest.mark.parametrize(
    ("alteration", "construct"),
    [
        (lambda: Publisher.alter().set_null(Publisher.name), "ALTER COLUMN"),
        (lambda: Publisher.alter().set_length(Publisher.name, 9), r"set_length\(\)"),
        (
            lambda: Publisher.alter().set_column_type(Publisher.name, Text()),
            "ALTER COLUMN",
        ),
        (lambda: Publisher.alter().drop_table(cascade=True), "CASCADE"),
        (lambda: Publisher.alter().set_schema("other"), "ALTER TABLE ... SET"),
    ],
)
async def test_what_needs_the_whole_definition_is_refused_by_name(
    engine: MySQLEngine, alteration: Any, construct: str
) -> None:
    """Piccolo would skip `set_length` silently, and say that it was done."""
    bind(engine, Publisher)

    with pytest.raises(Unsupported, match=construct):
        await alteration()


async def test_ddl_is_refused_inside_a_transaction(engine: MySQLEngine) -> None:
    """It would commit what came before."""
    bind(engine, Publisher)
    await Publisher.create_table()
    async with engine.transaction() as transaction:
        await Publisher.insert(Publisher(name="a"))
        with pytest.raises(TransactionError, match="DDL commits"):
            await Publisher.alter().drop_table()
        with pytest.raises(TransactionError, match="DDL commits"):
            await Publisher.raw("DROP TABLE publisher")
        await transaction.rollback()
    atomic = engine.atomic()
    atomic.add(Publisher.insert(Publisher(name="a")), Publisher.alter().drop_table())
    with pytest.raises(TransactionError, match="DDL commits"):
        await atomic

    assert await Publisher.count() == 0


async def test_a_column_declared_anew_is_read_anew(engine: MySQLEngine) -> None:
    """What a table was made with here counts more than what another class says of its name."""
    for declared, kind in ((Timestamp(), None), (Timestamptz(), dt.UTC)):
        table = create_table_class("Again", (Table,), {"tablename": "again"}, {"at": declared})
        bind(engine, table)
        await table.create_table()
        await table.insert(table())
        (found,) = await table.select(table.at)  # type: ignore[attr-defined]
        await table.alter().drop_table()

        assert found["at"].tzinfo is kind


async def test_the_servers_own_complaint_is_told(engine: MySQLEngine) -> None:
    """A foreign key to a missing table raises `ProgrammingError` with the server's message."""

    class Title(Table, tablename="title"):
        publisher = ForeignKey(Publisher)

    bind(engine, Publisher, Title)

    with pytest.raises(ProgrammingError, match=r"referenced table|Can't create table"):
        await Title.create_table()
