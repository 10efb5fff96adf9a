"""Reports of reviews, and what staff do about them."""

import asyncio
import json
from typing import Any

import pytest

from tests.catalog.library import CUSTOMER, Library
from tests.catalog.reviewing import OTHER, edit, listed, posted, query, ratings
from tests.support.contracts import violations
from tests.support.signing import FEED
from tests.support.snapshots import states_of


async def report(
    library: Library, review_id: int = 1, *, user: int = OTHER, reason: str = "spam", **more: Any
) -> tuple[int, str | None]:
    """Status and code."""
    body = {"reason": reason, **more}
    response = await library.call("POST", f"/reviews/{review_id}/reports", body, user=user)
    return response.status_code, response.json().get("code")


async def to_moderate(library: Library, state: str = "reported") -> list[dict[str, Any]]:
    response = await library.call("GET", f"/reviews?state={state}")
    assert response.status_code == 200, response.text
    reviews: list[dict[str, Any]] = response.json()
    return reviews


async def test_a_review_is_reported_once_by_each_account(library: Library) -> None:
    """Not by its author. Staff see reasons and notes without the names of those who report."""
    await library.add()
    await posted(library)
    answers = [
        await report(library, note="  es  publicidad "),
        await report(library),
        await report(library, user=9, reason="private"),
        await report(library, user=CUSTOMER),
        await report(library, 99),
    ]
    (review,) = await to_moderate(library)

    assert answers == [
        (200, None),
        (409, "already-reported"),
        (200, None),
        (409, "own-review"),
        (404, "review-not-found"),
    ]
    assert (review["open_reports"], review["book_title"], review["user_id"]) == (
        2,
        "Rayuela",
        CUSTOMER,
    )
    assert sorted((each["reason"], each["note"]) for each in review["reports"]) == [
        ("private", None),
        ("spam", "es publicidad"),
    ]
    assert "user_id" not in review["reports"][0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": "boring"}, "reason"),
        ({"reason": None}, "reason"),
        ({"reason": "spam", "note": "x" * 501}, "note"),
        ({"reason": "spam", "note": "a\nb"}, "note"),
        ({"reason": "spam", "note": 7}, "note"),
    ],
)
async def test_an_invalid_report_is_refused_by_its_field(
    library: Library, body: dict[str, Any], field: str
) -> None:
    """400, and the review has no report."""
    await library.add()
    await posted(library)
    response = await library.call("POST", "/reviews/1/reports", body, user=OTHER)

    assert response.status_code == 400
    assert [each["field"] for each in response.json()["errors"]] == [field]
    assert await to_moderate(library) == []


async def test_a_hidden_review_is_seen_by_its_author_and_staff_alone(library: Library) -> None:
    """With the reason; it is not counted, not reported, and not deleted by its author."""
    await library.add()
    await posted(library, 1, text="grosero")
    await report(library)
    hidden = await library.call("POST", "/reviews/1/hide", {"reason": "Insulta."})
    seen = [
        (await library.call("GET", "/reviews/1", user=user)).status_code
        for user in (None, OTHER, CUSTOMER, 1)
    ]
    own = (await library.call("GET", "/books/1/reviews/own", user=CUSTOMER)).json()["review"]
    deleted = await library.call("DELETE", "/reviews/1", user=CUSTOMER)

    assert hidden.status_code == 200
    assert seen == [404, 404, 200, 200]
    assert (own["state"], own["hidden_reason"]) == ("hidden", "Insulta.")
    assert await listed(library) == []
    assert await ratings(library) == (None, 0, [0, 0, 0, 0, 0])
    assert await to_moderate(library) == []
    assert [each["id"] for each in await to_moderate(library, "hidden")] == [1]
    assert (deleted.status_code, deleted.json()["code"]) == (409, "review-hidden")
    assert await report(library, user=9) == (404, "review-not-found")


async def test_staff_restore_a_review_or_dismiss_its_reports(library: Library) -> None:
    """Both are `restore`, and can be sent again. A new text can be reported again."""
    await library.add()
    await posted(library, 2)
    await library.call("POST", "/reviews/1/hide", {"reason": "r"})
    await edit(library, 1, rating=3)
    assert await ratings(library) == (None, 0, [0, 0, 0, 0, 0])
    for _ in range(2):
        assert (await library.call("POST", "/reviews/1/restore")).status_code == 200
    assert await ratings(library) == (300, 1, [0, 0, 1, 0, 0])
    await report(library)
    await library.call("POST", "/reviews/1/restore")

    assert await to_moderate(library) == []
    assert await report(library) == (409, "already-reported")
    await edit(library, 1, text="otra cosa")
    assert await report(library) == (200, None)


