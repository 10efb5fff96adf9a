"""Sends the mails that are due, several at a time, each within a time limit.

A mail is claimed in one transaction, sent outside of any, and finished in another one. A process
that is killed between the server's answer 250 and that transaction leaves a mail that is sent
again, with the same Message-ID and Date, so that a receiving server can drop the second one.
"""

import asyncio
import logging
import random
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import msgspec

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database
from functions.kit.data.outages import is_transient
from functions.notifications import queries
from functions.notifications.commands import mails, orders, preferences
from functions.notifications.commands.mails import ClaimedMail
from functions.notifications.contacts import AuthAway, Contacts
from functions.notifications.contents import Links, content_of
from functions.notifications.domain import (
    SUPERSEDED,
    TOPICS,
    Kind,
    Recipient,
    State,
    Topic,
    pause,
)
from functions.notifications.facts import PasswordReset, ReviewRequest
from functions.notifications.messages import BadAddress, Envelope, compose
from functions.notifications.metrics import MailMetrics
from functions.notifications.settings import NotificationsSettings
from functions.notifications.smtp import MailDeferred, MailRefused, ServerAway, connected, send
from functions.notifications.smtp_url import SMTPServer

if TYPE_CHECKING:
    import aiosmtplib

logger = logging.getLogger(__name__)

CONNECTIONS = 4
"""Mails that are sent at once; a slow recipient's server holds up one of them."""
STOP_SECONDS = 10.0
"""How long a stop of the process waits for a mail that is on its way."""
ANSWERS = 3
"""Of the time limit of one answer, how many a mail may take as a whole."""


class _Skipped(Exception):
    """The mail is not needed or not wanted; the text says why."""


class _Line:
    """One connection to the SMTP server, opened with the first mail that needs it."""

    def __init__(self, server: SMTPServer, timeout: float) -> None:
        self._server = server
        self._timeout = timeout
        self._stack = AsyncExitStack()
        self._client: aiosmtplib.SMTP | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def client(self) -> "aiosmtplib.SMTP":
        """Raises `ServerAway`."""
        if self._client is None:
            connection = connected(self._server, self._timeout)
            self._client = await self._stack.enter_async_context(connection)
        return self._client


