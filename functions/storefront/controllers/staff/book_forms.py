"""The form of a book: what is typed, what of it has changed, and what somebody else has changed.

The form holds a digest of each value that it was made with. So only what a person has changed is
sent, and after a change by somebody else the page can say of each field whose value it shows.
"""

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from functions.storefront.clients.catalog import ManagedBook
from functions.storefront.domain.amounts import amount
from functions.storefront.forms import Form
from functions.storefront.translations import N_

TEXTS = ("title", "author", "isbn", "category", "language", "description")
FIELDS = (*TEXTS, "price", "year", "rating", "ratings")
REQUIRED = ("title", "author", "price")

NAMES = {"rating": "external_rating_hundredths", "ratings": "external_ratings_count"}
"""Members of a book whose field of the form has another name."""

_ETAG = re.compile(r'"[0-9.]{1,60}"')
_WHOLE = re.compile(r"-?[0-9]{1,13}")
_STARS = re.compile(r"[0-5]([.,][0-9]{1,2})?")

NEEDED = N_("Fill this in.")
NO_AMOUNT = N_("Write an amount such as 12.50.")
NO_YEAR = N_("Write a year such as 1967, or -380 for 380 BCE.")
NO_STARS = N_("Write a number of stars such as 4.25, at most 5.")
NO_WHOLE = N_("Write a whole number such as 17.")


class Typed(NamedTuple):
    """What was typed, as catalog takes it, and what it cannot be taken for."""

    values: dict[str, Any]
    """By the names of catalog; empty texts are null."""
    problems: dict[str, str]
    """Texts of the code by the names of fields."""


def shown(book: ManagedBook) -> dict[str, str]:
    """A book's values as the form's fields have them."""
    values = {name: getattr(book, name) for name in (*TEXTS, "price", "year")}
    texts = {name: "" if value is None else str(value) for name, value in values.items()}
    rating = book.external_rating_hundredths
    texts["rating"] = "" if rating is None else f"{Decimal(rating) / 100:.2f}"
    texts["ratings"] = str(book.external_ratings_count or "")
    return texts


def read(form: Form, names: tuple[str, ...] = FIELDS) -> Typed:
    """The given fields of a form."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in names:
        text = form.text(name)
        member = NAMES.get(name, name)
        if not text:
            values[member] = 0 if name == "ratings" else None
            if name in REQUIRED:
                problems[name] = NEEDED
            continue
        try:
            values[member] = _parsed(name, text)
        except ValueError as error:
            problems[name] = str(error)
    return Typed(values, problems)


def _parsed(name: str, text: str) -> Any:
    """Raises `ValueError` with a text of the code."""
    if name == "price":
        # As text: JSON's numbers are binary for some readers.
        price = amount(text)
        if price is None:
            raise ValueError(NO_AMOUNT)
        return price
    if name == "year":
        return int(_matched(_WHOLE, text.replace("\N{MINUS SIGN}", "-"), NO_YEAR))
    if name == "rating":
        return int(Decimal(_matched(_STARS, text, NO_STARS).replace(",", ".")) * 100)
    if name == "ratings":
        return int(_matched(_WHOLE, text, NO_WHOLE))
    return text


def _matched(pattern: re.Pattern[str], text: str, problem: str) -> str:
    if pattern.fullmatch(text) is None or not text.isascii():
        raise ValueError(problem)
    return text


def fields_of(problems: Mapping[str, str]) -> dict[str, str]:
    """Messages of catalog by the names of the form's fields."""
    names = {member: name for name, member in NAMES.items()}
    return {names.get(member, member): message for member, message in problems.items()}


def etag_of(form: Form) -> str:
    """The version of the book that a form was made with; one that matches none if it has none."""
    etag = form.text("etag")
    return etag if _ETAG.fullmatch(etag) else '"0"'


def digests(values: Mapping[str, str]) -> str:
    """For the hidden field `seen`: a digest of each field."""
    return ".".join(_digest(values.get(name, "")) for name in FIELDS)


def _digest(text: str) -> str:
    same = "\n".join(text.strip().splitlines())
    return hashlib.blake2b(same.encode("utf-8", "replace"), digest_size=5).hexdigest()


def changed(values: Mapping[str, str], seen: str) -> set[str]:
    """Names of the fields that differ from what a form was made with; all, if it has no digests."""
    known = seen.split(".")
    if len(known) != len(FIELDS):
        return set(FIELDS)
    return {
        name
        for name, digest in zip(FIELDS, known, strict=True)
        if _digest(values.get(name, "")) != digest
    }


def is_stored(form: Form, book: ManagedBook) -> bool:
    """Whether a book has already what a form changes.

    So it is with one that is sent again after an answer that was lost: nobody else has changed the
    book then.
    """
    present = shown(book)
    typed = present | {name: form.text(name) for name in FIELDS if name in form}
    mine = changed(typed, form.text("seen"))
    return all(_comparable(name, typed[name]) == _comparable(name, present[name]) for name in mine)


def _comparable(name: str, text: str) -> object:
    if name in TEXTS or not text:
        return _digest(text)
    try:
        return Decimal(_parsed(name, text))
    except ValueError:
        return text


class Merged(NamedTuple):
    """A form after a change by somebody else."""

    values: dict[str, str]
    """What was typed where the person has changed it, otherwise the present value."""
    present: dict[str, str]
    """The present value of the fields that both have changed."""
    taken: set[str]
    """Fields that somebody else has changed, and the person has not."""


def merged(typed: Mapping[str, str], present: Mapping[str, str], seen: str) -> Merged:
    mine, theirs = changed(typed, seen), changed(present, seen)
    values = {name: (typed if name in mine else present).get(name, "") for name in FIELDS}
    both = {name for name in mine & theirs if _digest(values[name]) != _digest(present[name])}
    return Merged(values, {name: present[name] for name in both}, theirs - mine)
