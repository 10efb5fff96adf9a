"""Reviews on the storefront's pages: who sees what, and what becomes of each form."""

import csv
import io
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, Wire, fields_of, open_storefront, text_of

HOSTILE = '"><script>alert(1)</script>\u202e{{ 7 * 7 }}<img src=x onerror=alert(2)>'
FORM = "/en/books/1/review"


@pytest_asyncio.fixture
async def buyer(shop: ShopInProcess, visitor: Visitor, provider: int) -> AsyncIterator[Visitor]:
    """Somebody who has bought book 1, and catalog knows."""
    await shop.sell("Rayuela")
    await visitor.sign_up()
    await visitor.submit("/en/cart/items", book_id=1, quantity=1)
    payment = await visitor.go_to_payment()
    chosen = fields_of(payment, "/en/checkout/payment")
    await visitor.submit("/en/checkout/payment", **{**chosen, "method": "tok_success"})

    async def known() -> bool:
        return 'name="rating"' in (await visitor.get(FORM)).text

    await shop.until(known)
    yield visitor


async def write(visitor: Visitor, **typed: object) -> str:
    """Fill in the form as it is shown, and send it; the text of the page that follows."""
    shown = fields_of(await visitor.get(FORM), FORM)
    return text_of(await visitor.submit(FORM, **{**shown, **typed}))


async def test_a_review_is_written_edited_and_deleted(buyer: Visitor) -> None:
    """The page of the book shows each change at once."""
    posted = await write(buyer, rating=4, text="Muy bueno", reviewer="Ana")
    filled = fields_of(await buyer.get(FORM), FORM)
    edited = await write(buyer, rating=2)
    deleted = text_of(await buyer.submit(f"{FORM}/delete", review_id=filled["review_id"]))

    assert "Thank you: your review is published." in posted
    assert "4.00 of 5 stars, 1 review" in posted
    assert "Ana Muy bueno" in posted
    assert (filled["rating"], filled["reviewer"]) == ("4", "Ana")
    assert "2.00 of 5 stars, 1 review" in edited
    assert "Nobody has reviewed this book yet." in deleted


async def test_a_review_of_a_book_that_is_no_longer_sold_can_be_deleted(
    buyer: Visitor, shop: ShopInProcess
) -> None:
    """It may have a name in it. The list of one's own reviews leads there."""
    await write(buyer, rating=4, text="Muy bueno", reviewer="Ana")
    await shop.call("catalog", "DELETE", "/books/1", user="staff")
    listed = await buyer.get("/en/account/reviews")
    shown = await buyer.get(FORM)
    deleted = await buyer.submit(f"{FORM}/delete", **fields_of(shown, f"{FORM}/delete"))
    again = await buyer.get(FORM)

    assert f'href="{FORM}"' in listed.text
    assert "Rayuela This book is no longer sold" in text_of(shown)
    assert "Ana Muy bueno" in text_of(shown)
    assert "Your review is deleted." in text_of(deleted)
    assert "You have not reviewed anything yet." in text_of(deleted)
    assert again.status_code == 410


async def test_a_hidden_review_is_not_promised_to_be_shown_again(
    buyer: Visitor, shop: ShopInProcess, staff: Visitor
) -> None:
    """Of a book that is no longer sold: the shop has hidden it."""
    await write(buyer, rating=4, text="Muy bueno", reviewer="Ana")
    await shop.call("catalog", "DELETE", "/books/1", user="staff")
    shown = text_of(await buyer.get(FORM))
    await staff.submit("/en/staff/reviews/1/hide", reason="Insulta.")
    hidden = text_of(await buyer.get(FORM))

    assert "your review is shown again" in shown
    assert "This book is no longer sold." in hidden
    assert "The shop has hidden this review: Insulta." in hidden
    assert "shown again" not in hidden


async def test_a_review_is_shown_as_text(buyer: Visitor) -> None:
    """On the book's page, in the form, in the own list and where it is reported."""
    await write(buyer, rating=1, text=HOSTILE, reviewer=HOSTILE[:20])
    pages = [
        await buyer.get(path)
        for path in ("/en/books/1", FORM, "/en/account/reviews", "/en/reviews/1/report")
    ]

    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "{{ 7 * 7 }}" in text_of(page)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "Choose one to five stars."),
        ({"rating": "6"}, "Choose one to five stars."),
        ({"rating": "3", "reviewer": "ana@example.org"}, "email address"),
        ({"rating": "3", "text": "x" * 4001}, "4000"),
        ({"rating": "3", "text": "a\x07"}, "control characters"),
    ],
)
async def test_a_refused_form_keeps_what_was_typed(
    buyer: Visitor, typed: dict[str, str], words: str
) -> None:
    """400 with the reason beside its field, and nothing is published."""
    shown = fields_of(await buyer.get(FORM), FORM)
    page = await buyer.send(FORM, **{**shown, "text": "kept", **typed})

    assert page.status_code == 400
    assert words in text_of(page)
    assert typed.get("text", "kept").replace("\x07", "") in text_of(page).replace("\ufffd", "")
    assert "Nobody has reviewed" in text_of(await buyer.get("/en/books/1"))


