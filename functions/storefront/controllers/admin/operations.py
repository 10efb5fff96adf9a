"""How the shop is doing: what is wrong first, then each service.

The services are asked at the same time, each within its own limit, so one that is away does not
keep the page from showing the others. To ask wakes those that are scaled to zero.
"""

import asyncio
from typing import NamedTuple

from litestar import Response, get

from functions.kit.base.process import VERSION
from functions.kit.http.requests import AnyRequest
from functions.storefront.back_office import ADMIN
from functions.storefront.clients.operations import Status
from functions.storefront.clients.service import Caller, Refused, ServiceAway
from functions.storefront.domain.operations import (
    AuditFacts,
    Facts,
    Finding,
    Rule,
    StreamFacts,
    findings,
    worst_first,
)
from functions.storefront.errors import PageNotFound
from functions.storefront.visits import Visit, open_area

_UNAVAILABLE = 503
_NOT_ADMITTED = {401, 403}
"""Statuses that concern the visitor, and not the service."""


class Card(NamedTuple):
    """A service on the page."""

    name: str
    status: Status | None
    """None where it does not answer."""
    findings: list[Finding]


@get("/{language:str}/admin/operations", include_in_schema=False)
async def show_operations(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    cards = await ask(visit, *visit.services.operations)
    return visit.page(
        "admin/operations.html",
        cards=cards,
        findings=worst_first([each for card in cards for each in card.findings]),
        runbooks=visit.services.settings.runbooks_url.rstrip("/"),
        version=VERSION,
        process=visit.services.process,
        now=visit.services.clock(),
    )


@get("/{language:str}/admin/operations/{service:str}", include_in_schema=False)
async def show_service(request: AnyRequest) -> Response[bytes]:
    visit = await open_area(request, ADMIN)
    (card,) = await ask(visit, service_in_path(visit))
    return visit.page(
        "admin/service.html",
        card=card,
        findings=card.findings,
        runbooks=visit.services.settings.runbooks_url.rstrip("/"),
        now=visit.services.clock(),
    )


def service_in_path(visit: Visit) -> str:
    """Raises `PageNotFound` for a name that no service has."""
    name: str = visit.request.path_params["service"]
    if name not in visit.services.operations:
        raise PageNotFound
    return name


async def ask(visit: Visit, *names: str) -> list[Card]:
    """The status of some services, asked at the same time.

    Raises `Refused` where a service does not admit the visitor.
    """
    return await visit.as_customer(lambda caller: _ask(visit, caller, names))


async def _ask(visit: Visit, caller: Caller, names: tuple[str, ...]) -> list[Card]:
    clients = visit.services.operations
    answers = await asyncio.gather(
        *(clients[name].status(caller) for name in names), return_exceptions=True
    )
    for answer in answers:
        if isinstance(answer, Refused) and answer.status in _NOT_ADMITTED:
            raise answer
    return [_card(name, answer) for name, answer in zip(names, answers, strict=True)]


def _card(name: str, answer: Status | BaseException) -> Card:
    if isinstance(answer, Status):
        return Card(name, answer, findings(facts_of(answer)))
    if isinstance(answer, ServiceAway):
        rule = Rule.UNAVAILABLE if answer.status == _UNAVAILABLE else Rule.AWAY
        return Card(name, None, [Finding(rule, name)])
    if isinstance(answer, Refused):  # a release that has no status yet
        return Card(name, None, [Finding(Rule.AWAY, name)])
    raise answer


def facts_of(status: Status) -> Facts:
    """What the rules look at. Times are compared by the service's own clock."""
    audit = status.audit
    return Facts(
        service=status.service,
        now=status.checked_at,
        started_at=status.process.started_at,
        has_broker=status.outbox.has_broker,
        outbox_seconds=status.outbox.oldest_seconds,
        dead_letters=status.dead_letters.total,
        pool_timeouts=status.pool.timeouts if status.pool is not None else 0,
        pending_migrations=len(status.schema.pending),
        streams=[
            StreamFacts(each.name, each.lag or 0, each.contacted_at, each.failed_at)
            for each in status.consumed
        ],
        failing_tasks=[(each.name, each.failures) for each in status.tasks],
        audited=status.audited,
        audit=None
        if audit is None
        else AuditFacts(audit.finished_at, audit.outcome, len(audit.breaches)),
        backup_at=None if status.backup is None else status.backup.finished_at,
    )


HANDLERS = (show_operations, show_service)
