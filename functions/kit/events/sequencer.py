"""Assigns sequence numbers to committed outbox rows, contiguous per source.

The primary key cannot serve: an AUTO_INCREMENT has gaps and becomes visible out of order. With
contiguous numbers a consumer detects a missing event. The relay (`relay.py`) and the feed
(`feed.py`) use rows with a sequence only.
"""

from collections.abc import Iterable, Iterator, Sequence

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, is_in, locked_or_inserted, transactional

BATCH = 200
"""Rows in one transaction of the sequencer, and in one batch of the relay."""


@transactional
async def assign_sequences(database: Database, sources: Iterable[str]) -> int:
    """Assign the next sequences of their source to at most `BATCH` rows; returns how many.

    Any process may call it: a lock on the stream's row serializes them. A row whose source is not
    a stream of this service keeps none; the relay's metrics show that it is unsent.
    """
    heads: dict[str, int] = {}
    for source in sorted(sources):
        heads[source] = await _locked_head(database, source)
    if not heads:
        return 0
    unassigned = await database.execute(
        QueryString(
            "SELECT id, source FROM outbox WHERE sequence IS NULL AND {} ORDER BY id LIMIT {}",
            is_in("source", list(heads)),
            BATCH,
        )
    )
    changed = set()
    pairs: list[int] = []
    for row in unassigned.rows:
        source = row["source"]
        heads[source] += 1
        changed.add(source)
        pairs += (row["id"], heads[source])
    for chunk in _chunks(pairs):
        ids = chunk[::2]
        cases = " ".join(["WHEN {} THEN {}"] * len(ids))
        await database.execute(
            QueryString(
                f"UPDATE outbox SET sequence = CASE id {cases} END WHERE {{}}",  # noqa: S608
                *chunk,
                is_in("id", ids),
            )
        )
    for source in sorted(changed):
        await database.execute(
            QueryString(
                "UPDATE outbox_streams SET head = {} WHERE source = {}", heads[source], source
            )
        )
    return len(unassigned.rows)


def _chunks(pairs: Sequence[int]) -> Iterator[Sequence[int]]:
    """Chunks of 64, 16, 4 or 1 pairs of id and sequence, flattened.

    With four sizes there are four texts of the statement, each translated once. A chunk is padded
    with its last pair, which changes nothing.
    """
    for start in range(0, len(pairs), 128):
        chunk = pairs[start : start + 128]
        size = next(size for size in (1, 4, 16, 64) if 2 * size >= len(chunk))
        yield [*chunk, *list(chunk[-2:]) * (size - len(chunk) // 2)]


async def assign_all_sequences(database: Database, sources: Iterable[str]) -> int:
    """Assign sequences to all committed rows, in transactions of `BATCH`; returns how many."""
    sources = tuple(sources)
    assigned = 0
    while (last := await assign_sequences(database, sources)) == BATCH:
        assigned += last
    return assigned + last


async def _locked_head(database: Database, source: str) -> int:
    row = await locked_or_inserted(
        database,
        QueryString("SELECT head FROM outbox_streams WHERE source = {}", source),
        QueryString(
            "INSERT INTO outbox_streams (source, head, floor) VALUES ({}, 0, 0)"
            " ON CONFLICT (source) DO NOTHING",
            source,
        ),
    )
    head: int = row["head"]
    return head
