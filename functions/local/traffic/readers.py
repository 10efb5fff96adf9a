"""Visits of people who look around, in the storefront's pages."""

import random
from urllib.parse import quote

from functions.local.traffic.sending import Sender

_WORDS = ("the", "love", "war", "history", "night", "amor", "world", "girl", "ring", "potter")
_SORTS = ("newest", "popular", "-year", "title", "price", "-price")


async def look_around(sender: Sender, choose: random.Random, books: list[int]) -> None:
    """The first page, a search or a list, and some books. Raises `Unanswered`."""
    language = choose.choice(("es", "en"))
    await sender.read("first page", "storefront", f"/{language}")
    if choose.random() < 0.5:
        word = choose.choice(_WORDS)
        await sender.read("suggestions", "storefront", f"/{language}/suggestions?q={word[:3]}")
        await sender.read("search", "storefront", f"/{language}/books?q={quote(word)}")
    else:
        sort = choose.choice(_SORTS)
        await sender.read("list", "storefront", f"/{language}/books?sort={sort}")
    for book_id in choose.sample(books, min(choose.randint(1, 3), len(books))):
        await sender.read("book", "storefront", f"/{language}/books/{book_id}")
