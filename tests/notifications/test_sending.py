"""From an event to a server that accepts the mail: once, and in spite of what fails."""

import asyncio
import random

import pytest
from piccolo.querystring import QueryString

from tests.notifications.post_office import ANA, OK, MailServer, Office, open_office


async def test_each_event_has_one_mail(office: Office, server: MailServer) -> None:
    """Though every event comes three times, and in any order."""
    events = [
        office.order("placed", 1, sequence=1, revision=1),
        office.order("paid", 2, sequence=2),
        office.order("cancelled", 3, sequence=3),
        office.order("expired", 4, sequence=4),
        office.refund(5, sequence=5),
        office.delivery("Assigned", 6, sequence=6),
        office.delivery("Delivered", 7, sequence=7),
        office.delivery("Failed", 8, sequence=8),
        office.delivery("In Transit", 9, sequence=9),  # on the page of the order only
        office.reset(1, sequence=1),
        office.new_device(1, sequence=2),
    ]
    copies = events * 3
    random.Random(7).shuffle(copies)
    await asyncio.gather(*(office.deliver(event) for event in copies))
    await office.send_due()

    assert server.subjects == sorted(
        [
            "Su pedido 1 espera el pago",
            "Su pedido 2 está pagado",
            "Su pedido 3 está cancelado",
            "Terminó el plazo para pagar su pedido 4",
            "Una devolución por su pedido 5",
            "Su pedido 6 está en camino",
            "Su pedido 7 fue entregado",
            "No se pudo entregar su pedido 8",
            "Elegir una contraseña nueva",
            "Inicio de sesión desde un dispositivo nuevo",
        ]
    )
    assert len({message["message-id"] for message in server.accepted}) == 10
    assert await office.states() == ["sent"] * 10  # a review is asked for later
    sent = [row for row in await office.mails("facts, state") if row["state"] == "sent"]
    assert {row["facts"] for row in sent} == {"{}"}


async def test_the_recipient_is_asked_of_auth(office: Office, server: MailServer) -> None:
    """With a token for each purpose; no address is stored."""
    office.auth.people[ANA]["language"] = "en"
    await office.deliver(office.order())
    await office.deliver(office.reset())
    await office.send_due()

    assert server.envelopes == [("shop@bookstore.example", ["ana@example.com"])] * 2
    assert "Your order 1 is paid" in server.subjects
    assert str(server.accepted[0]["to"]) == "Ana Ñúñez <ana@example.com>"
    assert len(office.auth.tokens) == 2
    assert "example.com" not in str(await office.mails("*"))


@pytest.mark.parametrize(
    "name",
    [
        "Gane un premio: http://evil.example/x",
        "HTTPS://evil.example",
        "www.evil.example",
        "WWW.EVIL",
        "evil.com",
        "señal.españa",
        "evil。com",
        "thief@example.com",
        "Llame al +34 900 123 456",
        "call (900)-123-456",
    ],
)
async def test_a_name_that_would_be_a_link_is_not_sent(
    office: Office, server: MailServer, name: str
) -> None:
    """Anybody may register another's address, and would so write to it in the shop's name."""
    office.auth.people[ANA]["name"] = name
    await office.deliver(office.order())
    await office.deliver(office.reset())
    await office.send_due()

    assert len(server.accepted) == 2
    for message in server.accepted:
        assert name not in message.as_string()
        assert str(message["to"]) == "ana@example.com"
        body = message.get_body(("plain",))
        assert body is not None
        assert body.get_content().startswith("Hola:")


@pytest.mark.parametrize(
    "name",
    [
        "Ana Ñúñez",
        "J.R.R. Tolkien",
        "J. K. Rowling",
        "Martin Luther King, Jr.",
        "Ana 2000",
        "王小波",
    ],
)
async def test_a_name_is_greeted(office: Office, server: MailServer, name: str) -> None:
    """Initials, numbers and other scripts included."""
    office.auth.people[ANA]["name"] = name
    await office.deliver(office.order())
    await office.send_due()
    (body,) = (message.get_body(("plain",)) for message in server.accepted)

    assert body is not None
    assert name in body.get_content().splitlines()[0]


async def test_processes_share_the_queue(database_url: str, server: MailServer) -> None:
    """Two that look at once send each mail once."""
    async with (
        open_office(database_url, server.url) as one,
        open_office(database_url, server.url, clock=one.clock) as other,
    ):
        await asyncio.gather(*(one.deliver(one.order(number=n, sequence=n)) for n in range(1, 13)))
        await asyncio.gather(one.send_due(), other.send_due())

        assert len(server.accepted) == 12
        assert len(set(server.subjects)) == 12


async def test_mails_wait_while_the_server_is_away(database_url: str) -> None:
    """The pauses grow, and the mail that arrives at last is the one that was written."""
    server = MailServer()
    async with server.listening():
        pass  # its port is free again
    async with open_office(database_url, server.url) as office:
        await office.deliver(office.order())
        pauses = []
        for _ in range(3):
            await office.send_due()
            (mail,) = await office.mails("due_at, state, tries")
            pauses.append((mail["due_at"] - office.clock()).total_seconds())
            office.clock.now = mail["due_at"]
        assert (mail["state"], mail["tries"]) == ("waiting", 3)
        assert [15 <= pauses[0] <= 45, 30 <= pauses[1] <= 90, 60 <= pauses[2] <= 180] == [True] * 3
        async with server.listening(port=server.port):
            await office.send_due()

            assert server.subjects == ["Su pedido 1 está pagado"]
            assert await office.states() == ["sent"]


