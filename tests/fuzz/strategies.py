"""What valid means where no schema can say it: cursors, ISBNs, passwords, files.

Whatever a document's `format` or media type stands for is made here, and what JSON Schema would
take but the shop does not is mended; all else schemathesis makes of the documents alone.
"""

import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

from functions.kit.base.money import MAX_ID
from functions.kit.http.pagination import encode_cursor
from functions.purchase.domain.countries import COUNTRIES
from functions.purchase.domain.purchases import MAX_LINES, MAX_QUANTITY
from functions.purchase.schemas.addresses import PHONE


def register(service: str) -> None:
    """Teach schemathesis the formats, as this service means them."""
    schemathesis.openapi.format("cursor", cursors(service))
    schemathesis.openapi.format("entity-tag", st.sampled_from(["*", '"1.1.0"', '"1.9.9"']))
    schemathesis.openapi.format("isbn", st.integers(978_000_000_000, 979_999_999_999).map(isbn))
    schemathesis.openapi.format("language", st.sampled_from(["es", "eng", "pt-BR", "zh-Hant"]))
    schemathesis.openapi.format("password", st.uuids().map(str))
    schemathesis.openapi.format("quoted-items", quoted_items())
    schemathesis.openapi.media_type("text/csv", csv_files())


def cursors(service: str) -> st.SearchStrategy[str]:
    """Cursors of the lists by id; catalog's default order is by id as well, and names it."""
    ids = st.integers(1, MAX_ID)
    return ids.map(lambda i: encode_cursor("id", i) if service == "catalog" else encode_cursor(i))


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

    And most name one that is there, or little would ever be bought.
    """
    del context
    body = _address(_whole(body))
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
    foreign = "after" in (case.query or {}) and case.query.get("sort", "id") != "id"
    return not (too_long or foreign or None in values or "" in values)


@schemathesis.hook
def before_load_schema(context: Any, schema: dict[str, Any]) -> None:
    """Its boundary values would be texts as long as an ISBN may be, whatever their format.

    And it would put any bytes into the file of a form; tests/kit/test_forms.py has forms.
    """
    del context
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
