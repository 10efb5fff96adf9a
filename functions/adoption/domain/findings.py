"""What the report says about a row: a stable code, what was done, and the old value.

Old values of people (addresses, names, passwords, contacts) are never given to a finding. The
others pass `safe`, which keeps card numbers, password hashes and addresses out, in whatever column
they were written.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from functions.kit.base.errors import Text
from functions.purchase.domain.cards import holds_card_number

OLD_VALUE = 60
"""Characters of an old value that are reported."""

_ADDRESS = re.compile(r"\S+\s?[@\uff20\ufe6b]\s?\S+")
_HASH = re.compile(
    r"\S*(?:pbkdf2|scrypt|argon2|bcrypt)\S*|\$[0-9a-z]{1,2}\$\S+|\S*[0-9a-f]{32}\S*", re.IGNORECASE
)
"""A hash with its scheme, one of crypt(3), or as many hexadecimal digits as the shortest has."""


class Action(StrEnum):
    KEPT = "kept"
    """Moved as it is, and worth a look."""
    REPAIRED = "repaired"
    """Moved with a change."""
    REFUSED = "refused"
    """Not moved."""


class What(StrEnum):
    """The codes of the report. `MEANINGS` has a sentence for each."""

    ID_INVALID = "id-invalid"
    COLUMN_UNKNOWN = "column-unknown"
    TEXT_MISENCODED = "text-misencoded"
    EMAIL_TIDIED = "email-tidied"
    EMAIL_NOT_ASCII = "email-not-ascii"
    EMAIL_UNDELIVERABLE = "email-undeliverable"
    EMAIL_MISSING = "email-missing"
    ACCOUNTS_MERGED = "accounts-merged"
    NAME_TIDIED = "name-tidied"
    NAME_CUT = "name-cut"
    PASSWORD_UNUSABLE = "password-unusable"  # noqa: S105 - a code
    TITLE_MISSING = "title-missing"
    AUTHOR_MISSING = "author-missing"
    TEXT_TIDIED = "text-tidied"
    TEXT_CUT = "text-cut"
    DESCRIPTION_CUT = "description-cut"
    PRICE_INVALID = "price-invalid"
    PRICE_ROUNDED = "price-rounded"
    AMOUNT_SIX_DIGITS = "amount-six-digits"
    STOCK_INVALID = "stock-invalid"
    STOCK_CAPPED = "stock-capped"
    STOCK_NOT_TRUSTED = "stock-not-trusted"
    STOCK_COUNTED = "stock-counted"
    REPLICA_STALE = "replica-stale"
    QUANTITY_INVALID = "quantity-invalid"
    TOTAL_INVALID = "total-invalid"
    TOTAL_ROUNDED = "total-rounded"
    UNIT_REMAINDER = "unit-remainder"
    BOOK_UNKNOWN = "book-unknown"
    USER_UNKNOWN = "user-unknown"
    STATUS_READ = "status-read"
    STATUS_BY_PAYMENTS = "status-by-payments"
    DELIVERY_STATUS = "delivery-status"
    PAID_BUT_PENDING = "paid-but-pending"
    PAID_WITHOUT_PAYMENT = "paid-without-payment"
    UNDERPAID = "underpaid"
    UNDERPAID_SENT = "underpaid-sent"
    OVERPAID = "overpaid"
    PAID_IN_PARTS = "paid-in-parts"
    HOLDINGS_HIGH = "holdings-high"
    PAYMENT_ORPHAN = "payment-orphan"
    PAYMENT_INVALID = "payment-invalid"
    PAYMENT_AGAIN = "payment-again"
    PAYMENT_PARTIAL = "payment-partial"
    PAYMENT_NOT_OWED = "payment-not-owed"
    METHOD_TIDIED = "method-tidied"
    CARD_NUMBER = "card-number"
    PROVIDERS_MERGED = "providers-merged"
    PROVIDER_NAMELESS = "provider-nameless"
    CONTACT_MISSING = "contact-missing"
    PROVIDER_ADDED = "provider-added"
    ASSIGNMENT_ORPHAN = "assignment-orphan"
    ASSIGNMENT_AGAIN = "assignment-again"
    ASSIGNMENT_NOT_NEEDED = "assignment-not-needed"
    ASSIGNMENT_MISSING = "assignment-missing"


class Finding(NamedTuple):
    table: str
    """`auth.user`, `main.purchase` and so on, as in the original."""
    id: int | None
    what: What
    action: Action
    old: str | int | None = None
    """The value that was changed or left out; None where it is about a person, or was NULL."""
    minor: int = 0
    """Money that this is about, in minor units."""


def safe(value: object) -> str | int | None:
    """A value as a report may show it: short, without card numbers, hashes and addresses."""
    if value is None or isinstance(value, int):
        return value
    text = str(value)
    if holds_card_number(text):
        return "[card number]"
    text = _ADDRESS.sub("[address]", _HASH.sub("[hash]", text))
    return text if len(text) <= OLD_VALUE else f"{text[: OLD_VALUE - 1]}…"


MEANINGS: dict[What, Text] = {
    What.ID_INVALID: Text("su id no es mayor que 0", "its id is not above 0"),
    What.COLUMN_UNKNOWN: Text(
        "columna que el original no tiene: no se trae", "a column that the original does not have"
    ),
    What.TEXT_MISENCODED: Text(
        "UTF-8 leído como Latin-1: decida texts", "UTF-8 that was read as Latin-1: decide texts"
    ),
    What.EMAIL_TIDIED: Text("espacios alrededor del correo", "blanks around the email address"),
    What.EMAIL_NOT_ASCII: Text(
        "correo con tildes: sirve para entrar", "an address beyond ASCII: it still logs in"
    ),
    What.EMAIL_UNDELIVERABLE: Text(
        "entra con él, pero no puede recibir correo", "it still logs in, but receives no mail"
    ),
    What.EMAIL_MISSING: Text(
        "sin correo: queda como cuenta cerrada", "without an address: kept as a closed account"
    ),
    What.ACCOUNTS_MERGED: Text(
        "el mismo correo dos veces: se unen en el id menor",
        "the same address twice: merged into the lowest id",
    ),
    What.NAME_TIDIED: Text(
        "nombre sin espacios de más ni caracteres de control",
        "name without surplus blanks and control characters",
    ),
    What.NAME_CUT: Text("nombre recortado", "name cut"),
    What.PASSWORD_UNUSABLE: Text(
        "contraseña en una forma que no se puede comprobar: hay que cambiarla",
        "a password in a form that cannot be verified: it needs a reset",
    ),
    What.TITLE_MISSING: Text("sin título: retirado", "without a title: retired"),
    What.AUTHOR_MISSING: Text("sin autor: retirado", "without an author: retired"),
    What.TEXT_TIDIED: Text(
        "texto sin espacios de más ni caracteres de control",
        "text without surplus blanks and control characters",
    ),
    What.TEXT_CUT: Text("título o autor recortado", "title or author cut"),
    What.DESCRIPTION_CUT: Text("descripción recortada", "description cut"),
    What.PRICE_INVALID: Text(
        "precio NULL, negativo o enorme: retirado a 0",
        "price NULL, negative or enormous: retired at 0",
    ),
    What.PRICE_ROUNDED: Text("precio redondeado a dos decimales", "price rounded to two decimals"),
    What.AMOUNT_SIX_DIGITS: Text(
        "FLOAT solo muestra seis cifras: decida large_amounts",
        "FLOAT shows only six digits: decide large_amounts",
    ),
    What.STOCK_INVALID: Text("existencias NULL o negativas: 0", "stock NULL or negative: 0"),
    What.STOCK_CAPPED: Text("existencias de más de un millón", "stock of more than a million"),
    What.STOCK_NOT_TRUSTED: Text(
        "existencias sin contar: el original vendía de más sin dejar rastro",
        "stock not counted: the original oversold without a trace",
    ),
    What.STOCK_COUNTED: Text("existencias según el recuento", "stock as counted"),
    What.REPLICA_STALE: Text(
        "la copia de catalog difiere de main: vale main", "catalog's copy differs: main counts"
    ),
    What.QUANTITY_INVALID: Text(
        "cantidad que no es mayor que 0, o enorme", "a quantity that is not above 0, or enormous"
    ),
    What.TOTAL_INVALID: Text("total NULL, negativo o enorme", "total NULL, negative or enormous"),
    What.TOTAL_ROUNDED: Text(
        "importe redondeado a dos decimales", "amount rounded to two decimals"
    ),
    What.UNIT_REMAINDER: Text(
        "el total no es múltiplo de la cantidad: el resto va en el envío",
        "the total is no multiple of the quantity: the rest is kept as delivery fee",
    ),
    What.BOOK_UNKNOWN: Text("de un libro que no existe", "of a book that does not exist"),
    What.USER_UNKNOWN: Text("de un usuario que no existe", "of a user who does not exist"),
    What.STATUS_READ: Text("estado escrito de otra forma", "status in another spelling"),
    What.STATUS_BY_PAYMENTS: Text(
        "estado desconocido: según sus pagos", "unknown status: decided by its payments"
    ),
    What.DELIVERY_STATUS: Text(
        "estado de la entrega: según su compra", "status of the delivery: as its purchase says"
    ),
    What.PAID_BUT_PENDING: Text("pagada y aún pendiente: Paid", "paid, still pending: Paid"),
    What.PAID_WITHOUT_PAYMENT: Text("pagada sin ningún pago", "paid without any payment"),
    What.UNDERPAID: Text("pagada en parte", "paid in part"),
    What.UNDERPAID_SENT: Text(
        "enviada o entregada sin estar pagada: cuente las existencias",
        "sent or delivered without being paid in full: count the stock",
    ),
    What.OVERPAID: Text("se pagó de más: devuelva la diferencia", "overpaid: give the rest back"),
    What.PAID_IN_PARTS: Text("pagada por partes: un solo pago", "paid in parts: one payment"),
    What.HOLDINGS_HIGH: Text(
        "más compras sin pagar de las que se permiten: no puede comprar más hasta que acaben",
        "more unpaid purchases than the limit: this customer cannot buy until some have ended",
    ),
    What.PAYMENT_ORPHAN: Text(
        "pago de una compra que no existe o no se trae",
        "payment of a purchase that does not exist or is not moved",
    ),
    What.PAYMENT_INVALID: Text(
        "pago sin importe, de 0 o menos, o no completado",
        "payment without an amount, of 0 or less, or not completed",
    ),
    What.PAYMENT_AGAIN: Text(
        "pago de una compra ya pagada: devuélvalo",
        "payment of a purchase that is paid already: give it back",
    ),
    What.PAYMENT_PARTIAL: Text(
        "pago de una parte: devuélvalo o cóbrelo",
        "a part payment: give it back, or collect the rest",
    ),
    What.PAYMENT_NOT_OWED: Text(
        "pago de una compra cancelada o devuelta", "payment of a purchase that was called off"
    ),
    What.METHOD_TIDIED: Text(
        "forma de pago sin nombre, o con espacios de más",
        "payment method without a name, or with surplus blanks",
    ),
    What.CARD_NUMBER: Text("número de tarjeta: ocultado", "card number: masked"),
    What.PROVIDERS_MERGED: Text("transportista repetido: se une", "provider twice: merged"),
    What.PROVIDER_NAMELESS: Text("transportista sin nombre: retirado", "nameless: retired"),
    What.CONTACT_MISSING: Text("sin contacto", "without a contact"),
    What.PROVIDER_ADDED: Text(
        "transportista añadido, para las entregas sin uno",
        "a provider was added, for deliveries without one",
    ),
    What.ASSIGNMENT_ORPHAN: Text(
        "entrega sin compra o sin transportista", "delivery without a purchase or a provider"
    ),
    What.ASSIGNMENT_AGAIN: Text(
        "entrega repetida: vale la última", "delivery twice: the last counts"
    ),
    What.ASSIGNMENT_NOT_NEEDED: Text(
        "entrega de una compra que no está en camino",
        "delivery of a purchase that is not on its way",
    ),
    What.ASSIGNMENT_MISSING: Text(
        "en camino sin entrega: se añade una", "on its way without a delivery: one is added"
    ),
}
