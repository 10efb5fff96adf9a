"""Amounts as people type them.

The bounds are the services': they refuse an amount beyond them, with a message that names them.
"""

import re

_AMOUNT = re.compile(r"[0-9]{1,12}([.,][0-9]{1,2})?")
"""Enough digits for any amount that a service takes."""


def amount(text: str) -> str | None:
    """An amount with a point or a comma, as the services take it; None where it is not one."""
    text = text.strip()
    return text.replace(",", ".") if text.isascii() and _AMOUNT.fullmatch(text) else None
