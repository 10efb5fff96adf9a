"""The spellings of statuses that clients of the original wrote, and what they mean here."""

import unicodedata
from functools import lru_cache

from functions.purchase.domain.purchases import Status

_SPELLINGS = {
    Status.PENDING: (
        "pending payment", "pending", "pendiente", "pendiente de pago", "pago pendiente",
        "por pagar", "unpaid", "new", "nueva", "created", "creada",
    ),
    Status.PAID: ("paid", "pagada", "pagado"),
    Status.ON_DELIVERY: (
        "on delivery", "in delivery", "shipped", "sent", "in transit", "en camino", "enviada",
        "enviado", "en entrega", "despachada", "despachado", "assigned", "asignada",
    ),
    Status.DELIVERED: ("delivered", "entregada", "entregado"),
    Status.CANCELLED: (
        "cancelled", "canceled", "cancelada", "cancelado", "anulada", "anulado",
    ),
    Status.EXPIRED: ("expired", "expirada", "expirado", "vencida", "vencido"),
    Status.REFUNDED: (
        "refunded", "reembolsada", "reembolsado", "devuelta", "devuelto",
    ),
}  # fmt: skip

KNOWN: dict[str, Status] = {
    spelling: status for status, spellings in _SPELLINGS.items() for spelling in spellings
}

_COMPLETED_PAYMENTS = {"completed", "complete", "paid", "completado", "completada", "pagado"}


@lru_cache(maxsize=1_000)  # a few spellings are in a million rows
def letters(text: str | None) -> str:
    """Lower case, letters and single spaces only, without accents."""
    decomposed = unicodedata.normalize("NFKD", (text or "").casefold().replace("_", " "))
    kept = "".join(
        character if character.isalpha() else " "
        for character in decomposed
        if not unicodedata.combining(character)
    )
    return " ".join(kept.split())


def known_status(text: str | None) -> Status | None:
    return KNOWN.get(letters(text))


def is_completed_payment(text: str | None) -> bool:
    return letters(text) in _COMPLETED_PAYMENTS
