"""The two parts of a mail, from its content: `templates/mail.txt` and `templates/mail.html`.

The HTML part escapes everything, and names no image, font or script of any host. Jinja is imported
with the first mail.
"""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import bidirectional

from functions.kit.base.catalogues import LOCALES
from functions.notifications.translations import translations

if TYPE_CHECKING:
    from jinja2 import Environment

_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_RIGHT = frozenset({"R", "AL", "AN"})
"""Classes of characters (UAX #9, section 3.2): controls of directions, and what runs leftwards."""
FOLDER = Path(__file__).parent / "templates"
COMPILED = Path(__file__).parent / "compiled_templates"


class Line(NamedTuple):
    label: str
    amount: str


class Button(NamedTuple):
    label: str
    url: str


class Content(NamedTuple):
    """What a mail says, in the language of its recipient; both parts are made of it."""

    subject: str
    greeting: str
    paragraphs: tuple[str, ...]
    items: tuple[Line, ...] = ()
    totals: tuple[Line, ...] = ()
    button: Button | None = None
    links: tuple[Button, ...] = ()
    """Below the paragraphs, such as one for each book."""
    notes: tuple[str, ...] = ()
    """Below the button, in smaller letters."""
    unsubscribe_url: str = ""
    """Empty for a mail that cannot be unsubscribed from."""
    unsubscribe_label: str = ""


@cache
def environment(language: str) -> "Environment":
    from jinja2 import (  # noqa: PLC0415 - 60 ms, with the first mail
        Environment,
        FileSystemLoader,
        ModuleLoader,
        StrictUndefined,
        select_autoescape,
    )

    loader = ModuleLoader(COMPILED) if COMPILED.is_dir() else FileSystemLoader(FOLDER)
    made = Environment(
        loader=loader,
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    return made


def render(content: Content, language: str, part: str) -> str:
    """A part of a mail: `txt` or `html`."""
    template = environment(language).get_template(f"mail.{part}")
    return template.render(content=content, language=language)


def isolated(text: str) -> str:
    """A title or a name that moves nothing beside it, whatever the direction of its letters.

    Without the isolate (UAX #9) an amount that follows a Hebrew title is shown before it, and
    controls for directions, which anybody may type, turn the rest of the line round. They are left
    out.
    """
    kept = "".join(each for each in text if bidirectional(each) not in _CONTROLS)
    return f"\u2068{kept}\u2069" if any(bidirectional(each) in _RIGHT for each in kept) else kept


def money(minor: int, currency: str, language: str) -> str:
    """An amount as CLDR writes it: `USD 14.50`, `$14.50`."""
    from babel.numbers import format_currency  # noqa: PLC0415 - 40 ms, with the first price

    # Two decimals, as the services count: CLDR writes some currencies, such as COP, without.
    text: str = format_currency(
        Decimal(minor) / 100, currency, locale=LOCALES[language], currency_digits=False
    )
    # CLDR's currencySpacing, which Babel leaves out: a code does not touch its digits.
    before, digit = text[:3], text[3:4]
    if before.isalpha() and before.isupper() and digit.isdigit():
        return f"{before}\N{NO-BREAK SPACE}{text[3:]}"
    return text


def moment(at: datetime, language: str) -> str:
    """A time for people everywhere, with its zone: `14 Mar 2026, 9:26 UTC`."""
    from babel.dates import format_datetime  # noqa: PLC0415

    pattern = "d MMM y, H:mm 'UTC'"
    text: str = format_datetime(at.astimezone(UTC), pattern, locale=LOCALES[language])
    return text
