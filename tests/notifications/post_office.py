"""notifications running in this process, a real SMTP server, and auth's answers on its wire."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import httpx
import msgspec
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from litestar import Litestar
from piccolo.querystring import QueryString

from functions.kit.data.database import Row
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from functions.notifications import migrations
from functions.notifications.app import create_app
from functions.notifications.settings import NotificationsSettings
from tests.support.apps import Running, serving
from tests.support.clock import FakeClock
from tests.support.contracts import validator
from tests.support.registration import registered_once
from tests.support.schemas import with_schema
from tests.support.signing import SECRET, SIGNER
from tests.support.tokens import Issuer

ORDERS, ACCOUNTS = "/bookstore/purchase/orders", "/bookstore/auth/accounts"
ANA = 7
PRICE_MINOR = 1990
OK = "250 OK"


class MailServer:
    """An SMTP server of aiosmtpd, whose answers a test chooses."""

    def __init__(self) -> None:
        self.accepted: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.encrypted: list[bool] = []
        self.rcpt: Callable[[str], str] = lambda _: OK
        """The answer to a recipient."""
        self.data: Callable[[], Awaitable[str]] | None = None
        """The answer to a message that was read."""
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, _: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del session, options
        answer = self.rcpt(address)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del session
        assert isinstance(envelope.content, bytes)
        self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        assert smtp.transport is not None
        self.encrypted.append(smtp.transport.get_extra_info("ssl_object") is not None)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        answer = OK if self.data is None else await self.data()
        if answer == OK:
            self.accepted.append(message)
        return answer

    def authenticate(self, *arguments: Any) -> AuthResult:
        data = arguments[-1]
        self.logins.append((data.login, data.password))
        # Handled would mean that the refusal was answered already.
        return AuthResult(success=data.password == b"right password", handled=False)

    @property
    def subjects(self) -> list[str]:
        return sorted(str(message["subject"]) for message in self.accepted)

    @property
    def url(self) -> str:
        return f"smtp+plain://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def listening(
        self, *, port: int = 0, tls: ssl.SSLContext | None = None, **options: Any
    ) -> AsyncIterator[None]:
        """`tls` encrypts from the first byte; STARTTLS is an option of aiosmtpd."""
        loop = asyncio.get_running_loop()

        def protocol() -> SMTP:
            with warnings.catch_warnings():  # of a login without STARTTLS
                warnings.simplefilter("ignore")
                return SMTP(self, loop=loop, **{"enable_SMTPUTF8": True, **options})

        server = await loop.create_server(protocol, "127.0.0.1", port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()


class AuthDouble:
    """What auth's internal API answers; the wire is all that is not real."""

    def __init__(self) -> None:
        self.people: dict[int, dict[str, Any]] = {
            ANA: {"email": "ana@example.com", "name": "Ana Ñúñez", "language": "es"}
        }
        self.resets: dict[int, int] = {}
        """User by request."""
        self.links = 0
        self.away = False
        self.tokens: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("nobody listens", request=request)
        if "/streams/" in request.url.path:
            return httpx.Response(503)
        self.tokens.add(request.headers.get("authorization", ""))
        *_, kind, number, _ = request.url.path.split("/")
        user_id = int(number) if kind == "users" else self.resets.get(int(number), 0)
        person = self.people.get(user_id)
        if person is None:
            return httpx.Response(404, json={"code": "user-not-found"})
        answer = {"user_id": user_id, **person}
        if kind == "password-resets":
            self.links += 1
            answer["link"] = f"http://shop.test/es/reset-password?token=link-{self.links}"
        return httpx.Response(200, json=answer)


