"""Texts in CSV files that a spreadsheet opens: none of them is read as a formula.

A text that begins like a formula gets an apostrophe before it, which makes a spreadsheet show it
(OWASP, "CSV Injection"). So does a part of a text after a semicolon, a tab or a line break: where
commas are decimal signs, as in Spanish, Excel splits a file there and not at commas. Quotation
marks in the middle of its cells quote nothing then, and a pair of them at the beginning of a cell
is left out. `unescaped` is the inverse, for every text.
"""

import re

_SIGNS = "=+\\-@＝＋－＠"  # Excel reads the full-width signs too
_BEGINS = rf"'* *[{_SIGNS}\t\r\n|%]"
_GOES_ON = rf"['\" ]*[{_SIGNS}]"
_AFTER = r"(?<=[;\t\r\n])"

_FORMULA = re.compile(rf"\A(?={_BEGINS})|{_AFTER}(?={_GOES_ON})")
_ESCAPED = re.compile(rf"\A'(?={_BEGINS})|{_AFTER}'(?={_GOES_ON})")


def escaped(text: str) -> str:
    """The text, with an apostrophe before whatever could be a formula.

    An apostrophe that is there already gets another one, so that nothing is lost.
    """
    return _FORMULA.sub("'", text)


def unescaped(text: str) -> str:
    """The text that `escaped` was given. Such apostrophes of spreadsheets are taken out too."""
    return _ESCAPED.sub("", text)
