"""The owner's decisions as TOML, with the questions as comments.

A dry run writes it where there is none; a move reads it. It lists what was found in this original
only: the unusual spellings of statuses, and the kinds of rows that cannot be moved.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from functions.adoption.domain import purchases
from functions.adoption.domain.decisions import (
    BY_PAYMENTS,
    LEFT_OUT,
    UNDECIDED,
    Decisions,
    DecisionsError,
    parse,
)
from functions.adoption.domain.findings import MEANINGS, What, safe
from functions.adoption.domain.statuses import known_status
from functions.adoption.errors import DecisionsRefused
from functions.adoption.original.staging import Staging
from functions.kit.base.errors import Text
from functions.kit.base.language import in_language
from functions.purchase.domain.purchases import Status

MAX_SPELLINGS = 1_000

HEADER = Text(
    "Decisiones para traer los datos del original. Cámbielas y ejecute otra vez la prueba; luego"
    " repita la orden con --apply.",
    "Decisions for moving the data of the original. Change them and make the dry run again; then"
    " repeat the command with --apply.",
)

QUESTIONS: dict[str, Text] = {
    "currency": Text(
        "Moneda de los precios, que el original no guardaba. La misma que CURRENCY en catalog.",
        "Currency of the prices, which the original did not store. The same as catalog's CURRENCY.",
    ),
    "pending_grace_hours": Text(
        "Horas que se dan para pagar las compras pendientes. Después expiran y sus ejemplares"
        " quedan libres.",
        "Hours to pay for purchases that are pending. Then they expire, and their copies are free.",
    ),
    "underpaid": Text(
        "Compras pagadas en parte: pending (hay que pagarlas enteras) o cancelled. Lo pagado no se"
        " trae: está en el informe, para devolverlo o descontarlo.",
        "Purchases that were paid in part: pending (to be paid in full) or cancelled. What was paid"
        " is not moved: the report lists it, to be given back or settled.",
    ),
    "paid_without_payment": Text(
        "Compras pagadas, enviadas o entregadas sin ningún pago: pending, cancelled, o paid si"
        " usted sabe que el dinero llegó.",
        "Purchases that are paid, sent or delivered without any payment: pending, cancelled, or"
        " paid if you know that the money came.",
    ),
    "large_amounts": Text(
        "Importes de 10.000 o más: as_shown son las seis cifras que MySQL muestra, con las que se"
        " vendió; as_stored es lo que guarda, que solo se lee de las bases de datos.",
        "Amounts of 10,000 or more: as_shown are the six digits that MySQL shows, which customers"
        " paid; as_stored is what it stores, which only the databases themselves tell.",
    ),
    "stock": Text(
        "Ejemplares libres de los libros que no se contaron: original o zero. El original vendía"
        " de más sin dejar rastro: cuéntelos y póngalos en [stock_count].",
        "Free copies of books that were not counted: original or zero. The original oversold"
        " without a trace: count them, and write them into [stock_count].",
    ),
    "merged_accounts": Text(
        "Contraseña de las cuentas con el mismo correo, que se unen: reset (ninguna: hay que"
        " cambiarla), first o last. Quien la tenga verá las compras de todas.",
        "Password of accounts with the same address, which are merged: reset (none: it has to be"
        " reset), first or last. Who has it sees the purchases of all of them.",
    ),
    "unknown_users": Text(
        "Compras de usuarios que no existen: undecided, leave_out, o closed_account (una cuenta"
        " cerrada con ese id).",
        "Purchases of users who do not exist: undecided, leave_out, or closed_account (a closed"
        " account with that id).",
    ),
    "texts": Text(
        "Textos en UTF-8 que se leyeron como Latin-1 (MarÃ­a): refuse, repair o keep.",
        "Texts in UTF-8 that were read as Latin-1 (MarÃ­a): refuse, repair or keep.",
    ),
}

STATUSES = Text(
    "Estados de compras escritos de otra forma, y lo que son aquí. «by payments»: según sus pagos.",
    'Statuses of purchases in other spellings, and what they are here. "by payments": as its'
    " payments say.",
)
STOCK_COUNT = Text(
    'Ejemplares libres que usted ha contado, por el id del libro: "5011" = 12',
    'Free copies that you have counted, by the id of the book: "5011" = 12',
)
REFUSED = Text(
    "Filas que no se pueden traer. leave_out: las ha visto y se quedan fuera. Mientras alguna"
    " esté en undecided, la orden termina con 1.",
    "Rows that cannot be moved. leave_out: you have seen them, and they stay out. While one of"
    " them is undecided, the command ends with 1.",
)


def read(path: Path) -> Decisions | None:
    """The decisions in a file; None where there is none. Raises `DecisionsRefused`."""
    try:
        text = path.read_text("utf-8-sig")  # Windows' editor may write a byte order mark
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DecisionsRefused(
            f"{path} no se puede leer: {error}", f"{path} cannot be read: {error}"
        ) from error
    try:
        return parse(tomllib.loads(text))
    except DecisionsError as error:
        problem: Text = error.args[0]
        raise DecisionsRefused(f"{path}: {problem.es}.", f"{path}: {problem.en}.") from error
    except (ValueError, RecursionError) as error:  # also for what TOML allows and Python does not
        raise DecisionsRefused(
            f"{path} no es TOML: {error}", f"{path} is not TOML: {error}"
        ) from error


def write(
    path: Path,
    decisions: Decisions,
    spellings: Mapping[str, str],
    refused: Mapping[What, int],
    language: str,
) -> None:
    """Raises `DecisionsRefused` where the file cannot be written."""
    text = "\n".join(_lines(decisions, spellings, refused, language)) + "\n"
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise DecisionsRefused(
            f"{path} no se puede escribir: {error.strerror}",
            f"{path} cannot be written: {error.strerror}",
        ) from error


def spellings(staging: Staging) -> dict[str, str]:
    """The unusual spellings of statuses, each with what it is read as."""
    found: dict[str, str] = {}
    for (status,) in staging.select(
        "SELECT status FROM main_purchase WHERE status IS NOT NULL GROUP BY status"
        " ORDER BY COUNT(*) DESC, status LIMIT ?",
        MAX_SPELLINGS,
    ):
        spelled = purchases.spelling(status)
        if spelled not in list(map(str, Status)) and safe(spelled) == spelled:
            found[spelled] = str(known_status(spelled) or BY_PAYMENTS)
    return found


def unused_spellings(staging: Staging, decisions: Decisions) -> list[str]:
    """Statuses that are decided and that no purchase has: slips of the pen, mostly."""
    unused = set(decisions.statuses)
    for (status,) in staging.select("SELECT DISTINCT status FROM main_purchase"):
        unused.discard(purchases.spelling(status))
    return sorted(unused)


def _lines(
    decisions: Decisions,
    spellings: Mapping[str, str],
    refused: Mapping[What, int],
    language: str,
) -> Iterator[str]:
    yield from _comment(HEADER, language)
    for name, question in QUESTIONS.items():
        value = getattr(decisions, name)
        yield ""
        yield from _comment(question, language)
        yield f"{name} = {value if isinstance(value, int) else _quoted(value)}"
    yield ""
    yield "[statuses]"
    yield from _comment(STATUSES, language)
    for spelling, status in spellings.items():
        yield f"{_quoted(spelling)} = {_quoted(status)}"
    yield ""
    yield "[stock_count]"
    yield from _comment(STOCK_COUNT, language)
    yield ""
    yield "[refused]"
    yield from _comment(REFUSED, language)
    for what in LEFT_OUT:
        if refused.get(what):
            meaning = in_language(language, MEANINGS[what])
            yield f"{what} = {_quoted(UNDECIDED)}  # {refused[what]}: {meaning}"


def _comment(text: Text, language: str) -> Iterator[str]:
    line = "#"
    for word in in_language(language, text).split():
        if len(line) + len(word) >= 99:
            yield line
            line = "#"
        line += f" {word}"
    yield line


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\{character}"
        if character in '"\\'
        else f"\\u{ord(character):04X}"
        if ord(character) < 0x20 or ord(character) == 0x7F
        else character
        for character in text
    )
    return f'"{escaped}"'