async def test_a_form_that_is_sent_twice_publishes_once(buyer: Visitor) -> None:
    """A double click, or again after a lost answer: the key of the form is the same."""
    shown = {**fields_of(await buyer.get(FORM), FORM), "rating": "5"}
    answers = [await buyer.send(FORM, **shown) for _ in range(2)]

    assert [each.status_code for each in answers] == [303, 303]
    assert "5.00 of 5 stars, 1 review" in text_of(await buyer.get("/en/books/1"))


async def test_two_windows_overwrite_nothing_unseen(buyer: Visitor) -> None:
    """The later one gets the present review's form with what was typed, and can save it then."""
    first = fields_of(await buyer.get(FORM), FORM)
    await buyer.send(FORM, **{**first, "rating": "5", "key": "a" * 24})
    late = await buyer.send(FORM, **{**first, "rating": "2", "text": "typed", "key": "b" * 24})
    again = {**fields_of(late, FORM), "rating": "2"}
    saved = await buyer.send(FORM, **again)

    assert late.status_code == 409
    assert "changed in another window" in text_of(late)
    assert "typed" in text_of(late)
    assert "review_id" in again
    assert again["text"] == "typed"
    assert saved.status_code == 303
    assert "2.00 of 5 stars, 1 review" in text_of(await buyer.get("/en/books/1"))


async def test_what_is_typed_is_kept_where_the_review_was_deleted_meanwhile(
    buyer: Visitor,
) -> None:
    """It can be published as a new one."""
    await write(buyer, rating=4, text="Muy bueno", reviewer="Ana")
    open_form = fields_of(await buyer.get(FORM), FORM)
    await buyer.submit(f"{FORM}/delete", review_id=open_form["review_id"])
    refused = await buyer.submit(FORM, **{**open_form, "text": "Mejor aún"})
    published = await buyer.submit(FORM, **fields_of(refused, FORM))

    assert refused.status_code == 409
    assert "Your review was deleted meanwhile." in text_of(refused)
    assert "Thank you: your review is published." in text_of(published)
    assert "Ana Mejor aún" in text_of(published)


