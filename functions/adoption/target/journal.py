"""How far a move has come: a table of each database, written in the transaction of each batch.

A kill therefore loses at most the batch that was being written, and the next run goes on after the
last one. The table stays, so that a moved database is never moved into again.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from piccolo.querystring import QueryString

from functions.adoption.errors import TargetRefused
from functions.adoption.target.databases import Databases, has_table, refusals
from functions.kit.base.clock import isoformat
from functions.kit.data.database import Database
from functions.kit.data.schema import TEXT, Column, CreateTable, varchar

TABLE = CreateTable(
    "adoption", [Column("name", varchar(40)), Column("value", TEXT)], primary_key=("name",)
)
DONE = "done"
WHOLE = "whole move"
"""The last step in every database."""

T = TypeVar("T")


class Move(NamedTuple):
    """What all databases of one move have in common."""

    source: str
    """Digest of the original's rows."""
    decisions: str
    """Digest of the decisions that change what is written."""
    moved_at: datetime
    """The time that purchases of the original get: it stored none."""


async def read_all(databases: Databases) -> list[dict[str, str]]:
    """The journal of each database. Raises `TargetRefused`."""
    journals = []
    for service, database in databases.items():
        with refusals(service):
            journals.append(await read(database))
    return journals


async def read(database: Database) -> dict[str, str]:
    """The journal of a database; empty where no move has begun."""
    if not await has_table(database, TABLE.name):
        return {}
    outcome = await database.execute(QueryString("SELECT name, value FROM adoption"))
    return {row["name"]: row["value"] for row in outcome.rows}


async def without(databases: Databases) -> dict[str, Database]:
    """The databases in which no move has begun. Raises `TargetRefused`."""
    journals = await read_all(databases)
    return {
        service: database
        for (service, database), journal in zip(databases.items(), journals, strict=True)
        if not journal
    }


async def begun(databases: Databases, source: str, decisions: str) -> Move | None:
    """The move that a former run has begun; None where there was none.

    Raises `TargetRefused` where it was of other data or of other decisions.
    """
    journals = await read_all(databases)
    known = [journal for journal in journals if "moved_at" in journal]
    if not known:
        return None
    for journal in known:
        if journal["source"] != source:
            raise TargetRefused(
                "Estas bases de datos vienen de otro estado del original: ha cambiado desde la"
                " primera vez, o es otro. Detenga el original antes de traerlo, y vacíe las bases"
                " de datos nuevas para empezar otra vez.",
                "These databases were moved from another state of the original: it has changed"
                " since the first run, or it is another one. Stop the original before the move, and"
                " empty the new databases to start again.",
            )
        if journal["decisions"] != decisions:
            raise TargetRefused(
                "Las decisiones han cambiado desde que se empezó a traer los datos. Vuelva a las"
                " de antes, o vacíe las bases de datos nuevas para empezar otra vez.",
                "The decisions have changed since the move began. Go back to the former ones, or"
                " empty the new databases to start again.",
            )
    return Move(source, decisions, datetime.fromisoformat(known[0]["moved_at"]))


async def is_whole(databases: Databases) -> bool:
    """Whether a former run has moved everything."""
    journals = await read_all(databases)
    return all(journal.get(f"step {WHOLE}") == DONE for journal in journals)


async def begin(databases: Databases, move: Move) -> Move:
    """Write the beginning of a move into every database; where it is there, nothing changes.

    Returns what is written there: another run may have begun meanwhile, and its time counts. Raises
    `TargetRefused` where that was of other data or of other decisions. The databases are written in
    one order, so of two such runs one has begun everywhere, and the other nowhere.
    """
    for service, database in databases.items():
        with refusals(service):
            await _begin(database, move)
        found = await begun({service: database}, move.source, move.decisions)
        move = found or move
    return move


async def _begin(database: Database, move: Move) -> None:
    if not await has_table(database, TABLE.name):
        backend = "mysql" if database.backend == "mysql" else "sqlite"
        for statement in TABLE.statements(backend):  # type: ignore[arg-type]
            await database.run_ddl(statement)
    async with database.transaction():
        for name, value in (
            ("source", move.source),
            ("decisions", move.decisions),
            ("moved_at", isoformat(move.moved_at)),
        ):
            await database.execute(
                QueryString(
                    "INSERT INTO adoption (name, value) VALUES ({}, {})"
                    " ON CONFLICT (name) DO NOTHING",
                    name,
                    value,
                )
            )


async def position(database: Database, step: str) -> str | None:
    """The last position that a step has written; `DONE` after its end, None before its start."""
    outcome = await database.execute(
        QueryString("SELECT value FROM adoption WHERE name = {}", f"step {step}")
    )
    return outcome.rows[0]["value"] if outcome.rows else None


async def advance(database: Database, step: str, before: str | None, after: str) -> None:
    """Record a batch in its transaction. Raises `TargetRefused` where another run has written."""
    name = f"step {step}"
    if before is None:
        changed = await database.execute(
            QueryString(
                "INSERT INTO adoption (name, value) VALUES ({}, {}) ON CONFLICT (name) DO NOTHING",
                name,
                after,
            )
        )
    else:
        changed = await database.execute(
            QueryString(
                "UPDATE adoption SET value = {} WHERE name = {} AND value = {}",
                after,
                name,
                before,
            )
        )
    if not changed.rowcount:
        raise TargetRefused(
            "Otro proceso está trayendo los mismos datos. Espere a que termine.",
            "Another process is moving the same data. Wait until it has ended.",
        )


def batches(rows: Iterator[T], size: int) -> Iterator[Sequence[T]]:
    batch: list[T] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
