"""What the tests of every service's catalogues of texts look for."""

import re
from pathlib import Path

from babel.messages.pofile import read_po

from functions.kit.start.catalogue_builder import CatalogueBuilder

PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def wanted(builder: CatalogueBuilder) -> set[object]:
    """The texts of templates and code."""
    return {message.id for message in builder.messages() if message.id}


def translated(path: Path) -> set[object]:
    """The texts that a catalogue has in all their forms."""
    with path.open("rb") as file:
        catalogue = read_po(file)
    return {message.id for message in catalogue if message.id and all(_texts(message.string))}


def with_other_placeholders(path: Path) -> list[object]:
    """The texts whose translation lacks a placeholder, or has one of its own."""
    with path.open("rb") as file:
        catalogue = read_po(file)
    return [
        message.id
        for message in catalogue
        if message.id
        for text in _texts(message.string)
        if set(PLACEHOLDER.findall(text)) != set(PLACEHOLDER.findall(_texts(message.id)[-1]))
    ]


def with_texts_left_in_english(path: Path) -> list[object]:
    """The texts whose translation repeats a sentence of the catalogue's English."""
    with path.open("rb") as file:
        messages = [message for message in read_po(file) if message.id]
    texts = [text for message in messages for text in _texts(message.id)]
    english = {sentence for text in texts for sentence in _long(text)}
    return [
        message.id
        for message in messages
        for text in _texts(message.string)
        if any(sentence in text for sentence in english)
    ]


def _long(text: str) -> list[str]:
    """Its sentences of four words or more: shorter ones may be the same in two languages."""
    return [each for each in re.split(r"(?<=[.:;!?]) ", text) if len(each.split()) >= 4]


def _texts(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    if value is None:
        return ("",)
    return (value,) if isinstance(value, str) else tuple(value)
