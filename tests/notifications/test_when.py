"""When no mail is sent: too late, not wanted, replaced, or to nobody."""

import asyncio
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec
import pytest
from piccolo.querystring import QueryString

from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from functions.notifications import queries
from functions.notifications.commands.orders import purge_orders, write_due_requests
from tests.notifications.post_office import ANA, MailServer, Office
from tests.support.signing import SIGNER


async def test_an_old_event_writes_no_mail(office: Office, server: MailServer) -> None:
    """As one that a repair finds days later; neither does a state of a snapshot."""
    before = office.clock()
    office.clock.advance(days=3)
    await office.deliver(office.order(time=before))
    await office.deliver(office.order(number=2, sequence=2, time=None))
    await office.send_due()

    assert (await office.mails(), server.accepted) == ([], [])


async def test_a_mail_is_not_sent_after_its_time(office: Office, server: MailServer) -> None:
    """One that was tried in vain is put aside, so that somebody hears of it."""
    office.auth.away = True
    await office.deliver(office.reset())
    await office.send_due()
    office.auth.away = False
    office.clock.advance(hours=1)
    await office.send_due()
    (mail,) = await office.mails()

    assert (mail["state"], server.accepted) == ("put-aside", [])
    assert "auth" in mail["reason"]


async def test_who_has_paid_is_not_asked_to_pay(office: Office, server: MailServer) -> None:
    """The later mail about the order replaces the request, also where it arrived before."""
    await office.deliver(office.order("paid", sequence=2, revision=2))
    await office.deliver(office.order("placed", sequence=1, revision=1))
    await office.send_due()

    assert server.subjects == ["Su pedido 1 está pagado"]
    assert sorted(await office.states()) == ["sent", "skipped"]


async def close(office: Office, user_id: int) -> None:
    data = {
        "user_id": user_id,
        "disabled": True,
        "closed": True,
        "tokens_not_before": "2026-03-14T09:26:53Z",
    }
    event = Event(
        id="closed",
        source="/bookstore/auth/security",
        type="bookstore.user.disabled.v1",
        subject=f"user/{user_id}",
        sequence=1,
        revision=1,
        data=msgspec.json.encode(data),
    )
    headers, body = cloudevents.write(SIGNER.sign(event))
    assert (await office.client.post("/events", headers=headers, content=body)).status_code == 202


async def test_a_closed_account_gets_no_mail(office: Office, server: MailServer) -> None:
    """What was written is deleted, and what is written later finds no address."""
    office.auth.away = True
    await office.deliver(office.order(sequence=1))
    await office.call("PATCH", "/preferences", {"delivery_updates": False})
    await close(office, ANA)
    assert await office.mails() == []
    office.auth.away = False
    del office.auth.people[ANA]
    await office.deliver(office.order(number=2, sequence=2))
    await office.send_due()

    assert server.accepted == []
    assert [row["reason"] for row in await office.mails()] == ["the account is closed"]


async def test_a_used_request_has_no_mail(office: Office, server: MailServer) -> None:
    """auth has no link for it any more."""
    event = office.reset()
    office.auth.resets.clear()
    await office.deliver(event)
    await office.send_due()

    assert (await office.states(), server.accepted) == (["skipped"], [])


@pytest.mark.parametrize(
    "members",
    [{"user_id": 0}, {"currency": "usd"}, {"items": [{"title": "x"}]}, {"total_minor": -1}],
)
async def test_an_invalid_event_is_quarantined(office: Office, members: dict[str, Any]) -> None:
    """No mail, no refusal to the broker, and the next event takes effect."""
    broken = office.order(sequence=1)
    data = {**msgspec.json.decode(broken.data), **members}
    await office.deliver(msgspec.structs.replace(broken, data=msgspec.json.encode(data)))
    await office.deliver(office.order(number=2, sequence=2))
    letters = await office.call("GET", "/internal/dead-letters", role="admin")

    assert len(await office.mails()) == 1
    assert [letter["kind"] for letter in letters.json()] == ["quarantined"]