async def test_who_has_not_bought_reads_why_there_is_no_form(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Visitors are led to the sign-in and back; a form that is sent all the same is refused."""
    await shop.sell("Rayuela")
    unknown = await visitor.get(FORM)
    await visitor.sign_up()
    page = await visitor.get(FORM)
    sent = await visitor.send(FORM, rating=5)

    assert unknown.headers["location"] == "/en/sign-in?next=/en/books/1/review"
    assert "Only people who bought this book here review it" in text_of(page)
    assert 'name="rating"' not in page.text
    assert sent.status_code == 403
    assert "Only people who bought this book here review it" in text_of(sent)


async def test_reviews_are_sorted_and_paged(visitor: Visitor, shop: ShopInProcess) -> None:
    """Ten on a page, by stars too; a cursor of nowhere has a way on."""
    await shop.sell("Rayuela")
    database = shop.apps["catalog"].state.services.database
    from piccolo.querystring import QueryString

    for user in range(100, 112):
        await database.execute(
            QueryString(
                "INSERT INTO reviews (book_id, user_id, rating, text, state, open_reports,"
                " revision, created_at) VALUES (1, {}, {}, {}, 'published', 0, 1, {})",
                *(user, 1 + user % 5, f"review-{user}", shop.clock()),
            )
        )
    await database.execute(
        QueryString(
            "UPDATE books SET stars_1 = 3, stars_2 = 3, stars_3 = 2, stars_4 = 2, stars_5 = 2"
        )
    )
    first = await visitor.get("/en/books/1?sort=highest")
    link = next(part for part in first.text.split('"') if "after=" in part).replace("&amp;", "&")
    second = await visitor.get(link.partition("#")[0])
    fives = await visitor.get("/en/books/1?rating=5")
    nowhere = await visitor.get("/en/books/1?after=x&sort=lowest")
    found = [re.findall(r"review-(\d+)", each.text) for each in (first, second, fives)]

    assert [len(each) for each in found] == [10, 2, 2]
    assert len({*found[0], *found[1]}) == 12
    assert found[2] == ["109", "104"]
    assert nowhere.status_code == 200
    assert "This part of the list is not there any more." in text_of(nowhere)


async def test_a_book_is_shown_without_its_reviews(shop: ShopInProcess) -> None:
    """Where catalog answers for the book and not for them."""
    await shop.sell("Rayuela")
    wire = Wire(shop)
    wire.losing["GET /books/1/reviews"] = 2
    async with open_storefront(shop, wire.client) as visitor:
        page = await visitor.get("/en/books/1")

    assert page.status_code == 200
    assert "The reviews cannot be shown right now." in text_of(page)


async def test_a_report_reaches_staff_who_hide_and_publish_again(
    buyer: Visitor, shop: ShopInProcess, staff: Visitor
) -> None:
    """The author reads the reason; everybody else sees nothing of the review meanwhile."""
    await write(buyer, rating=1, text="grosero", reviewer="Ana")
    async with open_storefront(shop) as other:
        await other.sign_up("eva@example.org")
        reported = await other.submit("/en/reviews/1/report", reason="offensive", note="mire")
        twice = await other.submit("/en/reviews/1/report", reason="spam")
        unchosen = await other.send("/en/reviews/1/report", note="mire")
        listed = text_of(await staff.get("/en/staff/reviews"))
        exported = (await staff.get("/en/staff/reviews.csv")).content.decode("utf-8-sig")
        page = text_of(await staff.get("/en/staff/reviews/1"))
        blank = await staff.send("/en/staff/reviews/1/hide", reason="  ")
        hidden = text_of(await staff.submit("/en/staff/reviews/1/hide", reason="Insulta."))
        unseen = text_of(await other.get("/en/books/1"))
        form = await buyer.get(FORM)
        kept = await buyer.submit(f"{FORM}/delete", review_id=1)
        found = text_of(await staff.get("/en/staff/reviews?state=hidden"))
        published = text_of(await staff.submit("/en/staff/reviews/1/restore"))
        seen = text_of(await other.get("/en/books/1"))

    assert "the shop will look at this review" in text_of(reported)
    assert "already" in text_of(twice)
    assert (unchosen.status_code, "Choose a reason." in text_of(unchosen)) == (400, True)
    assert "It insults or threatens (1)" in listed
    (row,) = csv.DictReader(io.StringIO(exported, newline=""))
    assert (row["book"], row["text"], row["reviewer"]) == ("Rayuela", "grosero", "Ana")
    assert (row["open_reports"], row["reports"]) == ("1", "offensive: mire")
    assert "mire" in page
    assert (blank.status_code, "Hide the review" in text_of(blank)) == (400, True)
    assert "No review is reported." in hidden
    assert "grosero" not in unseen
    assert "Insulta." in text_of(form)
    assert "Delete my review" not in text_of(form)
    assert "has hidden this review" in text_of(kept)
    assert "grosero" in found
    assert "its reports are closed" in published
    assert "grosero" in seen


async def test_staff_delete_a_review_after_a_question(buyer: Visitor, staff: Visitor) -> None:
    """The page of the question changes nothing; an unknown review is a page."""
    await write(buyer, rating=1)
    question = await staff.get("/en/staff/reviews/1/delete")
    before = text_of(await buyer.get("/en/books/1"))
    done = text_of(await staff.submit("/en/staff/reviews/1/delete"))
    again = text_of(await staff.submit("/en/staff/reviews/1/delete"))
    unknown = await staff.get("/en/staff/reviews/1")

    assert "It is gone for good" in text_of(question)
    assert "1 review" in before
    assert "The review is deleted." in done
    assert "The review is deleted." in again
    assert unknown.status_code == 404


async def test_the_search_shows_and_sorts_by_reviews(buyer: Visitor, shop: ShopInProcess) -> None:
    """The best reviewed first; a book without reviews has no stars."""
    await shop.sell("Ficciones")
    await write(buyer, rating=5)
    page = await buyer.get("/en/books?sort=rating")

    assert re.findall(r'class="name">(\w+)<', page.text) == ["Rayuela", "Ficciones"]
    assert page.text.count('class="rate"') == 1
    assert "Best reviewed first" in text_of(page)


@pytest.mark.parametrize("page", ["orders", "account/reviews"])
async def test_a_cursor_of_nowhere_leads_to_the_first_page(visitor: Visitor, page: str) -> None:
    """As a bookmark of an old list has it."""
    await visitor.sign_up()
    refused = await visitor.get(f"/en/{page}?after=nonsense")
    first = await visitor.get(refused.headers["location"])

    assert (refused.status_code, refused.headers["location"]) == (303, f"/en/{page}")
    assert "This part of the list is not there any more." in text_of(first)
