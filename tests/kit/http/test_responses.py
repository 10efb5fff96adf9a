"""How answers are written."""

import json
from decimal import Decimal

from functions.kit.data.idempotency_keys import Answer
from functions.kit.http.idempotency import answer_response
from functions.kit.http.responses import encode


def test_an_amount_is_a_number_with_two_decimals() -> None:
    """Neither a text nor rounded to 12.5, and never 30.299999999999997."""
    assert encode({"price": Decimal("12.50"), "total": Decimal("30.30")}) == (
        b'{"price":12.50,"total":30.30}'
    )


def test_text_is_not_escaped_beyond_need() -> None:
    """UTF-8 as it is; any JSON parser reads it back."""
    title = "Cien años de soledad 📚"

    assert json.loads(encode({"title": title})) == {"title": title}


def test_a_stored_answer_says_that_it_is_one() -> None:
    """Its body and status are the first one's; a header tells the two apart."""
    first = answer_response(Answer(201, b'{"id": 1}', replayed=False))
    second = answer_response(Answer(201, b'{"id": 1}', replayed=True))

    assert (first.content, first.status_code) == (second.content, second.status_code)
    assert [each.headers.get("idempotency-replayed") for each in (first, second)] == [None, "true"]
