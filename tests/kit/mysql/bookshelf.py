"""Two tables with rows: one numbered by the server, one with keys of the client's."""

from piccolo.columns import BigInt, Serial, Varchar
from piccolo.columns.column_types import UUID as PiccoloUUID  # noqa: N811
from piccolo.querystring import QueryString
from piccolo.table import Table

from functions.kit.mysql import MySQLEngine


class Book(Table):
    id: Serial
    title = Varchar(length=40, unique=True)
    stock = BigInt()


class Ticket(Table):
    id = PiccoloUUID(primary_key=True)
    name = Varchar(length=40, unique=True)
    n = BigInt()


async def create_tables(engine: MySQLEngine) -> None:
    await engine.run_ddl(
        "CREATE TABLE `book` (`id` BIGINT AUTO_INCREMENT PRIMARY KEY,"
        " `title` VARCHAR(40) NOT NULL UNIQUE, `stock` BIGINT NOT NULL)"
    )
    await engine.run_ddl(
        "CREATE TABLE `ticket` (`id` BINARY(16) PRIMARY KEY,"
        " `name` VARCHAR(40) NOT NULL UNIQUE, `n` BIGINT NOT NULL)"
    )
    for table in (Book, Ticket):
        table._meta.db = engine


async def add(engine: MySQLEngine, title: str, stock: int = 1) -> int:
    outcome = await engine.execute(
        QueryString("INSERT INTO book (title, stock) VALUES ({}, {})", title, stock)
    )
    assert outcome.lastrowid is not None
    return outcome.lastrowid


async def stocks(engine: MySQLEngine) -> dict[str, int]:
    outcome = await engine.execute(QueryString("SELECT title, stock FROM book ORDER BY title"))
    return {row["title"]: row["stock"] for row in outcome.rows}
