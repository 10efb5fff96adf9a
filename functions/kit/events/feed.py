"""The owner's side of a stream: its ordered feed, and a snapshot of the current state.

The broker delivers events fast; the feed ensures that none is lost. Consumers read it from their
own position (`catch_up.py`).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import NamedTuple

import msgspec
from piccolo.querystring import QueryString

from functions.kit.base.errors import Gone, NotFound, Text
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from functions.kit.events.outbox import to_event
from functions.kit.events.sequencer import assign_all_sequences

MAX_PAGE = 500
MAX_STATES = 2000
"""States in a page of a snapshot."""
HEAD_HEADER = "stream-head"
"""Sequence of the newest event. If a consumer's position is higher, the owner's database was
restored from a backup."""


class StreamNotFound(NotFound):
    code = "stream-not-found"
    title = "This service has no such stream"
    error = Text("Flujo no encontrado", "Stream not found")


class StreamWithoutDigest(NotFound):
    code = "stream-without-digest"
    title = "There is no digest of this stream at the moment"
    error = Text("El flujo no tiene resumen", "The stream has no digest")


class StreamTooOld(Gone):
    code = "stream-too-old"
    title = "The feed does not reach back that far"
    error = Text("El flujo ya no llega tan atrás", "The feed does not reach back that far")


class StreamDiverged(Gone):
    code = "stream-diverged"
    title = "The stream is not the one that the reader has read so far"
    error = Text("El flujo tiene otra historia", "The stream has a different history")


Digest = Callable[[Database, datetime], Awaitable[str]]
"""A short text computed from the state of all subjects at a time. The owner and a consumer that has
read the whole stream compute the same text."""

MAX_SUMMAND = 10**12
"""A digest counts a larger number as -1, so that the sum fits 64 bits."""


def digest_of(table: str, *columns: str, where: str = "revision > 0") -> Digest:
    """A digest of a table: the number of its rows, and the sums of integer or boolean columns."""
    sums = ", ".join(
        f"SUM(CASE WHEN {column} <= {MAX_SUMMAND} THEN {column} ELSE -1 END) AS {column}"
        for column in columns
    )
    query = f"SELECT COUNT(*) AS n, {sums} FROM {table} WHERE {where}"  # noqa: S608

    async def digest(database: Database, _: datetime) -> str:
        row = (await database.execute(QueryString(query))).rows[0]
        return " ".join(str(int(row[name] or 0)) for name in ("n", *columns))

    return digest


class StreamDigest(msgspec.Struct, frozen=True):
    """The digest of a stream's subjects, and the sequence up to which it includes events."""

    sequence: int
    digest: str


States = Callable[[Database, str | None], AsyncGenerator[Event]]
"""The current state of every subject as events, always in the same order, with None from the
beginning. With a subject it yields those that come after it, whether or not it still exists."""


def id_in(subject: str | None, kind: str) -> int:
    """The number of a subject `KIND/NUMBER`; 0 for None, and for a subject of another kind."""
    name, _, number = (subject or "").partition("/")
    return min(int(number), MAX_ID) if name == kind and number.isdecimal() else 0


class OwnedStream(NamedTuple):
    """A stream that this service owns."""

    name: str
    source: str
    snapshot: States
    digest: Digest | None = None
    """Lets consumers compare their projection with the owner's state."""


class Page(NamedTuple):
    body: bytes
    """A CloudEvents batch."""
    head: int
    last: int | None
    """Sequence of the last event in the page; None where it is empty."""


class Feed:
    """The feeds, digests and snapshots of a service's streams."""

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

    async def _bounds(self, database: Database, source: str) -> tuple[int, int]:
        """The newest sequence, and the one after which the feed begins."""
        await assign_all_sequences(database, self.sources)
        outcome = await database.execute(
            QueryString("SELECT head, floor FROM outbox_streams WHERE source = {}", source)
        )
        row = outcome.rows[0]
        return row["head"], row["floor"]

    async def page(
        self, database: Database, name: str, *, after: int, limit: int, event_id: str | None = None
    ) -> Page:
        """Events after a sequence, in order; `event_id` is the event that the reader has there.

        Raises `StreamTooOld` if events after it were purged. Raises `StreamDiverged` if the owner
        has another event there, or none: its database was restored from a backup, and has assigned
        the sequences anew. In both cases the reader must take the snapshot.
        """
        stream = self._stream(name)
        head, floor = await self._bounds(database, stream.source)
        if after < floor:
            raise StreamTooOld(f"The feed begins after {floor}. Take the snapshot.")
        if after > head:
            raise StreamDiverged(f"The feed ends at {head}. Take the snapshot.")
        own = await self._event_id_at(database, stream.source, after)
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

    async def _event_id_at(self, database: Database, source: str, sequence: int) -> str | None:
        outcome = await database.execute(
            QueryString(
                "SELECT event_id FROM outbox WHERE source = {} AND sequence = {}", source, sequence
            )
        )
        return outcome.rows[0]["event_id"] if outcome.rows else None

    async def digest(self, database: Database, name: str, now: datetime) -> StreamDigest:
        """The digest of the state up to the newest event.

        Raises `StreamWithoutDigest`, also if a change commits at the same time.
        """
        stream = self._stream(name)
        if stream.digest is None:
            raise StreamWithoutDigest(f"The stream {name} has no digest.")
        await assign_all_sequences(database, self.sources)
        async with database.transaction(isolation="REPEATABLE READ"):
            head = await database.execute(
                QueryString("SELECT head FROM outbox_streams WHERE source = {}", stream.source)
            )
            # A change that committed since is in the tables, but its event has no sequence yet.
            ahead = await database.execute(
                QueryString(
                    "SELECT id FROM outbox WHERE sequence IS NULL AND source = {} LIMIT 1",
                    stream.source,
                )
            )
            digest = await stream.digest(database, now)
        if ahead.rows:
            raise StreamWithoutDigest("The stream is being changed. Try again.")
        return StreamDigest(head.rows[0]["head"], digest)

    async def snapshot(
        self, database: Database, name: str, *, after: str | None = None, limit: int | None = None
    ) -> AsyncIterator[bytes]:
        """JSON lines: first the sequence and its event id, then each state as a structured event,
        last the count of states.

        With `limit` it is a page of at most so many states, after the subject `after`. The last
        line of a page that has so many has its last subject as `next`; the next page may be empty.

        The sequence is read before the states, so a state may be newer. The reader then receives
        its event again, which changes nothing, because its revision is not newer. For the same
        reason the pages of a snapshot may be of different times: what has changed between them is
        in the feed after the first page's sequence.
        """
        stream = self._stream(name)
        head, _ = await self._bounds(database, stream.source)
        event_id = await self._event_id_at(database, stream.source, head)
        first = {"sequence": head, "event_id": event_id}
        return self._lines(first, stream.snapshot(database, after), limit)

    @staticmethod
    async def _lines(
        first: Mapping[str, object], states: AsyncGenerator[Event], limit: int | None
    ) -> AsyncIterator[bytes]:
        yield msgspec.json.encode(first) + b"\n"
        count = 0
        more: dict[str, str] = {}
        async with aclosing(states):
            async for event in states:
                count += 1
                yield cloudevents.write_structured(event) + b"\n"
                if count == limit:
                    more["next"] = event.subject
                    break
        yield msgspec.json.encode({"count": count, **more}) + b"\n"