async def test_mails_wait_while_auth_is_away(office: Office, server: MailServer) -> None:
    """Its address is needed first."""
    office.auth.away = True
    await office.deliver(office.order())
    await office.send_due()
    (mail,) = await office.mails()
    assert (mail["state"], "auth" in mail["reason"]) == ("waiting", True)
    office.auth.away = False
    office.clock.advance(minutes=1)
    await office.send_due()

    assert len(server.accepted) == 1


async def test_a_refused_recipient_is_put_aside(office: Office, server: MailServer) -> None:
    """With the server's reason, and without holding up others; an admin sends it again."""
    office.auth.people[8] = {"email": "full@example.com", "name": None, "language": "en"}
    office.auth.people[9] = {"email": "later@example.com", "name": None, "language": "en"}
    answers = {"full@example.com": "550 5.1.1 no such user", "later@example.com": "450 4.2.1 busy"}
    server.rcpt = lambda address: answers.get(address, OK)
    for number, user_id in enumerate((8, 9, ANA), 1):
        await office.deliver(office.order(number=number, sequence=number, user_id=user_id))
    await office.send_due()

    assert server.subjects == ["Su pedido 3 está pagado"]
    assert [(row["state"], row["reason"]) for row in await office.mails()] == [
        ("put-aside", "550 5.1.1 no such user"),
        ("waiting", "450 4.2.1 busy"),
        ("sent", None),
    ]
    answers.clear()
    (aside,) = (await office.call("GET", "/internal/mails?status=put-aside", role="admin")).json()
    path = f"/internal/mails/{aside['id']}/retry"
    answered = [(await office.call("POST", path, role="admin")).status_code]
    await office.send_due()
    answered.append((await office.call("POST", path, role="admin")).status_code)

    assert answered == [200, 409]
    assert aside["reason"] == "550 5.1.1 no such user"
    assert "Your order 1 is paid" in server.subjects


async def test_a_refused_message_is_put_aside(office: Office, server: MailServer) -> None:
    """Also where the server decides after it has read it."""

    async def spam() -> str:
        return "554 5.7.1 looks like spam"

    server.data = spam
    await office.deliver(office.order())
    await office.send_due()

    assert [(row["state"], row["reason"]) for row in await office.mails()] == [
        ("put-aside", "554 5.7.1 looks like spam")
    ]


async def test_a_slow_server_ends_at_the_time_limit(database_url: str, server: MailServer) -> None:
    """The mail waits for its next try."""
    never = asyncio.Event()

    async def silence() -> str:
        await never.wait()
        return OK

    server.data = silence
    async with open_office(database_url, server.url, SMTP_TIMEOUT_SECONDS="0.3") as office:
        await office.deliver(office.order())
        await office.send_due()

        assert await office.states() == ["waiting"]
    never.set()


async def test_a_stop_lets_the_mail_on_its_way_arrive(
    database_url: str, server: MailServer
) -> None:
    """The process that is stopped records it, so that it is not sent again."""
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        reading.set()
        await go_on.wait()
        return OK

    server.data = slow
    async with open_office(database_url, server.url) as office:
        await office.deliver(office.order())
        await reading.wait()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
    async with open_office(database_url, server.url, clock=office.clock) as later:
        await later.send_due()

        assert await later.states() == ["sent"]
    assert len(server.accepted) == 1


async def test_a_reset_that_is_tried_again_has_another_link(
    office: Office, server: MailServer
) -> None:
    """auth keeps both, so whichever mail arrives opens the page."""
    answers = ["450 4.3.0 busy", OK]
    server.rcpt = lambda _: answers.pop(0)
    await office.deliver(office.reset())
    await office.send_due()
    office.clock.advance(minutes=1)
    await office.send_due()
    (message,) = server.accepted
    body = message.get_body(("plain",))

    assert body is not None
    assert "http://shop.test/es/reset-password?token=link-2" in body.get_content()
    assert "link-" not in str(await office.mails("*"))


async def test_a_defect_of_one_mail_holds_up_no_other(office: Office, server: MailServer) -> None:
    """Its facts are of another kind, say: it waits, with the reason, and the others are sent."""
    office.auth.away = True
    await office.deliver(office.order(number=1, sequence=1))
    await office.send_due()
    await office.database.execute(QueryString("UPDATE mails SET facts = '[]'"))
    office.auth.away = False
    office.clock.advance(minutes=1)
    for number in range(2, 8):
        await office.deliver(office.order(number=number, sequence=number))
    await office.send_due()
    first, *others = await office.mails()

    assert (first["state"], first["reason"]) == ("waiting", "cannot be written: ValidationError")
    assert {row["state"] for row in others} == {"sent"}


async def test_skipped_mails_hold_up_no_other(office: Office, server: MailServer) -> None:
    """However many come first."""
    await office.call("PATCH", "/preferences", {"delivery_updates": False})
    for number in range(1, 8):
        await office.deliver(office.delivery("Assigned", number, sequence=number))
    await office.deliver(office.order(number=9, sequence=9))
    await office.send_due()

    assert await office.states() == ["skipped"] * 7 + ["sent"]


async def test_without_a_server_nothing_waits(database_url: str) -> None:
    """What is written is skipped, so a server that is set later sends no old mails."""
    async with open_office(database_url, "off") as office:
        await office.deliver(office.order())
        await office.send_due()

        assert [row["reason"] for row in await office.mails()] == ["SMTP_URL is off"]
