"""Texts of the pages: English in templates and code, other languages in gettext catalogues."""

import gettext
from functools import cache
from pathlib import Path

from functions.kit.base import catalogues

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "storefront"


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of a language."""
    return catalogues.load(FOLDER, DOMAIN, language)


def N_(text: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Mark a text for translation; it is translated where it is shown."""
    return text
