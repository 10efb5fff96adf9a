"""Every text of the pages is there in every language."""

from pathlib import Path

import pytest

from functions.storefront.build import CATALOGUES
from functions.storefront.domain.paths import LANGUAGES
from tests.support.catalogues import (
    translated,
    wanted,
    with_other_placeholders,
    with_texts_left_in_english,
)


def test_each_language_has_a_catalogue() -> None:
    """English is the texts themselves."""
    assert [path.parts[-3] for path in CATALOGUES.sources] == sorted(set(LANGUAGES) - {"en"})


@pytest.mark.parametrize("path", CATALOGUES.sources, ids=lambda path: path.parts[-3])
def test_no_text_is_without_a_translation(path: Path) -> None:
    """`python -m functions.storefront.build --extract` adds new ones, to be translated."""
    assert translated(path) == wanted(CATALOGUES)


@pytest.mark.parametrize("path", CATALOGUES.sources, ids=lambda path: path.parts[-3])
def test_a_translation_has_the_placeholders_of_its_text(path: Path) -> None:
    """One that is missing or misspelt would fail when the page is rendered."""
    assert with_other_placeholders(path) == []


@pytest.mark.parametrize("path", CATALOGUES.sources, ids=lambda path: path.parts[-3])
def test_no_translation_has_an_english_sentence(path: Path) -> None:
    """As a merge of two branches leaves one behind, at the end of another text."""
    assert with_texts_left_in_english(path) == []