class Sender:
    """One for each process that sends mails."""

    def __init__(
        self,
        settings: NotificationsSettings,
        contacts: Contacts,
        metrics: MailMetrics,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._server = settings.server
        self._contacts = contacts
        self._metrics = metrics
        self._clock = clock
        self._limit = settings.smtp_timeout_seconds * ANSWERS
        # Longer than a try can take, so that no other process tries the mail at the same time.
        self._busy_for = timedelta(seconds=2 * self._limit + 60)
        self._failing = False
        self._lock = asyncio.Lock()

    async def send_due(self, database: Database) -> None:
        """Send every mail that is due. Ends early where the server or auth is away.

        A call waits for the one that is under way, and then looks for more.
        """
        async with self._lock:
            await orders.write_due_requests(database, self._clock())
            if self._server is None:
                await mails.skip_waiting_mails(database, self._clock())
            else:
                await self._send_all(database, self._server)
        await mails.end_overdue_mails(database, self._clock())
        self._metrics.record(await queries.queue_state(database), self._clock())

    async def _send_all(self, database: Database, server: SMTPServer) -> None:
        """Raises what the database raises."""
        stop = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(CONNECTIONS):
                    line = _Line(server, self._settings.smtp_timeout_seconds)
                    tasks.create_task(self._work(database, line, stop))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _work(self, database: Database, line: _Line, stop: asyncio.Event) -> None:
        """Claim and send mails, until none is due or `stop` is set."""
        async with line:
            while not stop.is_set():
                mail = await mails.claim_mail(database, self._clock(), busy_for=self._busy_for)
                if mail is None:
                    return
                trying = asyncio.ensure_future(self._try(database, mail, line))
                try:
                    goes_on = await asyncio.shield(trying)
                except asyncio.CancelledError:
                    # A stop of the process lets the mail that is on its way be finished.
                    await asyncio.wait([trying], timeout=STOP_SECONDS)
                    trying.cancel()
                    await asyncio.wait([trying])
                    raise
                if not goes_on:
                    stop.set()

    async def _try(self, database: Database, mail: ClaimedMail, line: _Line) -> bool:
        """Try a mail once. False where no other can be sent at the moment."""
        try:
            async with asyncio.timeout(self._limit):
                envelope = await self._compose(database, mail)
                await send(await line.client(), envelope)
        except _Skipped as reason:
            await self._finish(database, mail, State.SKIPPED, str(reason))
        except (MailRefused, BadAddress) as refusal:
            await self._finish(database, mail, State.PUT_ASIDE, str(refusal))
        except MailDeferred as reason:
            await self._postpone(database, mail, str(reason))
        except (ServerAway, AuthAway, TimeoutError) as error:
            why = str(error) or "the server answers too slowly"
            await self._postpone(database, mail, why)
            if not self._failing:
                logger.warning("mails wait: %s", why)
                self._failing = True
            return False
        except Exception as error:
            if is_transient(database, error):
                raise
            # A defect concerns this mail; it must not hold up the others.
            logger.exception("mail %d (%s) cannot be written", mail.id, mail.kind)
            await self._postpone(database, mail, f"cannot be written: {type(error).__name__}")
        else:
            self._failing = False
            await self._finish(database, mail, State.SENT, None)
        return True

    async def _compose(self, database: Database, mail: ClaimedMail) -> Envelope:
        """Raises `_Skipped`, `BadAddress` or `AuthAway`."""
        if mail.kind in SUPERSEDED and await mails.is_superseded(database, mail):
            raise _Skipped("a later mail about the same order replaces it")
        topic = TOPICS.get(mail.kind)
        if topic is not None:
            wanted = await queries.preferences_of(database, mail.user_id)
            if not wanted.wants(topic):
                raise _Skipped("unsubscribed")
        facts = mail.facts
        if mail.kind is Kind.REVIEW_REQUEST:
            facts = await self._with_books(database, facts)
        recipient, link = await self._recipient(mail)
        base, unsubscribe = self._settings.link_base, ""
        if topic is not None:
            token = await preferences.unsubscribe_token(database, mail.user_id, self._clock())
            unsubscribe = f"{base}/{recipient.language}/unsubscribe?token={token}"
            if topic is not Topic.DELIVERIES:  # the links of earlier releases name none
                unsubscribe += f"&mails={topic}"
        links = Links(base, link, unsubscribe)
        return compose(
            content_of(mail.kind, facts, recipient, links),
            recipient,
            sender=self._settings.sender,
            message_id=mail.message_id,
            written_at=mail.written_at,
        )

    async def _with_books(self, database: Database, facts: bytes) -> bytes:
        """The facts of a review request with the books of its order. Raises `_Skipped`."""
        asked = msgspec.json.decode(facts, type=ReviewRequest)
        order = await queries.known_order(database, asked.purchase_id)
        if order is None or not (order.books or order.refunded):
            raise _Skipped("the books of the order are not known")
        if order.refunded:
            raise _Skipped("the order was refunded")
        return msgspec.json.encode(msgspec.structs.replace(asked, books=order.books))

    async def _recipient(self, mail: ClaimedMail) -> tuple[Recipient, str]:
        """The recipient, and the link of a mail that resets a password."""
        if mail.kind is Kind.PASSWORD_RESET:
            reset = msgspec.json.decode(mail.facts, type=PasswordReset)
            found = await self._contacts.reset_link(reset.reset_id)
            if found is None:
                raise _Skipped("the request was used or replaced, or has expired")
            return found
        recipient = await self._contacts.recipient(mail.user_id)
        if recipient is None:
            raise _Skipped("the account is closed")
        return recipient, ""

    async def _finish(
        self, database: Database, mail: ClaimedMail, state: State, reason: str | None
    ) -> None:
        await mails.finish_mail(database, mail, state, self._clock(), reason)
        self._metrics.finished(mail.kind, state)
        if state is State.PUT_ASIDE:
            logger.error("mail %d (%s) was put aside: %s", mail.id, mail.kind, reason)
        else:
            logger.info("mail %d (%s): %s", mail.id, mail.kind, reason or state)

    async def _postpone(self, database: Database, mail: ClaimedMail, reason: str) -> None:
        due_at = self._clock() + pause(mail.tries, random.random())  # noqa: S311 - jitter
        await mails.postpone_mail(database, mail, due_at, reason)
        logger.info("mail %d (%s) is tried again: %s", mail.id, mail.kind, reason)
