"""The store in one SQLite file. A confirmed event survives SIGKILL and a power failure.

`synchronous=FULL`, one thread that owns the connection, and one transaction for all writes that
are waiting, so that a burst of events needs few fsyncs.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from functions.local.broker.errors import StoreError
from functions.local.broker.store import BinaryMessage, Delivery, QueueCounts

_T = TypeVar("_T")
_Work = Callable[[sqlite3.Connection], object]

# In the header of the file, to recognise other programs' databases.
_APPLICATION_ID = 0x424B4252
_VERSION = 1

# The index alone selects the events to deliver: oldest first, retries included, and skipping an
# event that waits for its retry is cheap.
_SCHEMA = f"""
CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL DEFAULT 0,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX queue_in_order ON queue (queue, id, due_at, attempts);
CREATE TABLE tally (
    queue TEXT NOT NULL,
    outcome TEXT NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (queue, outcome)
) STRICT;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
"""


class SqliteStore:
    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread
        self._claimed: dict[str, set[int]] = {}
        self._waiting: list[tuple[_Work, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._notify: Callable[[str], None] = lambda _: None

    @classmethod
    async def open(cls, file: Path) -> "SqliteStore":
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(thread, _connect, file)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(connection, thread)

    def on_available(self, listener: Callable[[str], None]) -> None:
        self._notify = listener

    async def put(self, queues: Sequence[str], message: BinaryMessage) -> None:
        if not queues:
            return
        headers = json.dumps(dict(message.headers))
        rows = [(queue, headers, message.body) for queue in queues]
        await self._write(
            lambda sql: sql.executemany(
                "INSERT INTO queue (queue, headers, body) VALUES (?, ?, ?)", rows
            )
        )
        for queue in queues:
            self._notify(queue)

    async def claim(self, queue: str, limit: int) -> list[Delivery]:
        claimed = self._claimed.setdefault(queue, set())

        def read(sql: sqlite3.Connection) -> list[tuple[int, int, str, bytes]]:
            due = sql.execute(
                "SELECT id FROM queue WHERE queue = ? AND due_at <= ? ORDER BY id LIMIT ?",
                (queue, time.time(), limit + len(claimed)),
            )
            free = [row[0] for row in due if row[0] not in claimed][:limit]
            return [
                sql.execute(
                    "SELECT id, attempts, headers, body FROM queue WHERE id = ?", (row_id,)
                ).fetchone()
                for row_id in free
            ]

        rows = await self._run(read)
        claimed.update(row[0] for row in rows)
        return [
            Delivery(row_id, queue, attempts, BinaryMessage(json.loads(headers), body))
            for row_id, attempts, headers, body in rows
        ]

    def release(self, delivery: Delivery) -> None:
        self._claimed[delivery.queue].discard(delivery.id)

    async def complete(self, delivery: Delivery) -> None:
        await self._settle(delivery, _remove(delivery, "delivered"))

    async def drop(self, delivery: Delivery) -> None:
        await self._settle(delivery, _remove(delivery, "lost"))

    async def retry(self, delivery: Delivery, after: float) -> None:
        due_at = time.time() + after

        def work(sql: sqlite3.Connection) -> None:
            sql.execute(
                "UPDATE queue SET attempts = attempts + 1, due_at = ? WHERE id = ?",
                (due_at, delivery.id),
            )

        await self._settle(delivery, work)

    async def move(self, delivery: Delivery, queue: str, message: BinaryMessage) -> None:
        def work(sql: sqlite3.Connection) -> None:
            _remove(delivery, "moved")(sql)
            # A new row, which is the youngest of its new queue.
            sql.execute(
                "INSERT INTO queue (queue, headers, body) VALUES (?, ?, ?)",
                (queue, json.dumps(dict(message.headers)), message.body),
            )

        await self._settle(delivery, work)
        self._notify(queue)

    async def seconds_to_next(self, queue: str) -> float | None:
        claimed = self._claimed.setdefault(queue, set())

        def read(sql: sqlite3.Connection) -> float | None:
            rows = sql.execute(
                "SELECT id, due_at FROM queue WHERE queue = ? AND due_at > 0 "
                "ORDER BY due_at LIMIT ?",
                (queue, len(claimed) + 1),
            )
            return next((due_at for row_id, due_at in rows if row_id not in claimed), None)

        due_at = await self._run(read)
        return None if due_at is None else max(0.0, due_at - time.time())

    async def counts(self) -> Mapping[str, QueueCounts]:
        def read(sql: sqlite3.Connection) -> dict[str, dict[str, int]]:
            counts: dict[str, dict[str, int]] = {}
            for queue, queued, retrying in sql.execute(
                "SELECT queue, SUM(attempts = 0), SUM(attempts > 0) FROM queue GROUP BY queue"
            ):
                counts[queue] = {"queued": queued, "retrying": retrying}
            for queue, outcome, events in sql.execute("SELECT queue, outcome, events FROM tally"):
                counts.setdefault(queue, {})[outcome] = events
            return counts

        return {queue: QueueCounts(**counts) for queue, counts in (await self._run(read)).items()}

    async def close(self) -> None:
        while self._writer is not None:
            await self._writer
        await self._run(sqlite3.Connection.close)
        self._thread.shutdown()

    async def _settle(self, delivery: Delivery, work: _Work) -> None:
        await self._write(work)
        self.release(delivery)

    async def _write(self, work: _Work) -> None:
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((work, written))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        await written

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                failure: Exception | None = None
                try:
                    await self._run(partial(_commit, [work for work, _ in batch]))
                except sqlite3.Error as error:
                    failure = StoreError(f"the store cannot be written: {error}")
                for _, written in batch:
                    if written.done():  # its caller was cancelled; the row is written
                        continue
                    if failure is None:
                        written.set_result(None)
                    else:
                        written.set_exception(failure)
        finally:
            self._writer = None

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, self._connection)


def _connect(file: Path) -> sqlite3.Connection:
    try:
        sql = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        sql.execute("PRAGMA busy_timeout = 5000")
        application_id = sql.execute("PRAGMA application_id").fetchone()[0]
        version = sql.execute("PRAGMA user_version").fetchone()[0]
        tables = sql.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if application_id == 0 and tables == 0:
            sql.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        elif application_id != _APPLICATION_ID:
            raise StoreError(f"{file} is a database of another program, not a store of this broker")
        elif version != _VERSION:
            raise StoreError(
                f"{file} was written by another version of the broker (schema {version}; this one "
                f"needs {_VERSION}). Start with --fresh or delete the file; its undelivered events "
                "are read again from their owners' feeds"
            )
        sql.execute("PRAGMA journal_mode = WAL")
        sql.execute("PRAGMA synchronous = FULL")
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{file} cannot be opened as a store: {error}") from error
    return sql


def _commit(batch: Sequence[_Work], sql: sqlite3.Connection) -> None:
    sql.execute("BEGIN IMMEDIATE")
    try:
        for work in batch:
            work(sql)
        sql.execute("COMMIT")
    except BaseException:
        if sql.in_transaction:
            sql.execute("ROLLBACK")
        raise


def _remove(delivery: Delivery, outcome: str) -> Callable[[sqlite3.Connection], None]:
    def work(sql: sqlite3.Connection) -> None:
        sql.execute("DELETE FROM queue WHERE id = ?", (delivery.id,))
        sql.execute(
            "INSERT INTO tally (queue, outcome, events) VALUES (?, ?, 1) "
            "ON CONFLICT (queue, outcome) DO UPDATE SET events = events + 1",
            (delivery.queue, outcome),
        )

    return work
