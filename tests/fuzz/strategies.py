"""What valid means where no schema can say it: cursors, ISBNs, passwords, files.

Whatever a document's `format` or media type stands for is made here, and what JSON Schema would
take but the shop does not is mended; all else schemathesis makes of the documents alone.
"""

import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

from functions.kit.base.characters import is_visible
from functions.kit.base.fields import NOT_BLANK
from functions.kit.base.money import MAX_ID
from functions.kit.base.orders import MAX_LINES, MAX_QUANTITY
from functions.kit.http.pagination import encode_cursor
from functions.purchase.domain.countries import COUNTRIES
from functions.purchase.schemas.addresses import PHONE

OWN_BOOKS = "/sellers/me/books"
CURSORS = {"/sales": "time-cursor", OWN_BOOKS: "newest-cursor"}
"""Formats of the cursors of lists that have one order, which their cursors do not name, and of the
one list of books that begins with the newest."""


def register(service: str) -> None:
    """Teach schemathesis the formats, as this service means them."""
    schemathesis.openapi.format("cursor", cursors(service))
    newest = st.integers(1, MAX_ID).map(lambda i: encode_cursor("newest", i))
    schemathesis.openapi.format("newest-cursor", newest)
    schemathesis.openapi.format("time-cursor", times().map(lambda key: encode_cursor(*key)))
    schemathesis.openapi.format("position", positions())
    schemathesis.openapi.format("entity-tag", st.sampled_from(["*", '"1.1.0"', '"1.9.9"']))
    schemathesis.openapi.format("isbn", st.integers(978_000_000_000, 979_999_999_999).map(isbn))
    schemathesis.openapi.format("language", st.sampled_from(["es", "eng", "pt-BR", "zh-Hant"]))
    schemathesis.openapi.format("password", st.uuids().map(str))
    schemathesis.openapi.format("quoted-items", quoted_items())
    schemathesis.openapi.media_type("text/csv", csv_files())


def cursors(service: str) -> st.SearchStrategy[str]:
    """Cursors of the lists by id; the default order of auth and catalog is by id, and names it."""
    ids, named = st.integers(1, MAX_ID), service in {"auth", "catalog"}
    return ids.map(lambda i: encode_cursor("id", i) if named else encode_cursor(i))


def positions() -> st.SearchStrategy[str]:
    """Cursors of purchase's lists by time and id; newest first is the default."""
    return times().map(lambda key: encode_cursor("-created", *key))


def times() -> st.SearchStrategy[tuple[int, int]]:
    """Microseconds since 1970, and an id."""
    return st.tuples(st.integers(0, 10**16), st.integers(1, MAX_ID))


def isbn(first_twelve: int) -> str:
    """ISBN-13 with its check digit."""
    digits = [int(digit) for digit in str(first_twelve)]
    total = sum(digit * (1, 3)[place % 2] for place, digit in enumerate(digits))
    return f"{first_twelve}{-total % 10}"


def quoted_items() -> st.SearchStrategy[str]:
    """Books and copies, most of books that are there."""
    items = st.dictionaries(st.integers(1, 7), st.integers(1, MAX_QUANTITY), min_size=1, max_size=4)
    return items.map(lambda all_of_them: ",".join(f"{n}x{q}" for n, q in all_of_them.items()))


def csv_files() -> st.SearchStrategy[bytes]:
    """A header that says what a book is, and lines that say anything."""
    field = st.text(max_size=20).map(lambda text: '"' + text.replace('"', '""') + '"')
    lines = st.lists(st.tuples(field, field, field, field).map(",".join), max_size=5)
    return lines.map(lambda rows: "\r\n".join(["title,author,price,stock", *rows]).encode())


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """2.0 is an integer to JSON Schema, and not to the shop; a purchase names each book once.

    And most name one that is there, or little would ever be bought. A text that a pattern takes
    for more than blanks gets a character that a reader sees.
    """
    del context
    body = _visible(_address(_whole(body)))
    items = body.get("items") if isinstance(body, dict) else None
    # Too many would become few, and what is refused would be taken.
    if isinstance(items, list) and len(items) <= MAX_LINES and _are_objects(items):
        body["items"] = list({repr(item.get("book_id")): item for item in items}.values())
    return body


def _are_objects(items: list[Any]) -> bool:
    return all(isinstance(item, dict) for item in items)


def _address(body: Any) -> Any:
    """What countries ask for no schema says: Angola asks for nothing more.

    And a long number without a + may be a card's.
    """
    if isinstance(body, dict) and body.get("country") in COUNTRIES:
        body["country"] = "AO"
    if isinstance(body, dict) and isinstance(phone := body.get("phone"), str):
        body["phone"] = phone[:11] if re.fullmatch(PHONE, phone) else phone
    return body


def _visible(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _visible(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_visible(value) for value in part]
    unseen = isinstance(part, str) and re.match(NOT_BLANK, part) and not is_visible(part)
    return f"{part[:-1]}x" if unseen else part


def _whole(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            name: _known(value) if name == "book_id" else _whole(value)
            for name, value in part.items()
        }
    if isinstance(part, list):
        return [_whole(value) for value in part]
    return int(part) if isinstance(part, float) and part.is_integer() else part


def _known(book_id: Any) -> Any:
    """Of seven books that somebody asks for, five are there."""
    book_id = _whole(book_id)
    return 1 + book_id % 7 if type(book_id) is int and 1 <= book_id <= MAX_ID else book_id


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """No schema says that a parameter must not be empty, nor that a cursor is of one order.

    And where a pattern begins with a look-ahead, schemathesis
    counts a character too many.
    """
    del context
    given = [value if isinstance(value, list) else [value] for value in (case.query or {}).values()]
    values = [value for each in given for value in each]
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    too_long = positive and any(isinstance(value, str) and len(value) > 100 for value in values)
    orders = {OWN_BOOKS: ("newest",), "/users": ("id",)}.get(
        case.operation.path, ("id", "-created")
    )
    sort = (case.query or {}).get("sort", orders[0])
    foreign = "after" in (case.query or {}) and (
        sort not in orders or "reviews" in case.operation.path
    )
    return not (too_long or foreign or None in values or "" in values)


@schemathesis.hook
def before_load_schema(context: Any, schema: dict[str, Any]) -> None:
    """Its boundary values would be texts as long as an ISBN may be, whatever their format.

    And it would put any bytes into the file of a form; tests/kit/test_forms.py has forms.
    """
    del context
    _tell_cursors_apart(schema)
    for item in schema["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {})
            if "text/csv" in content:
                content.pop("multipart/form-data", None)
                content["text/csv"].pop("example", None)
    for component in schema["components"]["schemas"].values():
        for member in component.get("properties", {}).values():
            if member.get("format") in {"isbn", "language"}:
                for bound in ("minLength", "maxLength", "pattern"):
                    member.pop(bound, None)


def _tell_cursors_apart(schema: dict[str, Any]) -> None:
    """The document has one format for the cursors of all lists."""
    for path in CURSORS.keys() & schema["paths"].keys():
        for parameter in schema["paths"][path]["get"]["parameters"]:
            if parameter["name"] == "after":
                parameter["schema"]["format"] = CURSORS[path]