async def test_delivery_updates_can_be_ended(office: Office, server: MailServer) -> None:
    """By the link of a mail, without signing in; what concerns money still comes."""
    await office.deliver(office.delivery("Assigned", 1, sequence=1))
    await office.send_due()
    (mail,) = server.accepted
    link = mail["list-unsubscribe"].strip("<>")
    body = {"token": link.partition("?token=")[2]}
    answers = [await office.call("POST", "/unsubscribe", body, user=None) for _ in range(2)]
    await office.deliver(office.delivery("Delivered", 1, sequence=2, revision=5))
    await office.deliver(office.order("paid", 2, sequence=3))
    await office.send_due()

    assert link.startswith("http://shop.test/es/unsubscribe?token=")
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert [answer.status_code for answer in answers] == [200, 200]
    assert server.subjects == ["Su pedido 1 está en camino", "Su pedido 2 está pagado"]
    wanted = (await office.call("GET", "/preferences")).json()
    assert wanted == {"delivery_updates": False, "review_requests": True}
    assert "list-unsubscribe" not in {key.lower() for key in server.accepted[1]}


async def test_a_customer_chooses_again(office: Office, server: MailServer) -> None:
    """Signed in; each has preferences of their own, and everything is wanted at first."""
    first = await office.call("GET", "/preferences")
    for wanted in (False, True):
        changed = await office.call("PATCH", "/preferences", {"delivery_updates": wanted})
        assert changed.json() == {"delivery_updates": wanted, "review_requests": True}
    await office.deliver(office.delivery("Delivered"))
    await office.send_due()

    assert first.json() == {"delivery_updates": True, "review_requests": True}
    assert len(server.accepted) == 1


@pytest.mark.parametrize("token", ["unknown", "x" * 200, "' OR 1=1 --", "ñ"])
async def test_another_token_ends_nothing(office: Office, token: str) -> None:
    """The refusal says what to do."""
    await office.call("PATCH", "/preferences", {"delivery_updates": True})
    response = await office.call("POST", "/unsubscribe", {"token": token}, user=None)

    assert (response.status_code, response.json()["code"]) == (404, "unsubscribe-invalid")
    wanted = (await office.call("GET", "/preferences")).json()
    assert wanted == {"delivery_updates": True, "review_requests": True}


ASKS = "¿Qué le parece su libro?"


async def delivered(office: Office, number: int = 1, *, sequence: int = 1) -> None:
    """An order is paid, and the books arrive at once."""
    await office.deliver(office.order("paid", number, sequence=sequence))
    await office.deliver(office.delivery("Delivered", number, sequence=sequence + 1, revision=6))
    await office.send_due()


async def test_a_review_is_asked_for_some_days_after_the_delivery(
    office: Office, server: MailServer
) -> None:
    """Once, with the pages of the books, and of the day on which it is sent."""
    await delivered(office)
    office.clock.advance(days=4, hours=23)
    await office.send_due()
    before = server.subjects
    office.clock.advance(hours=1)
    await office.send_due()
    await office.deliver(office.delivery("Delivered", sequence=3, revision=9))
    office.clock.advance(days=6)
    await office.send_due()
    asking = [mail for mail in server.accepted if mail["subject"] == ASKS]
    text = asking[0].get_body(("plain",))

    assert ASKS not in before
    assert len(asking) == 1
    assert text is not None
    assert "Rayuela:\nhttp://shop.test/es/books/1\n" in text.get_content().replace("\r\n", "\n")
    sent_on = parsedate_to_datetime(asking[0]["date"]).date()
    assert sent_on == (office.clock() - timedelta(days=6)).date()


async def test_a_mail_of_a_kind_of_another_release_holds_up_no_other(
    office: Office, server: MailServer
) -> None:
    """A newer release wrote it before it was rolled back, and sends it when it runs again."""
    office.auth.away = True  # the service tries a mail as soon as its event is there
    await office.deliver(office.order("paid", 1))
    await office.send_due()
    await office.database.execute(QueryString("UPDATE mails SET kind = 'of-a-newer-release'"))
    office.auth.away = False
    office.clock.advance(hours=1)
    await office.deliver(office.order("paid", 2, sequence=2))
    await office.send_due()

    assert server.subjects == ["Su pedido 2 está pagado"]
    assert await office.states() == ["waiting", "sent"]


async def test_what_is_sent_later_is_no_mail_yet(office: Office) -> None:
    """The release before does not know the kind, and would try it."""
    await delivered(office)
    office.clock.advance(days=5)

    assert {row["kind"] for row in await office.mails("kind")} == {"order-paid", "order-delivered"}


async def test_processes_that_look_at_once_ask_once(office: Office, server: MailServer) -> None:
    """For each order."""
    for number in range(1, 6):
        await delivered(office, number, sequence=2 * number)
    office.clock.advance(days=5)
    await asyncio.gather(*(write_due_requests(office.database, office.clock()) for _ in range(3)))
    await office.send_due()
    await office.send_due()

    assert server.subjects.count(ASKS) == 5


