"""The owner's side of a stream: its ordered feed, and a snapshot of the present state.

The push through the broker is how events arrive fast; this is how none is lost. A reader that
finds a gap, wakes up, or is poked reads on from its own position (`catch_up.py`).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from piccolo.querystring import QueryString

from functions.kit.base.errors import Gone, NotFound, Text
from functions.kit.data.database import Database
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from functions.kit.events.outbox import to_event
from functions.kit.events.sequencer import assign_all_sequences

MAX_PAGE = 500
HEAD_HEADER = "stream-head"
"""Sequence of the newest event; a reader that is beyond it has outlived a restored backup."""


class StreamNotFound(NotFound):
    code = "stream-not-found"
    title = "This service has no such stream"
    error = Text("Flujo no encontrado", "Stream not found")


class StreamWithoutDigest(NotFound):
    code = "stream-without-digest"
    title = "There is no digest of this stream just now"
    error = Text("El flujo no tiene resumen", "The stream has no digest")


class StreamTooOld(Gone):
    code = "stream-too-old"
    title = "The feed does not reach back that far"
    error = Text("El flujo ya no llega tan atrás", "The feed does not reach back that far")


class StreamDiverged(Gone):
    code = "stream-diverged"
    title = "The reader knows another past of this stream"
    error = Text("El flujo tiene otro pasado", "The stream has another past")


Digest = Callable[[Database, datetime], Awaitable[str]]
"""A short text of the state of all subjects at a moment: the same at the owner and at a reader that
has read all of it."""

MAX_SUMMED = 10**12
"""A larger number is told by a digest as -1: whatever wrote it, the sum stays within 64 bits."""


def digest_of(table: str, *columns: str, where: str = "revision > 0") -> Digest:
    """How many rows a table has, and the sums of some whole numbers or flags in them."""
    sums = ", ".join(
        f"SUM(CASE WHEN {column} <= {MAX_SUMMED} THEN {column} ELSE -1 END) AS {column}"
        for column in columns
    )
    query = f"SELECT COUNT(*) AS n, {sums} FROM {table} WHERE {where}"  # noqa: S608

    async def digest(database: Database, _: datetime) -> str:
        row = (await database.execute(QueryString(query))).rows[0]
        return " ".join(str(int(row[name] or 0)) for name in ("n", *columns))

    return digest


class StreamDigest(msgspec.Struct, frozen=True):
    """The state of a stream's subjects, and the sequence at which it was theirs."""

    sequence: int
    digest: str


class OwnedStream(NamedTuple):
    """A stream that this service owns."""

    name: str
    source: str
    snapshot: Callable[[Database], AsyncIterator[Event]]
    """The present state of every subject, as the events that would tell it."""
    digest: Digest | None = None
    """Where a reader can compare what it keeps with what there is."""


class Page(NamedTuple):
    body: bytes
    """A CloudEvents batch."""
    head: int
    last: int | None
    """Sequence of the last event in the page; None where it is empty."""


class Feed:
    """What a service shows of its streams."""

    def __init__(self, streams: Mapping[str, OwnedStream]) -> None:
        self.streams = streams

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(stream.source for stream in self.streams.values())

    def _stream(self, name: str) -> OwnedStream:
        stream = self.streams.get(name)
        if stream is None:
            raise StreamNotFound(f"There are: {', '.join(sorted(self.streams)) or 'none'}")
        return stream

    async def _ends(self, database: Database, source: str) -> tuple[int, int]:
        await assign_all_sequences(database, self.sources)
        outcome = await database.execute(
            QueryString("SELECT head, floor FROM outbox_streams WHERE source = {}", source)
        )
        row = outcome.rows[0]
        return row["head"], row["floor"]

    async def page(
        self, database: Database, name: str, *, after: int, limit: int, event_id: str | None = None
    ) -> Page:
        """Events after a sequence, in order; `event_id` is what the reader has read there.

        Raises `StreamTooOld` or `StreamDiverged` when there is no way to read on from there: too
        long ago, or from a past that the owner's database lost when it was restored from a backup,
        and whose numbers it may have given again since. Then the snapshot is the way.
        """
        stream = self._stream(name)
        head, floor = await self._ends(database, stream.source)
        if after < floor:
            raise StreamTooOld(f"The feed begins after {floor}. Take the snapshot.")
        if after > head:
            raise StreamDiverged(f"The feed ends at {head}. Take the snapshot.")
        own = await self._event_at(database, stream.source, after)
        if event_id is not None and own is not None and event_id != own:
            raise StreamDiverged(f"At {after} there is another event. Take the snapshot.")
        outcome = await database.execute(
            QueryString(
                "SELECT * FROM outbox WHERE source = {} AND sequence > {}"
                " ORDER BY sequence LIMIT {}",
                stream.source,
                after,
                limit,
            )
        )
        events = [to_event(row) for row in outcome.rows]
        return Page(cloudevents.write_batch(events), head, events[-1].sequence if events else None)

    async def _event_at(self, database: Database, source: str, sequence: int) -> str | None:
        outcome = await database.execute(
            QueryString(
                "SELECT event_id FROM outbox WHERE source = {} AND sequence = {}", source, sequence
            )
        )
        return outcome.rows[0]["event_id"] if outcome.rows else None

    async def digest(self, database: Database, name: str, now: datetime) -> StreamDigest:
        """What all that was told up to the newest event adds up to.

        Raises `StreamWithoutDigest`, also where something is being changed at this moment.
        """
        stream = self._stream(name)
        if stream.digest is None:
            raise StreamWithoutDigest(f"Of {name} none is made.")
        await assign_all_sequences(database, self.sources)
        async with database.transaction(isolation="REPEATABLE READ"):
            head = await database.execute(
                QueryString("SELECT head FROM outbox_streams WHERE source = {}", stream.source)
            )
            # What has committed since the numbers were given is in the tables, not in the head.
            ahead = await database.execute(
                QueryString(
                    "SELECT id FROM outbox WHERE sequence IS NULL AND source = {} LIMIT 1",
                    stream.source,
                )
            )
            digest = await stream.digest(database, now)
        if ahead.rows:
            raise StreamWithoutDigest("It is being changed. Ask again.")
        return StreamDigest(head.rows[0]["head"], digest)

    async def snapshot(self, database: Database, name: str) -> AsyncIterator[bytes]:
        """Lines of JSON: the sequence and its event, each state as a structured event, the count.

        The sequence is read before the states, so a state may be newer than it says; the events
        that come again after it change nothing, because their revisions are not newer.
        """
        stream = self._stream(name)
        head, _ = await self._ends(database, stream.source)
        event_id = await self._event_at(database, stream.source, head)
        return self._lines(database, stream, {"sequence": head, "event_id": event_id})

    async def _lines(
        self, database: Database, stream: OwnedStream, first: Mapping[str, object]
    ) -> AsyncIterator[bytes]:
        yield msgspec.json.encode(first) + b"\n"
        count = 0
        async for event in stream.snapshot(database):
            count += 1
            yield cloudevents.write_structured(event) + b"\n"
        yield msgspec.json.encode({"count": count}) + b"\n"
