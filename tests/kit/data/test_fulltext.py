"""A full-text index: what is printed for it, and that it follows the table that it is made on."""

from typing import Any

import pytest
from piccolo.querystring import QueryString

from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.data.fulltext import AddFullTextIndex, any_prefix
from functions.kit.data.migrations import Migration, migrate
from functions.kit.data.schema import AUTO_ID, TEXT, Column, CreateTable
from tests.servers.mysql import Server, private_server

INDEX = AddFullTextIndex("ft_texts", "texts", "words")
TABLE = CreateTable("texts", [Column("id", AUTO_ID), Column("words", TEXT)])


def test_an_index_for_mysql() -> None:
    """One statement, so that a kill leaves all of it or nothing."""
    assert INDEX.statements("mysql") == ["CREATE FULLTEXT INDEX `ft_texts` ON `texts` (`words`)"]


def test_an_index_for_sqlite() -> None:
    """A table of its own, triggers that keep it, and what is there already."""
    gone = (
        'INSERT INTO "ft_texts" ("ft_texts", rowid, "words")'
        """ VALUES ('delete', old."id", old."words");"""
    )
    come = 'INSERT INTO "ft_texts" (rowid, "words") VALUES (new."id", new."words");'

    options = """tokenize="ascii tokenchars '_'", detail='none', columnsize=0"""
    table = f'fts5("words", content="texts", content_rowid="id", {options})'
    changed = 'AFTER UPDATE OF "id", "words" ON "texts"'

    assert INDEX.statements("sqlite") == [
        f'CREATE VIRTUAL TABLE "ft_texts" USING {table}',
        f'CREATE TRIGGER "ft_texts_insert" AFTER INSERT ON "texts" BEGIN {come} END',
        f'CREATE TRIGGER "ft_texts_update" {changed} BEGIN {gone} {come} END',
        f'CREATE TRIGGER "ft_texts_delete" AFTER DELETE ON "texts" BEGIN {gone} END',
        """INSERT INTO "ft_texts" ("ft_texts") VALUES ('rebuild')""",
    ]


@pytest.fixture
async def indexed(empty_database: Database) -> Database:
    """Made on a table that holds a text already."""
    await migrate(empty_database, [Migration(1, "texts", [TABLE])])
    await write(empty_database, "INSERT INTO texts (words) VALUES ({})", "__the __1984 __c_0017")
    await migrate(empty_database, [Migration(1, "texts", [TABLE]), Migration(2, "index", [INDEX])])
    return empty_database


async def write(database: Database, template: str, *args: Any) -> None:
    await database.execute(QueryString(template, *args))


async def found(database: Database, *prefixes: str) -> list[int]:
    sql, value = any_prefix(database, "ft_texts", key="t.id", column="t.words", prefixes=prefixes)
    outcome = await database.execute(
        QueryString(f"SELECT t.id FROM texts t WHERE {sql} ORDER BY t.id", value)  # noqa: S608
    )
    return [row["id"] for row in outcome.rows]


async def test_words_are_found_by_their_beginning(indexed: Database) -> None:
    """Stop words behind a mark, short ones and numbers too; any of several prefixes will do."""
    await write(indexed, "INSERT INTO texts (words) VALUES ({})", "__theory harry 1984")

    asked: dict[tuple[str, ...], list[int]] = {
        ("__the",): [1, 2],
        ("__theo",): [2],
        ("__19",): [1],
        ("__c_00",): [1],
        ("the",): [],
        ("_the",): [],
        ("__t", "__c"): [1, 2],
        ("__x", "harr"): [2],
        ("__x", "1984"): [2],
        ("or", "__none"): [],
    }

    assert asked == {prefixes: await found(indexed, *prefixes) for prefixes in asked}


async def test_the_index_follows_its_table(indexed: Database) -> None:
    """Through inserts, updates, deletes and what is rolled back."""
    await write(indexed, "INSERT INTO texts (words) VALUES ({}), ({})", "__one", "__two")
    assert (await found(indexed, "__one"), await found(indexed, "__two")) == ([2], [3])

    await write(indexed, "UPDATE texts SET words = {} WHERE id = 2", "__three")
    assert (await found(indexed, "__one"), await found(indexed, "__t")) == ([], [1, 2, 3])

    await write(indexed, "DELETE FROM texts WHERE id = 3")
    assert await found(indexed, "__two") == []

    async def give_up() -> None:
        async with indexed.transaction():
            await write(indexed, "UPDATE texts SET words = {}", "__four")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await give_up()
    assert (await found(indexed, "__four"), await found(indexed, "__three")) == ([], [2])

    if (
        indexed.backend == "sqlite"
    ):  # compares every word with the texts; an error where one differs
        await indexed.run_ddl("INSERT INTO ft_texts (ft_texts, rank) VALUES ('integrity-check', 1)")


@pytest.mark.parametrize("prefix", ["", "a b", "a*", '"', "-a", "é", "A", "OR"])
async def test_what_might_be_an_operator_is_refused(empty_database: Database, prefix: str) -> None:
    """`any_prefix` raises `ValueError` for a prefix that could be search syntax."""
    with pytest.raises(ValueError, match="ASCII letters, digits and _ only"):
        any_prefix(empty_database, "i", key="id", column="a", prefixes=[prefix])


async def test_it_is_the_same_after_a_crash() -> None:
    """InnoDB keeps the newest words in memory, and reads their texts again."""
    with private_server("--innodb-flush-log-at-trx-commit=1", must_be_private=True) as server:
        database = connect(server.create_database("crashed"))
        await migrate(database, [Migration(1, "texts", [TABLE, INDEX])])
        await write(database, "INSERT INTO texts (words) VALUES ({})", "__the __newest")
        server.kill()
        server.start()

        assert (await found(database, "__the"), await found(database, "__new")) == ([1], [1])
        await database.close()


async def test_it_is_the_same_after_a_dump_is_loaded(mysql_server: Server) -> None:
    """A dump makes the index with the server's stop words, as the migration did."""
    database = connect(mysql_server.create_database("bookstore_loaded"))
    await migrate(database, [Migration(1, "texts", [TABLE, INDEX])])
    name = "bookstore_loaded.texts"
    ((_, created),) = mysql_server.run(f"SHOW CREATE TABLE {name}")
    mysql_server.run(f"DROP TABLE {name}")
    mysql_server.run(str(created).replace("`texts`", name, 1))
    await write(database, "INSERT INTO texts (words) VALUES ({})", "__the __of __a __1 the")

    assert [await found(database, each) for each in ("__the", "__of", "__a", "__1", "the")] == [
        *[[1]] * 4,
        [],
    ]
    await database.close()
