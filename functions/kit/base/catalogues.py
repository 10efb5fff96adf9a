"""Texts in several languages: English in code and templates, others in gettext catalogues.

An image holds compiled catalogues (`kit/start/catalogue_builder.py` writes them). In a checkout
they are compiled from `locale/LANGUAGE/LC_MESSAGES/DOMAIN.po` when they are first needed.
"""

import gettext
import io
from pathlib import Path

LOCALES = {"es": "es_419", "en": "en"}
"""CLDR locale of each language: Spanish as Latin America writes numbers and dates."""


def load(folder: Path, domain: str, language: str) -> gettext.NullTranslations:
    """The catalogue of a language; English is the texts themselves."""
    if language == "en":
        return gettext.NullTranslations()
    source = folder / language / "LC_MESSAGES" / f"{domain}.po"
    compiled = source.with_suffix(".mo")
    content = compiled.read_bytes() if compiled.exists() else compile_catalogue(source)
    return gettext.GNUTranslations(io.BytesIO(content))


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
