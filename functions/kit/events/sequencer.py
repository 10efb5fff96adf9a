"""Numbers for the outbox's rows: contiguous per source, in the order of what committed.

An AUTO_INCREMENT has gaps and commits out of order; these numbers prove to a reader that nothing
is missing. `relay.py` sends what is numbered, `streams.py` shows it.
"""

from collections.abc import Iterable, Iterator, Sequence

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, is_in, transactional

BATCH = 200
"""Rows that are numbered, or sent, in one go."""


@transactional
async def assign_sequences(database: Database, sources: Iterable[str]) -> int:
    """Give the next numbers of their source to rows that have committed; answers how many.

    Anybody may call it: the stream's row is locked, so numbers are contiguous whoever gives them.
    A row whose source is no stream of this service is left alone; `measure` shows that it waits.
    """
    heads: dict[str, int] = {}
    for source in sorted(sources):
        heads[source] = await _locked_head(database, source)
    if not heads:
        return 0
    unnumbered = await database.execute(
        QueryString(
            "SELECT id, source FROM outbox WHERE sequence IS NULL AND {} ORDER BY id LIMIT {}",
            is_in("source", list(heads)),
            BATCH,
        )
    )
    changed = set()
    numbers: list[int] = []
    for row in unnumbered.rows:
        source = row["source"]
        heads[source] += 1
        changed.add(source)
        numbers += (row["id"], heads[source])
    for chunk in _chunks(numbers):
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
    return len(unnumbered.rows)


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Pairs, 64, 16, 4 or 1 at once: few texts of a statement, each of which is translated once.

    What is short of a size is filled with its last pair, which changes nothing.
    """
    for start in range(0, len(numbers), 128):
        chunk = numbers[start : start + 128]
        size = next(size for size in (1, 4, 16, 64) if 2 * size >= len(chunk))
        yield [*chunk, *list(chunk[-2:]) * (size - len(chunk) // 2)]


async def assign_all_sequences(database: Database, sources: Iterable[str]) -> int:
    """Number all rows that have committed, a batch in a transaction; answers how many."""
    sources = tuple(sources)
    numbered = 0
    while (last := await assign_sequences(database, sources)) == BATCH:
        numbered += last
    return numbered + last


async def _locked_head(database: Database, source: str) -> int:
    select = QueryString("SELECT head FROM outbox_streams WHERE source = {}", source)
    rows = await database.locked(select)
    if not rows:
        await database.execute(
            QueryString(
                "INSERT INTO outbox_streams (source, head, floor) VALUES ({}, 0, 0)"
                " ON CONFLICT (source) DO NOTHING",
                source,
            )
        )
        rows = await database.locked(select)
    head: int = rows[0]["head"]
    return head
