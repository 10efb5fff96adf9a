"""`create_app` wires the catalogue; behaviour is in `controllers/` and `commands/`."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from litestar import Litestar

from functions.catalog import controllers, events, migrations, queries, subscriptions
from functions.catalog.commands.sellers import retire_books_of_closed_sellers
from functions.catalog.queries.reviews import review_states
from functions.catalog.response_cache import CachedAnswer, ClearCacheOnWrite
from functions.catalog.services import CatalogServices
from functions.catalog.settings import CatalogSettings
from functions.catalog.tables import TABLES
from functions.kit.app import BackgroundTask, Service, build_app
from functions.kit.base.clock import Clock, utc_now
from functions.kit.data import idempotency_keys
from functions.kit.data.database import Database
from functions.kit.events.feed import OwnedStream, digest_of
from functions.kit.http.response_cache import ResponseCache
from functions.kit.http.topics import Topic
from functions.kit.security import auth_stream

if TYPE_CHECKING:
    import httpx

DESCRIPTION = "Books: what there is, what it costs, how many are left, and what buyers say."


def create_app(
    settings: CatalogSettings | None = None,
    *,
    clock: Clock = utc_now,
    http: "httpx.AsyncClient | None" = None,
) -> Litestar:
    """The factory for `uvicorn --factory`; tests pass arguments."""
    settings = settings or CatalogSettings.from_mapping(os.environ)

    def background_tasks(services: CatalogServices) -> Sequence[BackgroundTask]:
        async def retire(database: Database) -> None:
            await retire_books_of_closed_sellers(database, outbox=services.outbox, clock=clock)

        async def purge(database: Database) -> None:
            await auth_stream.purge(database, clock=clock)
            await idempotency_keys.purge(database, clock=clock)

        return (retire, purge)

    answers: ResponseCache[CachedAnswer] = ResponseCache(settings.list_cache_seconds)
    counts: ResponseCache[CachedAnswer] = ResponseCache(settings.count_cache_seconds)
    service = Service(
        name="catalog",
        description=DESCRIPTION,
        migrations=migrations,
        tables=TABLES,
        public=controllers.HANDLERS,
        streams=(
            OwnedStream(
                events.STREAM,
                events.SOURCE,
                queries.book_states,
                digest_of("books", "revision", "price_minor", "retired"),
            ),
            OwnedStream(
                events.REVIEWS_STREAM,
                events.REVIEWS_SOURCE,
                review_states,
                digest_of("reviews", "revision", "rating"),
            ),
        ),
        subscriptions=lambda wiring: subscriptions.build(wiring.outbox, clock),
        owners={"auth": settings.auth_internal_url, "purchase": settings.purchase_internal_url},
        verifier=lambda wiring: auth_stream.verifier(
            wiring.database, settings, clock=clock, http=wiring.http
        ),
        topics=(
            Topic("books", "Look for books; staff and sellers add and change them.", ("books",)),
            Topic("reviews", "What buyers say about books.", ("reviews", "me")),
            Topic("sellers", "Who sells books besides the shop itself.", ("sellers",)),
        ),
        services=lambda shared: CatalogServices.extend(shared, answers=answers, counts=counts),
        background_tasks=background_tasks,
    )
    app = build_app(service, settings, clock=clock, http=http)
    app.asgi_handler = ClearCacheOnWrite(app.asgi_handler, answers, counts)
    return app
