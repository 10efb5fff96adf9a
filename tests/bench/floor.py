"""The floor: the same SQL through aiomysql in a bare ASGI function, and the answer as JSON.

Nothing of the shop is in it: no routing, no validation, no token, no log line, no event that is
sent. What a service costs on top of this is what the shop costs.
"""

import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomysql

PAGE = 50

SELECT_BOOKS = (
    "SELECT b.id AS sort_key, b.id, b.title, b.author, b.description, b.isbn, b.category,"
    " b.price_minor,"
    " b.year, b.language, b.external_rating_hundredths, b.external_ratings_count,"
    " b.currency, b.initial_stock, b.revision, b.retired, b.created_at,"
    " i.available, i.revision AS stock_revision, i.as_of"
    " FROM books b LEFT JOIN inventory i ON i.book_id = b.id"
    " WHERE b.retired = 0 ORDER BY b.id LIMIT %s"
)


class _Pool:
    """Opened by the first request, as the services open theirs."""

    def __init__(self) -> None:
        self.pool: Any = None

    async def get(self) -> Any:
        if self.pool is None:
            url = urlsplit(os.environ["DATABASE_URL"])
            self.pool = await aiomysql.create_pool(
                host=url.hostname,
                port=url.port,
                user=unquote(url.username or ""),
                # The driver encodes passwords as Latin-1; servers keep them in UTF-8.
                password=unquote(url.password or "").encode().decode("latin-1"),
                db=url.path[1:],
                charset="utf8mb4",
                autocommit=True,
                init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                minsize=1,
                maxsize=10,
            )
        return self.pool


_pool = _Pool()


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["method"] == "GET":
        await _answer(send, 200, await _books() if scope["path"] == "/books" else {})
    else:
        await _answer(send, 201, await _purchase(await _body(receive)))


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _body(receive: Any) -> Any:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return json.loads(body)


async def _answer(send: Any, status: int, content: Any) -> None:
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _books() -> list[dict[str, Any]]:
    pool = await _pool.get()
    async with pool.acquire() as connection, connection.cursor(aiomysql.DictCursor) as cursor:
        await cursor.execute(SELECT_BOOKS, (PAGE + 1,))
        rows = await cursor.fetchall()
    return [
        {
            "id": row["id"],
            "title": row["title"],
            "author": row["author"],
            "description": row["description"],
            "price": row["price_minor"] / 100,
            "stock": row["initial_stock"] if row["available"] is None else row["available"],
            "isbn": row["isbn"],
            "category": row["category"],
            "currency": row["currency"],
            "price_minor": row["price_minor"],
            "stock_revision": row["stock_revision"] or 0,
            "stock_as_of": (row["as_of"] or row["created_at"]).isoformat() + "Z",
        }
        for row in rows[:PAGE]
    ]


async def _purchase(wanted: Any) -> dict[str, Any]:
    """The rows that purchase writes for a sale, in one transaction, and the two of its outbox."""
    book_id, quantity = wanted["book_id"], wanted["quantity"]
    now = datetime.now(UTC).replace(tzinfo=None)
    pool = await _pool.get()
    async with pool.acquire() as connection, connection.cursor(aiomysql.DictCursor) as cursor:
        await connection.begin()
        await cursor.execute(
            "SELECT b.book_id, b.title, b.price_minor, b.currency, b.retired FROM books b"
            " JOIN inventory i ON i.book_id = b.book_id WHERE b.book_id IN (%s)",
            (book_id,),
        )
        book = await cursor.fetchone()
        total = quantity * book["price_minor"]
        await cursor.execute(
            "INSERT INTO purchases (user_id, status, total_minor, delivery_fee_minor, currency,"
            " provider_id, revision, created_at, expires_at)"
            " VALUES (7, 'Pending Payment', %s, 0, %s, NULL, 1, %s, %s)",
            (total, book["currency"], now, now + timedelta(minutes=15)),
        )
        purchase_id = cursor.lastrowid
        await cursor.execute(
            "INSERT INTO purchase_items (purchase_id, book_id, title, quantity, unit_price_minor)"
            " VALUES (%s, %s, %s, %s, %s)",
            (purchase_id, book_id, book["title"], quantity, book["price_minor"]),
        )
        await cursor.execute(
            "INSERT INTO purchase_timeline (purchase_id, status, at, user_id)"
            " VALUES (%s, 'Pending Payment', %s, 7)",
            (purchase_id, now),
        )
        await cursor.execute(
            "UPDATE inventory SET available = available - %s, reserved = reserved + %s,"
            " revision = revision + 1, changed_at = %s WHERE book_id = %s AND available >= %s",
            (quantity, quantity, now, book_id, quantity),
        )
        await cursor.execute("SELECT * FROM inventory WHERE book_id = %s", (book_id,))
        stock = await cursor.fetchone()
        stock["changed_at"] = stock["changed_at"].isoformat()
        answer = {
            "message": "Compra creada",
            "purchase_id": purchase_id,
            "total_price": total / 100,
            "remaining_stock": stock["available"],
        }
        source, kind = "/bookstore/purchase/", "bookstore."
        await cursor.execute(
            "INSERT INTO outbox (event_id, source, type, subject, revision, data, traceparent,"
            " created_at) VALUES (%s, %s, %s, %s, 1, %s, NULL, %s), (%s, %s, %s, %s, %s, %s, NULL,"
            " %s)",
            (
                *(str(uuid.uuid4()), f"{source}orders", f"{kind}purchase.placed.v1"),
                *(f"purchase/{purchase_id}", json.dumps(answer), now),
                *(str(uuid.uuid4()), f"{source}inventory", f"{kind}inventory.changed.v1"),
                *(f"book/{book_id}", stock["revision"], json.dumps(stock), now),
            ),
        )
        await connection.commit()
    return answer
