"""Texts of the pages: English in the templates and the code, other languages in gettext catalogues.

An image holds compiled catalogues (`python -m functions.storefront.build`); in a checkout they are
compiled from `locale/*/LC_MESSAGES/storefront.po` when they are first needed.
"""

import gettext
import io
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "storefront"

LOCALES = {"es": "es_419", "en": "en"}
"""CLDR locale of each language: Spanish as Latin America writes numbers and dates."""


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of a language; English is the texts themselves."""
    if language == "en":
        return gettext.NullTranslations()
    source = FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    compiled = source.with_suffix(".mo")
    if compiled.exists():
        return gettext.GNUTranslations(io.BytesIO(compiled.read_bytes()))
    return gettext.GNUTranslations(io.BytesIO(compile_catalogue(source)))


def compile_catalogue(source: Path) -> bytes:
    """The content of a `.mo` file."""
    # Imported here: an image has compiled catalogues, and need not hold this part of Babel.
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with source.open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    return compiled.getvalue()


def N_(text: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Mark a text for translation; it is translated where it is shown."""
    return text
