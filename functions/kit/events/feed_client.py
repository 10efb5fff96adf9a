"""Reads another service's feed, digest and snapshot over HTTP.

Every method raises `CatchUpFailed` if the owner cannot be read at the moment.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event, MalformedEvent
from functions.kit.events.feed import HEAD_HEADER, StreamDigest
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.subscriptions import Stream

if TYPE_CHECKING:
    import httpx

TIMEOUT = (5.0, 30.0, 10.0, 10.0)
"""Seconds to connect, read, write, and wait for a connection. The read includes the owner's cold
start."""
PAGE_TIMEOUT = 45.0
"""Seconds for a whole page: the read timeout alone would let an owner send it byte by byte."""
STATES = 500
"""States in a page of a snapshot. A page is applied before the next one is read, so its size bounds
the memory, and what an interruption loses."""

_SNAPSHOT_EVENT = {"content-type": "application/cloudevents+json"}


class CatchUpFailed(Exception):
    """A stream cannot be read at the moment. It is retried."""


class SnapshotHeader(msgspec.Struct):
    """The first line of a snapshot: the position in the stream that it corresponds to."""

    sequence: int
    event_id: str | None = None


class _End(msgspec.Struct):
    """The last line of a snapshot, or of a page of it."""

    count: int
    next: str | None = None


class SnapshotPage(NamedTuple):
    header: SnapshotHeader
    states: list[Event]
    next: str | None
    """The subject after which the next page begins; None after the last page."""


class FeedClient:
    """The feeds of the owners, each by the base URL of its internal API."""

    def __init__(
        self, owners: Mapping[str, str], http: "httpx.AsyncClient", secret: InternalSecret
    ) -> None:
        self.owners = owners
        self.http = http
        self.secret = secret
        self.heads: dict[str, int] = {}
        """The sequence of the newest event of each source, as its owner last said."""

    async def page(
        self,
        stream: Stream,
        after: int,
        event_id: str | None,
        newest: int,
        *,
        limit: int,
    ) -> list[Event] | None:
        """The events after a sequence; None if the reader must take the snapshot instead.

        That is so if the feed does not reach back that far, or if the owner's history is another
        one: the event at `after` is not `event_id`, or the feed ends before `newest`.
        """
        base = self.owners[stream.owner]
        params: dict[str, int | str] = {"after": after, "limit": limit}
        if event_id is not None:
            params["event_id"] = event_id
        response = await self._get(f"{base}/internal/streams/{stream.name}", params)
        if response.status_code == HTTPStatus.GONE:
            return None
        if response.status_code != HTTPStatus.OK:
            raise CatchUpFailed(f"{base} answered {response.status_code}")
        head = response.headers.get(HEAD_HEADER, "")
        if head.isdecimal():
            self.heads[stream.source] = int(head)
            if int(head) < newest:
                return None  # the owner was restored from a backup, and has lost later events
        try:
            return cloudevents.read_batch(response.content)
        except MalformedEvent as error:
            raise CatchUpFailed(f"{base} sent {error}") from error

    async def digest(self, stream: Stream) -> StreamDigest | None:
        """The owner's digest of a stream; None if it has none at the moment."""
        url = f"{self.owners[stream.owner]}/internal/streams/{stream.name}/digest"
        response = await self._get(url, {})
        if response.status_code != HTTPStatus.OK:
            return None
        try:
            return msgspec.json.decode(response.content, type=StreamDigest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CatchUpFailed(f"{response.url} sent {error}") from error

    async def snapshot_page(self, stream: Stream, after: str) -> SnapshotPage:
        """The states after a subject, with an empty one the first; an owner of an older release
        sends all at once."""
        url = self.snapshot_url(stream)
        params: dict[str, int | str] = {"limit": STATES}
        if after:
            params["after"] = after
        response = await self._get(url, params)
        if response.status_code != HTTPStatus.OK:
            raise CatchUpFailed(f"{url} answered {response.status_code}")
        try:
            return _snapshot_page(response.content)
        except (MalformedEvent, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CatchUpFailed(f"{url} sent a malformed snapshot: {error}") from error

    def snapshot_url(self, stream: Stream) -> str:
        return f"{self.owners[stream.owner]}/internal/snapshots/{stream.name}"

    async def _get(self, url: str, params: Mapping[str, int | str]) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - imported when it is used, see http/client.py

        try:
            async with asyncio.timeout(PAGE_TIMEOUT):
                return await self.http.get(
                    url, params=dict(params), timeout=TIMEOUT, headers=self.secret.headers
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise CatchUpFailed(f"{url}: {type(error).__name__}") from error


def _snapshot_page(content: bytes) -> SnapshotPage:
    """Raises `MalformedEvent` or `msgspec.MsgspecError`, also if the page was cut off."""
    # At line feeds only: a text may have other characters that end a line elsewhere.
    first, *lines = content.rstrip(b"\n").split(b"\n")
    last = lines.pop() if lines else b""
    header = msgspec.json.decode(first, type=SnapshotHeader)
    end = msgspec.json.decode(last, type=_End)
    if end.count != len(lines):
        raise MalformedEvent(f"{len(lines)} states of {end.count}")
    events = [cloudevents.read(_SNAPSHOT_EVENT, line) for line in lines]
    return SnapshotPage(header, events, end.next)
