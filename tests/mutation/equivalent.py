"""Mutants that behave as the code does, so that no test can find them; each with the reason.

The key is the module and what mutmut wrote in place of a line.
"""

EQUIVALENT = {
    (
        "functions.purchase.domain.checkout",
        'book, _, copies = item.rpartition("x")',
    ): "Both split an item with one x alike, and any other item is refused.",
    (
        "functions.purchase.domain.payments",
        "return min(first * (1 << min(count, 31)), longest)",
    ): "2**30 times 5 seconds is beyond each limit already; the bound keeps the number small.",
    (
        "functions.purchase.domain.addresses",
        'given = {"country_code": country, "country_area": region or "XXXX"}',
    ): "A region that the address data does not know has no rules, as no region has none.",
    (
        "functions.purchase.domain.cards",
        "for before, group in zip(groups[first:], groups[first + 1 :], strict=None):",
    ): "None is false, as the argument was.",
    (
        "functions.purchase.domain.cards",
        "for before, group in zip(groups[first:], groups[first + 1 :], ):",
    ): "The argument's default is the value that was given.",
    (
        "functions.purchase.domain.cards",
        'digits[0] in "XX23456XX" and _is_card_number(digits[:length])',
    ): "What is looked for is one digit, never an X.",
}
