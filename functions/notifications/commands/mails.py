"""The queue of mails: written with their event, claimed by one process, finished once.

A claim is a number of tries that nobody else has written. It moves the mail's next try ahead, so
that a mail whose process was killed is tried again later.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row, after_commit, is_in, transactional
from functions.kit.events.cloudevents import Event
from functions.notifications import queries
from functions.notifications.domain import Kind, State, expires_at
from functions.notifications.errors import MailNotFound, MailNotPutAside
from functions.notifications.queries import Wake

RETENTION = timedelta(days=30)
"""How long a finished mail is kept, for questions whether it was sent."""

CANDIDATES = 8
"""Mails that are looked at for a claim, as others may claim the first ones meanwhile."""

MAX_REASON = 500

NO_FACTS = "{}"


class ClaimedMail(NamedTuple):
    """A mail that this process tries now."""

    id: int
    message_id: str
    kind: Kind
    user_id: int
    subject: str
    revision: int
    facts: bytes
    tries: int
    """This one included."""
    written_at: datetime


@transactional
async def write_mail(
    database: Database,
    event: Event,
    kind: Kind,
    user_id: int,
    facts: bytes,
    *,
    until: datetime | None = None,
    clock: Clock,
    wake: Wake,
) -> bool:
    """Write the mail of an event, in the event's own transaction. False where it is too late.

    `until` is an end that the event names. An event without a time is a state of a snapshot, whose
    change is of unknown age. An event has one mail, also where its handler runs again.
    """
    now = clock()
    if event.time is None:
        return False
    end = expires_at(kind, event.time, until)
    if end <= now:
        return False
    own = event.source, event.id
    about = event.subject, event.revision or 0
    await insert_mail(database, own, kind, user_id, about, facts, now, expires_at=end)
    after_commit(wake)
    return True


async def insert_mail(
    database: Database,
    cause: tuple[str, str],
    kind: Kind,
    user_id: int,
    about: tuple[str, int],
    facts: bytes,
    now: datetime,
    *,
    expires_at: datetime,
) -> None:
    """A mail that is due at once, unless there is one of the same cause.

    `cause` is the source and id of an event; `about` is a subject and its revision.
    """
    await database.execute(
        QueryString(
            "INSERT INTO mails (message_id, event_source, event_id, kind, user_id, subject,"
            " revision, facts, state, tries, due_at, expires_at, created_at)"
            " VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})"
            " ON CONFLICT (event_source, event_id) DO NOTHING",
            str(uuid4()),
            *cause,
            str(kind),
            user_id,
            *about,
            facts.decode(),
            str(State.WAITING),
            0,
            now,
            expires_at,
            now,
        )
    )


async def claim_mail(
    database: Database, now: datetime, *, busy_for: timedelta
) -> ClaimedMail | None:
    """Take the mail that is due first; None where none is.

    It is tried again after `busy_for` unless it is finished before. No row is locked while others
    look: of several processes that choose the same mail, the first to write its tries has it. A
    mail of a kind that only a newer release knows is left to that one.
    """
    while True:
        due = await database.execute(
            QueryString(
                "SELECT id, message_id, kind, user_id, subject, revision, facts, tries, created_at"
                " FROM mails WHERE state = {} AND {} AND due_at <= {} AND expires_at > {}"
                " ORDER BY due_at, id LIMIT {}",
                str(State.WAITING),
                is_in("kind", [*Kind]),
                now,
                now,
                CANDIDATES,
            )
        )
        if not due.rows:
            return None
        for row in due.rows:
            if await _take(database, row["id"], row["tries"], now + busy_for):
                return _claimed(row, row["tries"] + 1)


@transactional
async def _take(database: Database, mail_id: int, tries: int, busy_until: datetime) -> bool:
    """Count a try of a mail, unless another process has."""
    taken = await database.execute(
        QueryString(
            "UPDATE mails SET tries = {}, due_at = {} WHERE id = {} AND state = {} AND tries = {}",
            tries + 1,
            busy_until,
            mail_id,
            str(State.WAITING),
            tries,
        )
    )
    return bool(taken.rowcount)


def _claimed(row: Row, tries: int) -> ClaimedMail:
    return ClaimedMail(
        row["id"],
        row["message_id"],
        Kind(row["kind"]),
        row["user_id"],
        row["subject"],
        row["revision"],
        row["facts"].encode(),
        tries,
        row["created_at"],
    )


@transactional
async def finish_mail(
    database: Database, mail: ClaimedMail, state: State, now: datetime, reason: str | None = None
) -> None:
    """Record the end of a mail. Changes nothing where another process has claimed it since."""
    await database.execute(
        QueryString(
            "UPDATE mails SET state = {}, finished_at = {}, reason = {}, facts = {}"
            " WHERE id = {} AND state = {} AND tries = {}",
            str(state),
            now,
            reason[:MAX_REASON] if reason is not None else None,
            # What it said is needed again only where an operator may have it sent.
            mail.facts.decode() if state is State.PUT_ASIDE else NO_FACTS,
            mail.id,
            str(State.WAITING),
            mail.tries,
        )
    )


@transactional
async def postpone_mail(
    database: Database, mail: ClaimedMail, due_at: datetime, reason: str
) -> None:
    """Record why a try failed, and when the next one is."""
    await database.execute(
        QueryString(
            "UPDATE mails SET due_at = {}, reason = {} WHERE id = {} AND state = {} AND tries = {}",
            due_at,
            reason[:MAX_REASON],
            mail.id,
            str(State.WAITING),
            mail.tries,
        )
    )


@transactional
async def end_overdue_mails(database: Database, now: datetime) -> int:
    """End the mails that nobody needs any more. Returns how many were tried in vain.

    Those are put aside, with the reason of the last try; the others are skipped.
    """
    overdue = "WHERE state = {} AND expires_at <= {} AND due_at <= {}"
    tried = await database.execute(
        QueryString(
            f"UPDATE mails SET state = {{}}, finished_at = {{}} {overdue} AND tries > 0",  # noqa: S608
            *(str(State.PUT_ASIDE), now, str(State.WAITING), now, now),
        )
    )
    await database.execute(
        QueryString(
            "UPDATE mails"  # noqa: S608
            f" SET state = {{}}, finished_at = {{}}, reason = {{}}, facts = {{}} {overdue}",
            *(str(State.SKIPPED), now, "too late", NO_FACTS, str(State.WAITING), now, now),
        )
    )
    count: int = tried.rowcount
    return count


@transactional
async def skip_waiting_mails(database: Database, now: datetime) -> None:
    """End every mail that waits, where no mail is sent."""
    await database.execute(
        QueryString(
            "UPDATE mails SET state = {}, finished_at = {}, reason = {}, facts = {}"
            " WHERE state = {}",
            *(str(State.SKIPPED), now, "SMTP_URL is off", NO_FACTS, str(State.WAITING)),
        )
    )


@transactional
async def retry_mail(
    database: Database, mail_id: int, now: datetime, *, until: datetime, wake: Wake
) -> None:
    """Send a mail that was put aside once more, until a new end.

    Raises `MailNotFound` or `MailNotPutAside`.
    """
    rows = await database.locked(QueryString("SELECT state FROM mails WHERE id = {}", mail_id))
    if not rows:
        raise MailNotFound(Text(f"No hay correo {mail_id}.", f"There is no mail {mail_id}."))
    state = rows[0]["state"]
    if state != State.PUT_ASIDE:
        raise MailNotPutAside(Text(f"Su estado es {state}.", f"It is {state}."))
    await database.execute(
        QueryString(
            "UPDATE mails SET state = {}, finished_at = NULL, due_at = {}, expires_at = {}"
            " WHERE id = {}",
            *(str(State.WAITING), now, until, mail_id),
        )
    )
    after_commit(wake)


@transactional
async def erase_person(database: Database, user_id: int) -> None:
    """Delete every mail of a closed account, what it wanted, and the books of its orders."""
    await database.execute(QueryString("DELETE FROM mails WHERE user_id = {}", user_id))
    await database.execute(QueryString("DELETE FROM subscribers WHERE user_id = {}", user_id))
    await database.execute(QueryString("DELETE FROM orders WHERE user_id = {}", user_id))


@transactional
async def purge(database: Database, now: datetime) -> None:
    """Delete mails that were finished long ago."""
    await database.execute(QueryString("DELETE FROM mails WHERE finished_at < {}", now - RETENTION))


async def is_superseded(database: Database, mail: ClaimedMail) -> bool:
    """Whether a later change of the same subject has a mail."""
    return await queries.has_later(database, mail.subject, mail.revision)
