"""Templates: one Jinja environment per language, escaping everything.

An image holds compiled templates (`python -m functions.storefront.build`); in a checkout they are
read from `templates/` and compiled when they are first used.
"""

import re
from collections.abc import Hashable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, ModuleLoader, StrictUndefined
from jinja2.ext import Extension
from jinja2.runtime import Macro

from functions.kit.base.catalogues import LOCALES
from functions.kit.base.countries import country_name
from functions.kit.base.orders import MAX_QUANTITY
from functions.storefront.assets import static_url
from functions.storefront.clients.purchase import REASONS, STATUSES
from functions.storefront.covers import cover_path
from functions.storefront.domain.form_fields import ACCOUNT
from functions.storefront.translations import N_, translations

FOLDER = Path(__file__).parent / "templates"
KEPT = 2000
"""Amounts, and parts of pages, that are kept as they were rendered."""
_TYPED = re.compile(r"[0-9][0-9.,]{0,14}")
_CODE_BEFORE_DIGIT = re.compile(r"(?<=[A-Z]{3})(?=\d)")
COMPILED = Path(__file__).parent / "compiled_templates"
_FORM_THAT_CHANGES = re.compile(
    r'<form\b(?=[^>]*\bmethod="post")(?![^>]*\bdata-any-account\b)[^>]*>'
)
_ACCOUNT_FIELD = (
    "{% if visit.signed_in %}"
    f'<input type="hidden" name="{ACCOUNT}" value="{{{{ visit.signed_in.user_id }}}}">'
    "{% endif %}"
)


class AccountField(Extension):
    """Names in each form that changes something the account that its page is shown to.

    `Visit.check_account` refuses it for another one. Forms with `data-any-account` are left out:
    those that begin or end a session, and one that was kept, which has the field already.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return _FORM_THAT_CHANGES.sub(lambda form: form[0] + _ACCOUNT_FIELD, source)


@cache
def environment(language: str) -> Environment:
    loader = ModuleLoader(COMPILED) if COMPILED.is_dir() else FileSystemLoader(FOLDER)
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", AccountField],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(static_url=static_url, cover_path=cover_path)
    made.globals["kept"] = kept
    made.globals["MAX_QUANTITY"] = MAX_QUANTITY
    made.filters["money"] = lambda amount, currency: money(amount, currency, language)
    made.filters["amount"] = lambda value: amount(value, language)
    made.filters["chosen_amount"] = lambda text: amount(Decimal(text), language)
    made.filters["typed_amount"] = lambda value: typed_amount(value, language)
    made.filters["day"] = lambda moment: day(moment, language)
    made.filters["moment"] = lambda at: moment(at, language)
    made.filters["status_name"] = lambda status: status_name(status, language)
    made.filters["status_kind"] = status_kind
    made.filters["reason"] = lambda written: reason(written, language)
    made.filters["country"] = lambda code: country_name(code, language)
    made.filters["language_name"] = lambda code: language_name(code, language)
    made.filters["category_name"] = lambda category: category_name(category, language)
    made.filters["sentence"] = sentence
    made.filters["try_again"] = lambda seconds: try_again(seconds, language)
    made.filters["stars"] = lambda hundredths: stars(hundredths, language)
    made.filters["year"] = lambda value: year(value, language)
    made.filters["duration"] = lambda seconds: duration(seconds, language)
    made.filters["number"] = lambda value: number(value, language)
    return made


def prepare(language: str) -> None:
    """Load what every page needs: templates, and the locale's data for amounts and dates."""
    for name in ("base.html", "parts.html"):
        environment(language).get_template(name)
    money(Decimal(1), "USD", language)


_parts: dict[tuple[str, str, Hashable], str] = {}


def kept(macro: Macro, visit: Any, subject: Hashable) -> str:
    """What a macro makes of a subject, such as a book's card; half of a page of books is that.

    Only for macros that read nothing of the visit but its language.
    """
    key = (macro.name, visit.language, subject)
    if key not in _parts:
        while len(_parts) >= KEPT:
            del _parts[next(iter(_parts))]
        _parts[key] = macro(visit, subject)
    return _parts[key]


def render(language: str, template: str, **context: Any) -> str:
    """A page, or a part of one, in a language."""
    return environment(language).get_template(template).render(**context)


@lru_cache(KEPT)
def money(amount: Decimal, currency: str, language: str) -> str:
    """An amount as CLDR writes it: `USD 14.50`, `$14.50`."""
    from babel.numbers import format_currency  # noqa: PLC0415 - 40 ms, with the first price

    # Two decimals, as the services count: CLDR writes some currencies, such as COP, without.
    text: str = format_currency(amount, currency, locale=LOCALES[language], currency_digits=False)
    # CLDR's currencySpacing, which Babel leaves out: a code does not touch its digits.
    return _CODE_BEFORE_DIGIT.sub("\N{NO-BREAK SPACE}", text)