class Office(Running):
    """A running notifications service."""

    def __init__(
        self,
        app: Litestar,
        client: httpx.AsyncClient,
        clock: FakeClock,
        issuer: Issuer,
        auth: AuthDouble,
    ) -> None:
        super().__init__(app, client, clock)
        self.issuer = issuer
        self.auth = auth

    async def deliver(self, event: Event) -> None:
        """Deliver an event that its owner has signed, as the broker does."""
        headers, body = cloudevents.write(SIGNER.sign(event))
        response = await self.client.post("/events", headers=headers, content=body)
        assert response.status_code == 202, response.text

    async def send_due(self) -> None:
        """Everything that is due has been tried once this returns."""
        sender = self.app.state.services.sender
        assert sender is not None
        await sender.send_due(self.database)

    async def mails(self, columns: str = "kind, state, reason") -> list[Row]:
        query = QueryString(f"SELECT {columns} FROM mails ORDER BY id")  # noqa: S608 - by tests
        rows: list[Row] = (await self.database.execute(query)).rows
        return rows

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.mails()]

    async def call(
        self, method: str, path: str, body: Any = None, *, user: int | None = ANA, role: str = ""
    ) -> httpx.Response:
        who = {} if user is None else self.issuer.bearer(user, role or "customer")
        return await self.send(method, path, body, who, {})

    def event(
        self,
        event_type: str,
        data: dict[str, Any],
        *,
        subject: str,
        sequence: int,
        revision: int = 1,
        **members: Any,
    ) -> Event:
        """An event that keeps its contract, of this moment unless said otherwise."""
        assert list(validator(event_type).iter_errors(data)) == []
        source = ACCOUNTS if event_type.startswith("bookstore.user.") else ORDERS
        given = {"time": self.clock(), **members}
        return Event(
            id=f"{event_type}-{subject}-{revision}-{sequence}",
            source=source,
            type=event_type,
            subject=subject,
            sequence=sequence,
            revision=revision,
            data=msgspec.json.encode(data),
            **given,
        )

    def order(
        self,
        change: str = "paid",
        number: int = 1,
        *,
        sequence: int = 1,
        revision: int = 2,
        user_id: int = ANA,
        total: int = 2 * PRICE_MINOR + 500,
        title: str = "Rayuela",
        **members: Any,
    ) -> Event:
        """bookstore.purchase.CHANGE.v1"""
        status = {"placed": "Pending Payment", "paid": "Paid"}.get(change, change.capitalize())
        data = {
            "purchase_id": number,
            "user_id": user_id,
            "status": status,
            "items": [
                {
                    "book_id": 1,
                    "title": title,
                    "quantity": 2,
                    "unit_price_minor": PRICE_MINOR,
                }
            ],
            "delivery_fee_minor": 500,
            "total_minor": total,
            "currency": "USD",
            "created_at": "2026-03-14T09:20:00Z",
            "expires_at": "2026-03-14T09:41:00Z",
        }
        return self.event(
            f"bookstore.purchase.{change}.v1",
            data,
            subject=f"purchase/{number}",
            sequence=sequence,
            revision=revision,
            **members,
        )

    def delivery(
        self, status: str = "Assigned", number: int = 1, *, sequence: int = 1, revision: int = 3
    ) -> Event:
        data = {
            "assignment_id": 1,
            "purchase_id": number,
            "provider_id": 1,
            "provider_name": "Correo Rápido",
            "status": status,
            "user_id": ANA,
        }
        change = "assigned" if status == "Assigned" else "updated"
        return self.event(
            f"bookstore.delivery.{change}.v1",
            data,
            subject=f"purchase/{number}",
            sequence=sequence,
            revision=revision,
        )

    def refund(self, number: int = 1, *, refunded: int = 2000, sequence: int = 1) -> Event:
        data = {
            "payment_id": 1,
            "purchase_id": number,
            "user_id": ANA,
            "amount_minor": 4480,
            "refunded_minor": refunded,
            "currency": "USD",
            "status": "Completed" if refunded < 4480 else "Refunded",
        }
        return self.event(
            "bookstore.payment.refunded.v1",
            data,
            subject=f"purchase/{number}",
            sequence=sequence,
            revision=4,
        )

    def reset(self, number: int = 1, *, sequence: int = 1) -> Event:
        self.auth.resets[number] = ANA
        data = {
            "reset_id": number,
            "user_id": ANA,
            "language": "es",
            "expires_at": "2026-03-14T10:26:53Z",
        }
        return self.event(
            "bookstore.user.password_reset_requested.v1",
            data,
            subject=f"password-reset/{number}",
            sequence=sequence,
        )

    def new_device(self, number: int = 1, *, sequence: int = 1, browser: str = "Firefox") -> Event:
        data = {
            "device_id": number,
            "user_id": ANA,
            "browser": browser,
            "system": "Linux",
            "signed_in_at": "2026-03-14T09:26:00Z",
        }
        return self.event(
            "bookstore.user.new_device_signed_in.v1",
            data,
            subject=f"device/{number}",
            sequence=sequence,
        )


@asynccontextmanager
async def open_office(
    database_url: str, smtp_url: str, *, clock: FakeClock | None = None, **environ: str
) -> AsyncIterator[Office]:
    clock, auth = clock or FakeClock(), AuthDouble()
    issuer = Issuer(clock)
    settings = NotificationsSettings.from_mapping(
        {
            "DATABASE_URL": database_url,
            "AUTO_MIGRATE": "true",
            "INTERNAL_SECRET": SECRET,
            "SMTP_URL": smtp_url,
            "MAIL_FROM": "La librería <shop@bookstore.example>".replace("í", "i"),
            "STOREFRONT_URL": "http://shop.test",
            # The feeds are not read here: events arrive as a broker delivers them.
            "K_SINK": "http://broker.test",
            **environ,
        }
    )
    await with_schema(database_url, migrations)
    app = registered_once(create_app, settings, clock=clock, http=issuer.wire(auth))
    async with serving(app) as client:
        yield Office(app, client, clock, issuer, auth)
