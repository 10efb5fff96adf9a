"""Every text of the pages is there in every language."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from functions.storefront import translations
from functions.storefront.build import messages
from functions.storefront.domain.paths import LANGUAGES

CATALOGUES = sorted(translations.FOLDER.glob("*/LC_MESSAGES/*.po"))
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def test_each_language_has_a_catalogue() -> None:
    """English is the texts themselves."""
    assert [path.parts[-3] for path in CATALOGUES] == sorted(set(LANGUAGES) - {"en"})


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_no_text_is_without_a_translation(path: Path) -> None:
    """`python -m functions.storefront.build --extract` adds new ones, to be translated."""
    with path.open("rb") as file:
        catalogue = read_po(file)
    wanted = {message.id for message in messages() if message.id}
    translated = {message.id for message in catalogue if message.id and all(_texts(message.string))}

    assert translated == wanted


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_translation_has_the_placeholders_of_its_text(path: Path) -> None:
    """One that is missing or misspelt would fail when the page is rendered."""
    with path.open("rb") as file:
        catalogue = read_po(file)
    wrong = [
        message.id
        for message in catalogue
        if message.id
        for text in _texts(message.string)
        if set(PLACEHOLDER.findall(text)) != set(PLACEHOLDER.findall(_texts(message.id)[-1]))
    ]

    assert wrong == []


def _texts(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    if value is None:
        return ("",)
    return (value,) if isinstance(value, str) else tuple(value)