def amount(value: Decimal, language: str) -> str:
    """An amount without its currency; without decimals where they are zero."""
    from babel.numbers import format_decimal  # noqa: PLC0415

    return format_decimal(
        value, "#,##0" if value % 1 == 0 else "#,##0.00", locale=LOCALES[language]
    )


def typed_amount(value: Decimal, language: str) -> str:
    """An amount as somebody types it into a field: `1234.50`."""
    from babel.numbers import format_decimal  # noqa: PLC0415

    return format_decimal(value, "0.00", locale=LOCALES[language])


def read_amount(typed: str, language: str) -> Decimal | None:
    """An amount as CLDR writes it in a language: `1,234.50` or `1234.5`.

    None for anything else, such as more than two decimals or a comma where it is ambiguous.
    """
    from babel.numbers import NumberFormatError, parse_decimal  # noqa: PLC0415

    text = "".join(typed.split())
    if not _TYPED.fullmatch(text):
        return None
    try:
        read = parse_decimal(text, locale=LOCALES[language], strict=True)
    except NumberFormatError:
        return None
    return read if read.as_tuple().exponent in {0, -1, -2} else None


def number(value: int, language: str) -> str:
    from babel.numbers import format_decimal  # noqa: PLC0415

    return format_decimal(value, locale=LOCALES[language])


def duration(seconds: float, language: str) -> str:
    """A length of time in its largest unit; below ten seconds with two decimals."""
    from babel.dates import format_timedelta  # noqa: PLC0415
    from babel.numbers import format_decimal  # noqa: PLC0415

    locale = LOCALES[language]
    if seconds < 10:
        return f"{format_decimal(round(seconds, 2), locale=locale)}\N{NO-BREAK SPACE}s"
    return format_timedelta(timedelta(seconds=seconds), threshold=1.5, locale=locale)


def stars(hundredths: int, language: str) -> str:
    """An average rating as a number of stars: `4.34`."""
    from babel.numbers import format_decimal  # noqa: PLC0415

    return format_decimal(Decimal(hundredths) / 100, "0.00", locale=LOCALES[language])


def year(value: int, language: str) -> str:
    if value > 0:
        return str(value)
    return translations(language).gettext(N_("%(year)s BCE")) % {"year": -value}


def language_name(code: str, language: str) -> str:
    """The name of a language as a list has it, with a capital; the code where it has none."""
    from babel import Locale  # noqa: PLC0415

    name: str = Locale.parse(LOCALES[language]).languages.get(code, code)
    return name[:1].upper() + name[1:]


CATEGORIES = (
    N_("Adventure"),
    N_("Children"),
    N_("Drama"),
    N_("Essay"),
    N_("Fantasy & Science fiction"),
    N_("History"),
    N_("Mystery"),
    N_("Novel"),
    N_("Philosophy"),
    N_("Poetry"),
    N_("Science"),
    N_("Short stories"),
)
"""Those of the books that `nox -s dev` adds; a catalogue may have others."""


def category_name(category: str, language: str) -> str:
    """A category in the reader's language; as catalog has it where it is none of `CATEGORIES`."""
    return translations(language).gettext(category) if category in CATEGORIES else category


def try_again(seconds: int, language: str) -> str:
    """How long to wait: in minutes where that is more than a minute and a half."""
    texts = translations(language)
    if seconds <= 90:
        return texts.ngettext(
            "Try again in %(count)s second.", "Try again in %(count)s seconds.", seconds
        ) % {"count": seconds}
    minutes = -(-seconds // 60)
    return texts.ngettext(
        "Try again in %(count)s minute.", "Try again in %(count)s minutes.", minutes
    ) % {"count": minutes}


def sentence(text: str) -> str:
    """A service's message about a field, such as `must not be empty`, to stand by itself."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


GOOD = {"Paid", "On Delivery", "Delivered", "Completed"}
BAD = {"Cancelled", "Expired", "Refunded", "Failed", "Refused"}


def status_kind(status: str) -> str:
    """A class of the stylesheet."""
    return "good" if status in GOOD else "bad" if status in BAD else ""


def status_name(status: str, language: str) -> str:
    return translations(language).gettext(STATUSES.get(status, status))


def reason(written: str, language: str) -> str:
    """Why a stock changed or money went back: a person's words, or those of purchase itself."""
    return translations(language).gettext(REASONS[written]) if written in REASONS else written


def day(at: datetime, language: str) -> str:
    from babel.dates import format_date  # noqa: PLC0415

    return format_date(at, "long", locale=LOCALES[language])


def moment(at: datetime, language: str) -> str:
    """Day and minute, in UTC, which the text says."""
    from babel.dates import format_date, format_time  # noqa: PLC0415

    locale = LOCALES[language]
    return f"{format_date(at, 'medium', locale)}, {format_time(at, 'short', locale=locale)} UTC"