async def test_the_most_reported_come_first(library: Library) -> None:
    """Page by page, each once."""
    await library.add()
    for user in (100, 101, 102):
        await posted(library, user=user)
    for review_id, reports in ((1, 1), (2, 3), (3, 1)):
        for user in range(200, 200 + reports):
            await report(library, review_id, user=user)
    ids = []
    path: str | None = "/reviews?limit=1"
    while path is not None:
        response = await library.call("GET", path)
        ids += [each["id"] for each in response.json()]
        path = response.links.get("next", {}).get("url")

    assert ids == [2, 3, 1]
    wrong = await library.call("GET", "/reviews?state=hidden&after=WyJyZXBvcnRlZCIsMSwxXQ")
    assert wrong.status_code == 400


@pytest.mark.parametrize("state", ["reported", "published", "hidden"])
@pytest.mark.parametrize("sort", ["created", "rating", "reports"])
async def test_reviews_are_listed_in_each_order(library: Library, state: str, sort: str) -> None:
    """Forwards and backwards, page by page; of equal ones by age."""
    await library.add()
    for number in range(6):
        await posted(library, 1 + number * 2 % 5, user=100 + number)
    for review_id in range(1, 7):
        for user in range(200, 200 + review_id % 3):
            await report(library, review_id, user=user)
    if state == "hidden":
        for review_id in (2, 3, 5, 6):
            await library.call("POST", f"/reviews/{review_id}/hide", {"reason": "r"})
    found = {each["id"]: each for each in await walk(library, f"/reviews?state={state}")}
    key = {"created": "id", "rating": "rating", "reports": "open_reports"}[sort]
    ordered = sorted(found, key=lambda i: (found[i][key], i))
    path = f"/reviews?state={state}"
    up = await walk(library, f"{path}&limit=1&sort={sort}")
    down = await walk(library, f"{path}&limit=2&sort=-{sort}")

    assert len(found) >= 4
    assert [each["id"] for each in up] == ordered
    assert [each["id"] for each in down] == ordered[::-1]


async def test_a_cursor_is_of_one_order_and_state(library: Library) -> None:
    """In another list it would leave reviews out."""
    await library.add()
    for user in (100, 101):
        await posted(library, user=user)
    page = await library.call("GET", "/reviews?state=published&sort=rating&limit=1")
    link = page.links["next"]["url"]
    others = ("sort=-rating", "sort=created", "sort=reports")
    answers = [await library.call("GET", link.replace("sort=rating", other)) for other in others]
    answers.append(await library.call("GET", link.replace("state=published", "state=hidden")))

    assert (await library.call("GET", link)).status_code == 200
    assert {answer.status_code for answer in answers} == {400}


async def walk(library: Library, path: str | None) -> list[dict[str, Any]]:
    """Everything that the pages of a list have."""
    found: list[dict[str, Any]] = []
    while path is not None:
        response = await library.call("GET", path)
        assert response.status_code == 200, response.text
        found += response.json()
        path = response.links.get("next", {}).get("url")
    return found


async def test_parallel_reports_are_all_counted(library: Library) -> None:
    """Each account once, whatever it sends."""
    await library.add()
    await posted(library)
    answers = await asyncio.gather(
        *(report(library, user=user) for user in (100, 101, 102, 103) for _ in range(2))
    )
    (row,) = await query(library, "SELECT open_reports FROM reviews")

    assert sorted(status for status, _ in answers) == [200] * 4 + [409] * 4
    assert row["open_reports"] == 4


async def test_the_snapshot_has_every_review(library: Library, monkeypatch: Any) -> None:
    """In pages, hidden ones too, as the contracts say."""
    monkeypatch.setattr("functions.catalog.queries.reviews.SNAPSHOT_PAGE", 2)
    await library.add()
    for user in (100, 101, 102):
        await posted(library, user=user)
    await library.call("POST", "/reviews/2/hide", {"reason": "r"})
    await library.call("DELETE", "/reviews/3")
    snapshot = await library.client.get("/internal/snapshots/reviews", headers=FEED)
    states = [json.loads(line) for line in snapshot.text.splitlines()[1:-1]]

    assert [(each["type"], each["revision"], each["data"]["state"]) for each in states] == [
        ("bookstore.review.posted.v1", "1", "published"),
        ("bookstore.review.changed.v1", "2", "hidden"),
    ]
    assert [each["data"] for each in await states_of(library.client, "reviews", 1)] == [
        each["data"] for each in states
    ]
    assert violations(states) == []
