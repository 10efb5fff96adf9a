"""Users, books, providers and deliveries, row by row."""

from decimal import Decimal
from typing import Any

import pytest

from functions.adoption.domain.amounts import Amount, FloatValue, amount
from functions.adoption.domain.books import OriginalBook, map_book, title_of
from functions.adoption.domain.decisions import Decisions, parse
from functions.adoption.domain.deliveries import (
    OriginalAssignment,
    OriginalProvider,
    map_assignments,
    map_providers,
)
from functions.adoption.domain.findings import What
from functions.adoption.domain.users import OriginalUser, map_user, merge
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.purchases import Status
from tests.adoption.original import HASH

SCRYPT = "scrypt:32768:8:1$0Zb9$" + "0" * 128


@pytest.mark.parametrize(
    ("shown", "stored", "expected"),
    [
        ("29.95", None, Amount(2995, rounded=False, hides_digits=False)),
        ("11.995", None, Amount(1200, rounded=True, hides_digits=False)),
        ("-0.005", None, Amount(-1, rounded=True, hides_digits=False)),
        ("45900.5", None, Amount(4590050, rounded=False, hides_digits=True)),
        ("45900.5", "45900.5", Amount(4590050, rounded=False, hides_digits=False)),
        ("123457", "123456.78125", Amount(12345700, rounded=False, hides_digits=True)),
        ("1e+30", None, Amount(10**32, rounded=False, hides_digits=True)),
    ],
)
def test_amounts_are_rounded_half_up(shown: str, stored: str | None, expected: Amount) -> None:
    """To minor units, from what MySQL shows."""
    assert (
        amount(FloatValue(Decimal(shown), None if stored is None else Decimal(stored))) == expected
    )


@pytest.mark.parametrize(
    ("password", "usable"),
    [(HASH, True), (SCRYPT, False), ("123456", False), ("", False), (None, False)],
)
def test_only_hashes_that_can_be_verified_are_kept(password: str | None, usable: bool) -> None:
    """A plain password never is."""
    user, findings = map_user(OriginalUser(1, "Ana", "ana@example.org", password))

    assert user is not None
    assert user.password_hash == (password if usable else "!")
    assert (What.PASSWORD_UNUSABLE in {each.what for each in findings}) == (not usable)


@pytest.mark.parametrize("email", [None, "", "   ", "\u200b"])
def test_an_account_without_an_address_is_closed(email: str | None) -> None:
    """Its purchases keep its id."""
    user, findings = map_user(OriginalUser(1, "Ana", email, HASH))

    assert user is not None
    assert user.is_closed
    assert [each.what for each in findings] == [What.EMAIL_MISSING]


@pytest.mark.parametrize(("choice", "password"), [("reset", "!"), ("first", HASH), ("last", "!")])
def test_merged_accounts_have_the_password_that_was_decided(choice: str, password: str) -> None:
    """The lowest id and the first name are kept."""
    rows = [
        OriginalUser(5, "Otra", "ANA@example.org", SCRYPT),
        OriginalUser(3, None, "ana@example.org ", HASH),
        OriginalUser(0, "Nadie", "ana@example.org", HASH),
    ]
    user, findings = merge(rows, parse({"merged_accounts": choice}))

    assert user is not None
    assert (user.id, user.email, user.name) == (3, "ana@example.org", "Otra")
    assert user.password_hash == password
    assert {(each.id, each.what) for each in findings} >= {
        (0, What.ID_INVALID),
        (5, What.ACCOUNTS_MERGED),
    }


def book(**changes: Any) -> OriginalBook:
    row = OriginalBook(1, "Rayuela", "Cortázar", None, FloatValue(Decimal("30.3")), 5)
    return row._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "expected", "what"),
    [
        ({}, ("Rayuela", 3030, False, 5), None),
        ({"title": " \n"}, ("Sin título", 3030, True, 5), What.TITLE_MISSING),
        ({"author": None}, ("Rayuela", 3030, True, 5), What.AUTHOR_MISSING),
        ({"title": "Con\nsalto"}, ("Con salto", 3030, False, 5), What.TEXT_TIDIED),
        ({"price": None}, ("Rayuela", 0, True, 5), What.PRICE_INVALID),
        ({"price": FloatValue(Decimal(-20))}, ("Rayuela", 0, True, 5), What.PRICE_INVALID),
        ({"price": FloatValue(Decimal("1e30"))}, ("Rayuela", 0, True, 5), What.PRICE_INVALID),
        ({"price": FloatValue(Decimal("0.001"))}, ("Rayuela", 0, True, 5), What.PRICE_INVALID),
        ({"price": FloatValue(Decimal(0))}, ("Rayuela", 0, False, 5), None),
        ({"stock": -4}, ("Rayuela", 3030, False, 0), What.STOCK_INVALID),
        ({"stock": None}, ("Rayuela", 3030, False, 0), What.STOCK_INVALID),
        ({"stock": 2 * 10**9}, ("Rayuela", 3030, False, 10**6), What.STOCK_CAPPED),
        ({"description": "x" * 6000}, ("Rayuela", 3030, False, 5), What.DESCRIPTION_CUT),
        ({"description": "4111 1111 1111 1111"}, ("Rayuela", 3030, False, 5), What.CARD_NUMBER),
    ],
)
def test_books_are_repaired(
    changes: dict[str, Any], expected: tuple[object, ...], what: What | None
) -> None:
    """Title, price, whether it is retired, and free copies."""
    done, findings = map_book(book(**changes), Decisions())

    assert done is not None
    assert (done.details.title, done.details.price_minor, done.retired, done.available) == expected
    assert [each.what for each in findings] == ([] if what is None else [what])