@pytest.mark.parametrize(("days", "asked"), [(5, True), (11, True), (12, False), (40, False)])
async def test_a_service_that_was_away_asks_a_week_later_at_most(
    office: Office, server: MailServer, days: int, asked: bool
) -> None:
    """After that nobody remembers."""
    await delivered(office)
    office.clock.advance(days=days)
    await office.send_due()
    await office.send_due()

    assert server.subjects.count(ASKS) == asked


@pytest.mark.parametrize("days", [0, 4])
@pytest.mark.parametrize("refunded", [1, 4480])
@pytest.mark.parametrize("first", [True, False])
async def test_who_got_money_back_is_not_asked_for_a_review(
    office: Office, server: MailServer, days: int, refunded: int, first: bool
) -> None:
    """In part or as a whole, whichever event arrives first and however late."""
    refund = office.refund(refunded=refunded, sequence=9)
    if first:
        await office.deliver(refund)
    await delivered(office)
    office.clock.advance(days=days)
    if not first:
        await office.deliver(refund)
    office.clock.advance(days=5)
    await office.send_due()
    reasons = {mail["kind"]: mail["reason"] for mail in await office.mails()}

    assert ASKS not in server.subjects
    assert reasons["review-request"] == "the order was refunded"


async def test_the_books_may_be_heard_of_after_the_delivery(
    office: Office, server: MailServer
) -> None:
    """A broker keeps no order. Without the books there is nothing to ask about."""
    await office.deliver(office.delivery("Delivered", 1, sequence=1, revision=6))
    await office.deliver(office.delivery("Delivered", 2, sequence=2, revision=6))
    await office.deliver(office.order("paid", 1, sequence=3))
    office.clock.advance(days=5)
    await office.send_due()
    asked = [mail for mail in await office.mails() if mail["kind"] == "review-request"]

    assert server.subjects.count(ASKS) == 1
    assert [(mail["state"], mail["reason"]) for mail in asked] == [
        ("sent", None),
        ("skipped", "the books of the order are not known"),
    ]


async def test_a_closed_account_is_not_asked_for_a_review(
    office: Office, server: MailServer
) -> None:
    """Nothing of its orders is kept."""
    await delivered(office)
    await close(office, ANA)
    office.clock.advance(days=5)
    await office.send_due()
    kept = await office.database.execute(QueryString("SELECT * FROM orders"))

    assert ASKS not in server.subjects
    assert (await office.mails(), kept.rows) == ([], [])


async def test_requests_for_reviews_are_ended_by_themselves(
    office: Office, server: MailServer
) -> None:
    """By the link of one, which leaves the updates of deliveries, and in the account."""
    await delivered(office)
    office.clock.advance(days=5)
    await office.send_due()
    (mail,) = [mail for mail in server.accepted if mail["subject"] == ASKS]
    link = httpx.URL(mail["list-unsubscribe"].strip("<>"))
    body = {"token": link.params["token"], "mails": link.params["mails"]}
    ended = await office.call("POST", "/unsubscribe", body, user=None)
    wanted = (await office.call("GET", "/preferences")).json()
    await delivered(office, 2, sequence=3)
    office.clock.advance(days=5)
    await office.send_due()

    assert (link.path, ended.status_code) == ("/es/unsubscribe", 200)
    assert wanted == {"delivery_updates": True, "review_requests": False}
    assert server.subjects.count(ASKS) == 1
    assert "Su pedido 2 fue entregado" in server.subjects

    again = await office.call("PATCH", "/preferences", {"review_requests": True})
    await delivered(office, 3, sequence=5)
    office.clock.advance(days=5)
    await office.send_due()

    assert again.json() == {"delivery_updates": True, "review_requests": True}
    assert server.subjects.count(ASKS) == 2


async def test_what_is_known_of_an_order_is_deleted_in_the_end(office: Office) -> None:
    """Whether it was delivered or not."""
    await office.deliver(office.order("paid"))
    office.clock.advance(days=179)
    await purge_orders(office.database, office.clock())
    kept = await queries.known_order(office.database, 1)
    office.clock.advance(days=2)
    await purge_orders(office.database, office.clock())

    assert kept is not None
    assert await queries.known_order(office.database, 1) is None
