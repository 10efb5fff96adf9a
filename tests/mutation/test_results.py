"""The report of `nox -s mutation`, of what mutmut prints."""

from rich.console import Console

from tests.mutation.__main__ import read, survivors, table, without_equivalents

PRINTED = """\
    functions.purchase.domain.stock.xǁStockǁopened__mutmut_1: killed
    functions.purchase.domain.stock.xǁStockǁopened__mutmut_2: survived
    functions.purchase.domain.stock.xǁStockǁopened__mutmut_3: timeout
    functions.purchase.domain.cards.x__ean__mutmut_1: no tests
    functions.purchase.domain.cards.x__ean__mutmut_2: not checked
    functions.purchase.domain.cards.x_holds_card_number__mutmut_1: killed
"""


def test_what_no_test_has_found_survives() -> None:
    """Also what no test has run; a mutant that does not end was found."""
    assert survivors(read(PRINTED)) == [
        "functions.purchase.domain.stock.xǁStockǁopened__mutmut_2",
        "functions.purchase.domain.cards.x__ean__mutmut_1",
    ]


def test_an_equivalent_mutant_is_not_counted() -> None:
    """It is recognised by its module and by what it has in place of the code."""
    name = "functions.purchase.domain.checkout.x_parse_items__mutmut_6"
    difference = f"""\
# {name}: survived
--- functions/purchase/domain/checkout.py
+++ functions/purchase/domain/checkout.py
@@ -5,7 +5,7 @@
     for item in text.split(","):
-        book, _, copies = item.partition("x")
+        book, _, copies = item.rpartition("x")
"""
    other = name.replace("parse_items", "quotes")
    results = without_equivalents({name: "survived", other: "survived"}, {name: difference})

    assert results == {name: "equivalent", other: "survived"}
    assert survivors(results) == [other]


def test_each_module_has_its_score() -> None:
    """Without the mutants that were left out of this run."""
    console = Console(width=80, no_color=True)
    with console.capture() as captured:
        console.print(table(read(PRINTED)))
    rows = [line.split() for line in captured.get().splitlines() if "%" in line]

    assert rows == [
        ["functions.purchase.domain.cards", "1", "1", "50.0", "%"],
        ["functions.purchase.domain.stock", "2", "1", "66.7", "%"],
        ["all", "3", "2", "60.0", "%"],
    ]
