"""Delivery providers, one per name, and the delivery of each purchase that is on its way."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from functions.adoption.domain.findings import Action, Finding, What, safe
from functions.adoption.domain.statuses import letters
from functions.adoption.domain.texts import cut, one_line
from functions.purchase.domain.cards import holds_card_number
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.purchases import Status

PROVIDER, ASSIGNMENT = "main.delivery_provider", "main.delivery_assignment"
NAMELESS, NO_CONTACT = "Sin nombre", "sin contacto"
ADDED_NAME = "Sistema anterior"
MAX_NAME, MAX_CONTACT = 100, 200


class OriginalProvider(NamedTuple):
    id: int
    name: str | None
    contact: str | None


class OriginalAssignment(NamedTuple):
    id: int
    purchase_id: int | None
    provider_id: int | None
    status: str | None


class Provider(NamedTuple):
    id: int
    name: str
    contact: str
    retired: bool


class Providers(NamedTuple):
    rows: list[Provider]
    ids: dict[int, int]
    """Id in the original → id of the provider that it is here."""
    findings: list[Finding]

    @property
    def added_id(self) -> int | None:
        """The id of a provider of the original that has the name `ADDED_NAME`."""
        named = ADDED_NAME.casefold()
        return next((each.id for each in self.rows if each.name.casefold() == named), None)


class Assignment(NamedTuple):
    id: int | None
    """None for a delivery that the original has no row of."""
    provider_id: int | None
    """None for the provider that is added (`ADDED_NAME`)."""
    status: DeliveryStatus


def map_providers(rows: Iterable[OriginalProvider]) -> Providers:
    """`rows` are ordered by id."""
    mapped = Providers([], {}, [])
    by_name: dict[str, int] = {}
    for row in rows:
        if row.id < 1:
            mapped.findings.append(Finding(PROVIDER, row.id, What.ID_INVALID, Action.REFUSED))
            continue
        name = cut(one_line(row.name), MAX_NAME)
        if name and name != row.name:
            mapped.findings.append(Finding(PROVIDER, row.id, What.TEXT_TIDIED, Action.REPAIRED))
        if holds_card_number(name):
            mapped.findings.append(Finding(PROVIDER, row.id, What.CARD_NUMBER, Action.REPAIRED))
            name = ""
        nameless = not name
        name = name or NAMELESS
        key = name.casefold()
        if key in by_name:
            mapped.ids[row.id] = by_name[key]
            mapped.findings.append(
                Finding(
                    PROVIDER, row.id, What.PROVIDERS_MERGED, Action.REPAIRED, safe(by_name[key])
                )
            )
            continue
        by_name[key] = mapped.ids[row.id] = row.id
        if nameless:
            mapped.findings.append(
                Finding(PROVIDER, row.id, What.PROVIDER_NAMELESS, Action.REPAIRED)
            )
        contact = _contact(row, mapped.findings)
        mapped.rows.append(Provider(row.id, name, contact, retired=nameless))
    return mapped


def _contact(row: OriginalProvider, findings: list[Finding]) -> str:
    contact = cut(one_line(row.contact), MAX_CONTACT)
    if contact and contact != row.contact:
        findings.append(Finding(PROVIDER, row.id, What.TEXT_TIDIED, Action.REPAIRED))
    if holds_card_number(contact, phones=True):
        findings.append(Finding(PROVIDER, row.id, What.CARD_NUMBER, Action.REPAIRED))
        return NO_CONTACT
    if not contact:
        findings.append(Finding(PROVIDER, row.id, What.CONTACT_MISSING, Action.REPAIRED))
        return NO_CONTACT
    return contact


def map_assignments(
    purchase_id: int | None,
    status: Status | None,
    rows: Sequence[OriginalAssignment],
    providers: dict[int, int],
) -> tuple[Assignment | None, list[Finding]]:
    """The delivery of a purchase; `status` is None for a purchase that is not moved.

    `rows` are ordered by id; the newest with a known provider counts.
    """
    findings: list[Finding] = []

    def refuse(row: OriginalAssignment, what: What) -> None:
        findings.append(Finding(ASSIGNMENT, row.id, what, Action.REFUSED, safe(row.purchase_id)))

    kept: OriginalAssignment | None = None
    for row in reversed(rows):
        if status is None or row.id < 1 or row.provider_id not in providers:
            refuse(row, What.ASSIGNMENT_ORPHAN)
        elif status not in (Status.ON_DELIVERY, Status.DELIVERED):
            findings.append(
                Finding(ASSIGNMENT, row.id, What.ASSIGNMENT_NOT_NEEDED, Action.REPAIRED)
            )
        elif kept is not None:
            findings.append(Finding(ASSIGNMENT, row.id, What.ASSIGNMENT_AGAIN, Action.REPAIRED))
        else:
            kept = row
    if kept is not None and kept.provider_id is not None and status is not None:
        state = _delivery_status(status, kept.status)
        if str(state) != kept.status:
            findings.append(
                Finding(
                    ASSIGNMENT, kept.id, What.DELIVERY_STATUS, Action.REPAIRED, safe(kept.status)
                )
            )
        return Assignment(kept.id, providers[kept.provider_id], state), findings
    if status is Status.ON_DELIVERY:
        # Without one, nobody could end the delivery.
        findings.append(
            Finding("main.purchase", purchase_id, What.ASSIGNMENT_MISSING, Action.REPAIRED)
        )
        return Assignment(None, None, DeliveryStatus.ASSIGNED), findings
    return None, findings


def _delivery_status(status: Status, text: str | None) -> DeliveryStatus:
    if status is Status.DELIVERED:
        return DeliveryStatus.DELIVERED
    in_transit = {"in transit", "en camino", "on delivery", "shipped", "enviado", "en transito"}
    return DeliveryStatus.IN_TRANSIT if letters(text) in in_transit else DeliveryStatus.ASSIGNED
