"""Serves feeds, digests and snapshots of this service's streams. Part of the internal API.

They are implemented in `events/feed.py`.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from functions.kit.base.errors import Text, Unauthenticated
from functions.kit.base.money import MAX_ID
from functions.kit.events.cloudevents import BATCH_MEDIA_TYPE
from functions.kit.events.feed import HEAD_HEADER, MAX_PAGE, MAX_STATES, StreamDigest
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest
from functions.kit.http.services import Services, services_of

Sequence = Annotated[int, QueryParameter(ge=0, le=MAX_ID)]
EventId = Annotated[str | None, QueryParameter(min_length=1, max_length=255)]
PageSize = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)]
Subject = Annotated[str | None, QueryParameter(min_length=1, max_length=255)]
States = Annotated[int | None, QueryParameter(ge=1, le=MAX_STATES)]


class InternalSecretNeeded(Unauthenticated):
    code = "internal-secret-needed"
    title = "Only the services of this shop may read this"
    error = Text("No autorizado", "Not allowed")


@get(
    "/internal/streams/{name:str}",
    responses={
        # Generating examples would import faker, which takes 50 MiB.
        200: ResponseSpec(
            list[dict[str, Any]], generate_examples=False, media_type=BATCH_MEDIA_TYPE
        ),
        **problems(401, 404, 410),
    },
)
async def stream(
    request: AnyRequest,
    name: FromPath[str],
    after: Sequence = 0,
    limit: PageSize = MAX_PAGE,
    event_id: EventId = None,
) -> Response[bytes]:
    """Events after a sequence, in order: a CloudEvents batch.

    With `INTERNAL_SECRET` it is for the other services, as snapshots are. `event_id` names what
    the reader has read at that sequence; another event there is a 410.
    """
    _authorize(request)
    feed = services_of(request, Services).feed
    page = await feed.page(
        services_of(request, Services).database, name, after=after, limit=limit, event_id=event_id
    )
    headers = {HEAD_HEADER: str(page.head)}
    if page.last is not None and page.last < page.head:
        path = quote(request.scope["path"])
        headers["link"] = f'<{path}?after={page.last}&limit={limit}>; rel="next"'
    return Response(page.body, media_type=BATCH_MEDIA_TYPE, headers=headers)


@get("/internal/streams/{name:str}/digest", responses=problems(401, 404))
async def digest(request: AnyRequest, name: FromPath[str]) -> StreamDigest:
    """The digest of a stream's state, for a consumer to compare with its projection."""
    _authorize(request)
    services = services_of(request, Services)
    feed = services.feed
    return await feed.digest(services.database, name, services.clock())


@get("/internal/snapshots/{name:str}", responses=problems(401, 404))
async def snapshot(
    request: AnyRequest, name: FromPath[str], after: Subject = None, limit: States = None
) -> Stream:
    """The present state: lines of JSON, the first with the sequence that it stands at.

    With `limit` it is a page. Its last line has, as `next`, the subject that the next page begins
    `after`; that of the last page has none.
    """
    _authorize(request)
    services = services_of(request, Services)
    lines: AsyncIterator[bytes] = await services.feed.snapshot(
        services.database, name, after=after, limit=limit
    )
    return Stream(lines, media_type="application/x-ndjson")


def _authorize(request: AnyRequest) -> None:
    secret = services_of(request, Services).internal_secret
    if not secret.authorizes(request.headers):
        raise InternalSecretNeeded("Send the token that is derived from INTERNAL_SECRET.")


HANDLERS = (stream, digest, snapshot)
