"""Reads the snapshot of a service's stream, whole or in pages."""

from typing import Any

import httpx
import msgspec

from tests.support.signing import FEED


async def states_of(
    client: httpx.AsyncClient, stream: str, limit: int | None = None
) -> list[dict[str, Any]]:
    """The states of a snapshot; with `limit` of all its pages, one after the other.

    Fails if a page has more, or if a next page does not begin after another subject.
    """
    states: list[dict[str, Any]] = []
    seen: set[str | None] = set()
    after: str | None = None
    while after not in seen:
        seen.add(after)
        given = {"limit": limit, "after": after}
        params = {name: value for name, value in given.items() if value is not None}
        answer = await client.get(f"/internal/snapshots/{stream}", params=params, headers=FEED)
        first, *page, last = map(msgspec.json.decode, answer.content.splitlines())

        assert first["sequence"] >= 0
        assert last["count"] == len(page)
        assert limit is None or len(page) <= limit
        states += page
        if "next" not in last:
            return states
        after = last["next"]
    raise AssertionError(f"the page after {after} is itself")
