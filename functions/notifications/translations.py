"""Texts of the mails: English in the code and the templates, Spanish in a gettext catalogue."""

import gettext
from functools import cache
from pathlib import Path

from functions.kit.base import catalogues

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "notifications"


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of a language."""
    return catalogues.load(FOLDER, DOMAIN, language)
