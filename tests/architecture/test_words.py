"""Words that the shop has replaced do not come back.

docs/glossary.md has the words in use.
"""

import re
from pathlib import Path

import pytest

from tests.architecture import markdown
from tests.architecture.services import ROOT

REPLACED = {
    "door": "public API, internal API",
    "DOORS": "EXPOSED_API",
    "chore": "background task",
    "poke": "wake (a PingSource), trigger (a background task)",
    "take in": "consume",
    "standin": "fake_kubectl, or what it stands for",
    "stand-in": "a fake of NAME",
    "kept_pages": "response_cache",
    "answer_cache": "response_cache",
    "numbering": "sequencer",
    "posting": "http_sender",
    "rewriting": "backfill",
    "lane": "dispatcher",
    "leash": "parent_watch",
    "upkeep": "maintenance",
    "shelf": "the same files in every service",
    "town": "shop_in_process",
    "armed": "fault_injection",
    "cable": "tcp_proxy",
}
"""Each with what to write instead. English that is common in other meanings is not listed."""

PROSE = (
    "docs", "README.md", "README.es.md", "CONTRIBUTING.md", "SECURITY.md", "functions/README.md",
    "knative/README.md",
)  # fmt: skip
"""Pages, and folders of them."""

CODE = ("compose.yaml", "eventing", "functions", "knative", "noxfile.py", "tests")
"""Where other files are checked, names and comments alike."""

ALLOWED = {
    # Former names of PingSources, which deploy deletes.
    "knative/ops/rollout/leftovers.py": {"poke"},
    "tests/cluster/ops/commands/test_deploy.py": {"poke"},
    # Labels of the release before, which its pods keep while both get traffic.
    "knative/base/namespace/policy-broker.yaml": {"door"},
    "knative/components/monitoring": {"door"},
    "tests/cluster/test_former_names.py": {"door"},
    # The old name of a variable, which is refused with the new one.
    "functions": {"DOORS"},
    "tests/kit/base/test_settings.py": {"DOORS"},
}
"""Words that a folder or a file may use."""


def pattern(word: str) -> re.Pattern[str]:
    """The word and its plural, also as a part of a name in snake_case or CamelCase."""
    if word.isupper():
        return re.compile(rf"\b{word}\b")
    camel = "".join(part.capitalize() for part in re.split(r"[ _-]", word))
    ending = "(?:s|d|ed|ing)?"
    return re.compile(
        rf"(?<![a-zA-Z])(?:{word}|{word.capitalize()}){ending}(?![a-z])"
        rf"|(?<=[a-z]){camel}{ending}(?![a-z])"
    )


def found_in(text: str, allowed: set[str]) -> list[str]:
    """What is there of the replaced words, with what to write instead."""
    return [
        f"{word}: write {instead}"
        for word, instead in REPLACED.items()
        if word not in allowed and pattern(word).search(text)
    ]


def files(places: tuple[str, ...], *endings: str) -> list[Path]:
    found = []
    for place in places:
        path = ROOT / place
        inside = path.rglob("*") if path.is_dir() else [path]
        found += [each for each in inside if each.is_file() and each.suffix in endings]
    return sorted(found)


OTHERS = {ROOT / "functions/local/seed/books.json", Path(__file__)}
"""Not checked: descriptions of real books, which have doors and towns, and this list."""

PAGES = files(PROSE, ".md")
SOURCES = [
    path for path in files(CODE, ".py", ".yaml", ".json", ".sh", ".md") if path not in OTHERS
]


@pytest.mark.parametrize("page", PAGES, ids=markdown.name)
def test_pages_use_the_words_of_the_glossary(page: Path) -> None:
    """In prose; what is code is what the code calls it."""
    text = re.sub(r"`[^`\n]+`|\]\([^)]*\)", "", markdown.prose(page))

    assert found_in(text, set()) == []


@pytest.mark.parametrize("path", SOURCES, ids=markdown.name)
def test_sources_use_the_words_of_the_glossary(path: Path) -> None:
    """In names, comments and texts."""
    allowed = {
        word
        for place, words in ALLOWED.items()
        if path.is_relative_to(ROOT / place)
        for word in words
    }

    assert found_in(path.read_text("utf-8"), allowed) == []


def test_what_is_allowed_is_there() -> None:
    """So that an exception goes with what it was made for."""
    texts = {
        place: "\n".join(
            each.read_text("utf-8") for each in SOURCES if each.is_relative_to(ROOT / place)
        )
        for place in ALLOWED
    }

    assert {
        place: {word for word in words if not pattern(word).search(texts[place])}
        for place, words in ALLOWED.items()
    } == {place: set() for place in ALLOWED}


@pytest.mark.parametrize(
    "text",
    [
        "the internal door",
        "Doors",
        "_do_chores",
        "a poked service",
        "internal_door",
        "InternalDoor",
    ],
)
def test_a_replaced_word_is_found(text: str) -> None:
    """In prose, in the plural, and in names of either kind."""
    assert len(found_in(text, set())) == 1


@pytest.mark.parametrize("text", ["indoors", "Doorn", "planes", "alarmed", "townsfolk"])
def test_a_longer_word_is_another_one(text: str) -> None:
    """That only contains one of them."""
    assert found_in(text, set()) == []


def test_the_list_has_no_word_that_the_glossary_uses() -> None:
    """A word is replaced, or it is in use."""
    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    terms = re.findall(r"^\| \*\*(.+?)\*\* \|", glossary, re.MULTILINE)

    assert terms
    assert [term for term in terms if found_in(term, set())] == []
