"""Searching: counts, filters that come and go, orders, suggestions."""

import html
import re

import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, text_of


@pytest.fixture
async def stocked(shop: ShopInProcess) -> ShopInProcess:
    for number, (title, author, category, language, price) in enumerate(
        [
            ("La vorágine", "José Eustasio Rivera", "Novel", "es", 14.5),
            ("The Odyssey", "Homer", "Poetry", "en", 9),
            ("The Iliad", "Homer", "Poetry", "en", 25),
        ]
    ):
        await shop.call(
            "catalog",
            "POST",
            "/books",
            {
                "title": title,
                "author": author,
                "category": category,
                "language": language,
                "price": price,
                "stock": 5,
                "year": -720 + number,
                "external_rating_hundredths": 434,
                "external_ratings_count": 1000 * number,
            },
            user="staff",
        )
    return shop


def links(page: str, text: str) -> list[str]:
    """Addresses of the links that contain a text."""
    found = re.findall(r'<a[^>]* href="([^"]+)"[^>]*>(.*?)</a>', page, re.DOTALL)
    return [html.unescape(url) for url, inside in found if text in re.sub(r"<[^>]+>", "", inside)]


async def test_a_search_shows_its_total_and_where_choices_lead(
    visitor: Visitor, stocked: ShopInProcess
) -> None:
    """Each choice is a link with its count."""
    page = await visitor.get("/en/books?q=the")
    text = text_of(page)

    assert "2 books" in text
    assert "Poetry 2" in text
    assert "English 2" in text
    assert "Homer 2" in text
    assert "5–9.99 1 20–49.99 1" in text
    assert links(page.text, "Poetry") == ["/en/books?q=the&category=Poetry"]


async def test_each_filter_can_be_removed_by_itself(
    visitor: Visitor, stocked: ShopInProcess
) -> None:
    """The others stay, as do the words and the order."""
    path = "/en/books?q=the&author=Homer&language=en&min_price=5&max_price=9.99&sort=-year"
    page = await visitor.get(path)

    assert "1 book " in text_of(page)
    assert links(page.text, "Author: Homer") == [
        "/en/books?q=the&language=en&min_price=5&max_price=9.99&sort=-year"
    ]
    assert links(page.text, "Language: English") == [
        "/en/books?q=the&author=Homer&min_price=5&max_price=9.99&sort=-year"
    ]
    assert links(page.text, "Price: 5–9.99") == [
        "/en/books?q=the&author=Homer&language=en&sort=-year"
    ]


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("popular", "The Iliad"),
        ("-year", "The Iliad"),
        ("year", "La vorágine"),
        ("price", "The Odyssey"),
    ],
)
async def test_the_orders_of_catalog_can_be_chosen(
    visitor: Visitor, stocked: ShopInProcess, sort: str, first: str
) -> None:
    """The first card is the order's first book."""
    page = await visitor.get(f"/en/books?sort={sort}")
    names = re.findall(r'<span class="name">([^<]+)</span>', page.text)

    assert names[0] == first


@pytest.mark.parametrize("query", ["", "?q=the", "?in_stock=false", "?sort=nonsense"])
async def test_the_order_that_the_form_names_is_that_of_the_books(
    visitor: Visitor, stocked: ShopInProcess, query: str
) -> None:
    """Also where the address names none: the form's first order then."""
    page = await visitor.get(f"/en/books{query}")
    options = re.findall(r'<option value="([^"]+)"( selected)?', page.text)
    named = next((value for value, selected in options if selected), options[0][0])
    chosen = await visitor.get(
        f"/en/books?{query[1:].removesuffix('sort=nonsense')}&sort={named}".replace("?&", "?")
    )
    cards = re.compile(r'<span class="name">([^<]+)</span>')

    assert len(cards.findall(page.text)) > 1
    assert cards.findall(page.text) == cards.findall(chosen.text)


async def test_the_first_page_has_categories_and_popular_books(
    visitor: Visitor, stocked: ShopInProcess
) -> None:
    """Books without ratings are not popular."""
    page = await visitor.get("/es")
    popular = page.text.partition('id="popular"')[2]

    assert links(page.text, "Poesía") == ["/es/books?category=Poetry"]
    assert popular.index("The Iliad") < popular.index("The Odyssey")
    assert "La vorágine" not in popular


@pytest.mark.parametrize(
    ("language", "facts"),
    [
        ("en", ("4.34 of 5 stars, by 1,000 readers elsewhere", "719 BCE", "Language English")),
        ("es", ("4.34 de 5 estrellas, según 1,000 lectores", "719 a. C.", "Idioma Inglés")),
    ],
)
async def test_a_book_shows_year_language_and_rating(
    visitor: Visitor, stocked: ShopInProcess, language: str, facts: tuple[str, ...]
) -> None:
    """In the reader's language."""
    text = text_of(await visitor.get(f"/{language}/books/2"))

    assert [fact for fact in facts if fact not in text] == []


async def test_suggestions_lead_to_a_book_or_to_the_books_of_an_author(
    visitor: Visitor, stocked: ShopInProcess
) -> None:
    """In the language of the page."""
    response = await visitor.get("/es/suggestions?q=hom")

    assert response.json()[0] == {
        "text": "Homer",
        "kind": "author",
        "url": "/es/books?author=Homer",
    }
    assert {"text": "The Iliad", "kind": "book", "url": "/es/books/3"} in response.json()


@pytest.mark.parametrize("typed", ["", "%00", "%20", "x" * 500, "%F0%9F%93%9A"])
async def test_any_text_is_answered_with_suggestions_or_none(visitor: Visitor, typed: str) -> None:
    """The field takes whatever is typed."""
    response = await visitor.get(f"/en/suggestions?q={typed}")

    assert (response.status_code, response.json()) == (200, [])


async def test_a_catalog_without_facets_still_shows_its_books(
    visitor: Visitor, stocked: ShopInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As during a rollout, when catalog is of the release before."""
    monkeypatch.setattr(
        "functions.storefront.clients.catalog.FACETS_PATH", "/books/facets-of-another-release"
    )
    search = await visitor.get("/en/books")
    home = await visitor.get("/en")

    assert (search.status_code, home.status_code) == (200, 200)
    assert search.text.count('class="card"') == 3
    assert "3 books" in text_of(search)
    assert "Categories" not in text_of(home)
