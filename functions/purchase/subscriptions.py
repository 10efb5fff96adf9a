"""The events that purchase consumes, in tolerant structs of its own.

Catalog's books, to sell them; auth's revoked tokens, disabled users and keys
(`kit/security/auth_stream.py`).
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from functions.kit.base.clock import Clock
from functions.kit.base.fields import Id
from functions.kit.base.money import MAX_MONEY_MINOR
from functions.kit.data.database import Database
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import digest_of
from functions.kit.events.outbox import Outbox
from functions.kit.events.subscriptions import Projection, Subscriptions
from functions.kit.security import auth_stream
from functions.purchase.commands.books import delete_stale_books, mark_books_stale, record_book
from functions.purchase.commands.customers import close_account
from functions.purchase.streams import BOOKS


class ConsumedBook(msgspec.Struct, frozen=True, kw_only=True):
    """The data of bookstore.book.created.v1, updated.v1 and retired.v1 that purchase reads."""

    book_id: Id
    title: Annotated[str, Meta(min_length=1, max_length=255)]
    price_minor: Annotated[int, Meta(ge=0, le=MAX_MONEY_MINOR)]
    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    retired: bool
    initial_stock: Annotated[int, Meta(ge=0, le=10**9)]
    seller_id: Id | None = None


def build(outbox: Outbox, clock: Clock) -> Subscriptions:
    """What this service consumes."""
    subscriptions = Subscriptions(BOOKS, auth_stream.STREAM)

    async def book_changed(database: Database, event: Event, state: ConsumedBook) -> None:
        await record_book(
            database,
            state.book_id,
            title=state.title,
            price_minor=state.price_minor,
            currency=state.currency,
            retired=state.retired,
            initial_stock=state.initial_stock,
            seller_id=state.seller_id,
            revision=event.revision or 0,
            outbox=outbox,
            now=clock(),
        )

    for change in ("created", "updated", "retired"):
        subscriptions.on(f"bookstore.book.{change}.v1", ConsumedBook)(book_changed)
    subscriptions.projections[BOOKS.source] = Projection(
        mark_books_stale,
        delete_stale_books,
        digest_of("books", "revision", "price_minor", "retired"),
    )

    async def account_closed(database: Database, user_id: int) -> None:
        await close_account(database, user_id, now=clock())

    auth_stream.subscribe(subscriptions, on_account_closed=account_closed)
    return subscriptions
