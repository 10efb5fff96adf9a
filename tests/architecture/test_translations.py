"""A page in Spanish says what its page in English says: the same parts, links and figures."""

import re
from pathlib import Path

import pytest

from tests.architecture import markdown
from tests.architecture.services import ROOT

SPANISH = [page for page in markdown.pages() if page.name.endswith(".es.md")]


def english(page: Path) -> Path:
    return page.with_name(page.name.replace(".es.md", ".md"))


def shape(page: Path) -> dict[str, object]:
    """What does not depend on the language."""
    prose = markdown.prose(page)
    lines = prose.splitlines()
    words = re.sub(r"`[^`]*`|\]\([^)]*\)", "", prose)
    return {
        "headings": [level for level, _ in markdown.headings(page)],
        "blocks": [each.splitlines()[0] for each in markdown.fences(page)],
        "cells": [line.count(" | ") for line in lines if line.startswith("|")],
        "points": len([line for line in lines if re.match(r"\s*(?:-|\d+\.) ", line)]),
        "pages": sorted(
            link.partition("#")[0].replace(".es.md", ".md")
            for link in markdown.links(page)
            if not link.startswith("http")
        ),
        # 1,650 there is 1.650 or 1650 here.
        "figures": sorted(re.findall(r"\d+", re.sub(r"(?<=\d)[.,](?=\d)", "", words))),
    }


@pytest.mark.parametrize("page", SPANISH, ids=markdown.name)
def test_both_pages_have_the_same_parts(page: Path) -> None:
    """A heading, a row, a point or a figure that is added to one is added to the other."""
    assert shape(english(page)) == shape(page)


@pytest.mark.parametrize("page", SPANISH, ids=markdown.name)
def test_each_leads_to_the_other(page: Path) -> None:
    """And both READMEs, which say which pages are translated, lead to it."""
    assert page.name in markdown.links(english(page))
    assert english(page).name in markdown.links(page)
    for readme, other in ((ROOT / "README.es.md", page), (ROOT / "README.md", english(page))):
        assert other == readme or markdown.name(other) in markdown.links(readme)


def test_other_figures_are_found(tmp_path: Path) -> None:
    """The form of a number does not count, its value does."""
    page = tmp_path / "page.md"
    shapes = []
    for text in ("It takes 1,650 rows.", "Son 1.650 filas.", "Son 1.660 filas."):
        page.write_text(text)
        shapes.append(shape(page))

    assert SPANISH
    assert shapes[0] == shapes[1]
    assert shapes[1] != shapes[2]
