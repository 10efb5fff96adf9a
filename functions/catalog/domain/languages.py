"""Languages of books: ISO 639 codes, and their names in files.

Babel has the codes, their aliases and their names (CLDR). It is imported with the first language
that is read: a start does not need it.
"""

import re
from functools import cache
from typing import NamedTuple

from functions.kit.base.characters import plain
from functions.kit.base.errors import Text

NO_LANGUAGE = Text(
    "debe ser un código de idioma de ISO 639, como es o en",
    "must be an ISO 639 language code, such as es or en",
)
UNKNOWN_NAME = Text(
    "debe ser un código de idioma de ISO 639, como es, o el nombre del idioma en español o inglés",
    "must be an ISO 639 language code, such as es, or the language's name in English or Spanish",
)

MAX_LANGUAGE = 35
"""Characters of a written language tag (RFC 5646, section 4.4.1)."""

_TAG = re.compile(r"(?P<language>[A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8})*")
_SPOKEN_NAMES = {"castellano": "es", "castilian": "es"}
"""Names that CLDR does not have."""


def parse_language(text: str) -> str:
    """The ISO 639 code of a language tag: two letters where there are such, else three.

    Regions and scripts are dropped, as ONIX and MARC have no place for them in a book's language:
    `en-US` and `eng` are `en`. Raises `ValueError` with the reason, a `Text`.
    """
    found = _TAG.fullmatch(plain(text[: MAX_LANGUAGE + 1]).strip())
    if found is None or len(text.strip()) > MAX_LANGUAGE:
        raise ValueError(NO_LANGUAGE)
    known = _known()
    written = found["language"].lower()
    code = known.aliases.get(written, written)
    if code not in known.codes:
        raise ValueError(NO_LANGUAGE)
    return code


def parse_named_language(text: str) -> str:
    """The code of a tag, or of a language's name in Spanish or English, as files have it.

    Raises `ValueError` with the reason, a `Text`.
    """
    try:
        return parse_language(text)
    except ValueError as error:
        name = _comparable(text[:100])
        code = _SPOKEN_NAMES.get(name) or _known().names.get(name)
        if code is None:
            raise ValueError(UNKNOWN_NAME) from error
        return code


class _Known(NamedTuple):
    codes: frozenset[str]
    aliases: dict[str, str]
    """Codes that another one replaces: `eng`, `iw`."""
    names: dict[str, str]
    """Codes by names in Spanish and English, in the form of `_comparable`."""


@cache
def _known() -> _Known:
    from babel import Locale  # noqa: PLC0415 - some 60 ms, which a start need not wait for
    from babel.core import get_global  # noqa: PLC0415

    named = [
        (code, name)
        for language in ("es", "en")
        for code, name in Locale(language).languages.items()
        if _TAG.fullmatch(code) and len(code) <= len("eng")
    ]
    aliases = {
        alias: code.partition("_")[0]
        for alias, code in get_global("language_aliases").items()
        if alias.isalpha()
    }
    names: dict[str, str] = {}
    for code, name in named:
        names.setdefault(_comparable(name), code)
    return _Known(frozenset(code for code, _ in named), aliases, names)


def _comparable(name: str) -> str:
    return " ".join(plain(name).casefold().split())