@pytest.mark.parametrize(
    ("decisions", "available"),
    [({"stock": "zero"}, 0), ({"stock_count": {"1": 12}}, 12), ({"stock_count": {"2": 12}}, 5)],
)
def test_counted_stock_counts(decisions: dict[str, object], available: int) -> None:
    """The original's is not to be trusted: it oversold."""
    done, _ = map_book(book(), parse(decisions))

    assert done is not None
    assert done.available == available


def test_providers_are_merged_by_name() -> None:
    """Whatever their case; nameless ones are retired."""
    done = map_providers(
        [
            OriginalProvider(1, "DHL", "dhl@dhl.example"),
            OriginalProvider(2, " dhl ", "otro"),
            OriginalProvider(3, None, None),
            OriginalProvider(4, "", "4111 1111 1111 1111"),
        ]
    )

    assert [(each.id, each.name, each.retired) for each in done.rows] == [
        (1, "DHL", False),
        (3, "Sin nombre", True),
    ]
    assert done.ids == {1: 1, 2: 1, 3: 3, 4: 3}


ASSIGNMENTS = [
    OriginalAssignment(31, 1, 1, "Assigned"),
    OriginalAssignment(32, 1, 2, "En tránsito"),
    OriginalAssignment(33, 1, 9, "Assigned"),
]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.ON_DELIVERY, (32, 1, DeliveryStatus.IN_TRANSIT)),
        (Status.DELIVERED, (32, 1, DeliveryStatus.DELIVERED)),
        (Status.PAID, None),
        (Status.PENDING, None),
        (None, None),
    ],
)
def test_the_newest_delivery_with_a_provider_counts(
    status: Status | None, expected: tuple[object, ...] | None
) -> None:
    """Only of a purchase that is on its way, or was delivered."""
    kept, findings = map_assignments(1, status, ASSIGNMENTS, {1: 1, 2: 1})

    assert (None if kept is None else tuple(kept)) == expected
    assert {each.id for each in findings} | ({32} if kept else set()) == {31, 32, 33}


def test_a_purchase_on_its_way_gets_a_delivery() -> None:
    """Nobody could end it otherwise."""
    kept, findings = map_assignments(1, Status.ON_DELIVERY, [], {})

    assert kept == (None, None, DeliveryStatus.ASSIGNED)
    assert [(each.id, each.what) for each in findings] == [(1, What.ASSIGNMENT_MISSING)]


@pytest.mark.parametrize("text", [" Ana", "Ana  María", "Ana\tMaría", "An\u0303a", "Ana\n"])
def test_tidied_texts_are_reported(text: str) -> None:
    """Blanks and compositions of characters, too: nothing is changed silently."""
    book = OriginalBook(1, text, text, text, FloatValue(Decimal(1)), 1)
    _, of_book = map_book(book, Decisions())
    _, of_user = map_user(OriginalUser(1, text, "ana@example.org", HASH))
    of_provider = map_providers([OriginalProvider(1, text, text)]).findings
    prose_keeps = text in {"Ana  María", "Ana\tMaría"}

    assert [each.what for each in of_book] == [What.TEXT_TIDIED] * (2 if prose_keeps else 3)
    assert [each.what for each in of_user] == [What.NAME_TIDIED]
    assert [each.what for each in of_provider] == [What.TEXT_TIDIED] * 2


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 300, "x" * 255),
        ("\ufb2c" * 150, "\u05e9\u05bc\u05c1" * 85),
        ("1a" * 120 + " 4111 1111 1111 1111", None),
    ],
)
def test_titles_that_do_not_fit_are_cut(text: str, kept: str | None) -> None:
    """Composing makes some three times as long, masking a card number others."""
    book, findings = map_book(
        OriginalBook(1, text, "A", None, FloatValue(Decimal(1)), 1), Decisions()
    )

    assert book is not None
    assert len(book.details.title) <= 255
    assert kept is None or book.details.title == kept
    assert title_of(text) == book.details.title
    assert {What.TEXT_CUT, What.CARD_NUMBER} & {each.what for each in findings}


@pytest.mark.parametrize(
    ("purchase", "text", "reported"),
    [
        (Status.ON_DELIVERY, "Assigned", False),
        (Status.ON_DELIVERY, "In Transit", False),
        (Status.ON_DELIVERY, "en camino", True),
        (Status.DELIVERED, "Assigned", True),
        (Status.ON_DELIVERY, None, True),
    ],
)
def test_a_delivery_in_another_status_is_reported(
    purchase: Status, text: str | None, reported: bool
) -> None:
    """The original left it at Assigned whatever became of its purchase."""
    _, findings = map_assignments(1, purchase, [OriginalAssignment(1, 1, 1, text)], {1: 1})

    assert [each.what for each in findings] == [What.DELIVERY_STATUS] * reported
