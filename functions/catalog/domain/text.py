"""What books are recognised by: the people of an author field, the category, the same title.

Computed once, when a book is written, and kept beside it; a query is folded the same way.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator

from functions.catalog.domain.folding import fold, joined_unspaced

CATEGORY_LENGTH = 90
"""Characters of a category that are compared; an index has a limit."""

_BETWEEN_GROUPS = re.compile(r"[;/|]")
_BETWEEN_NAMES = re.compile(r",|&|(?<=\s)(?:and|y|et|und)(?=\s)")  # "Y. Mishima" is one
_LONE_CONJUNCTION = re.compile(r"(?<!\S)(?:&|and|y|et|und)(?!\S)")
_INITIALS = re.compile(r"(?<!\S)(?:\w (?=\w(?!\S)))+\w(?!\S)")
_LONGEST_NAME = 3
"""Names of a field that may be one person: "Ortega y Gasset, José"."""
MAX_BYTES = 60_000
"""Of the forms of all names: a MySQL TEXT holds 65,535."""

# The dots of "J.R.R.", but not the one of "#1.5".
_DOTS = re.compile(r"(?<!\d)\.|\.(?!\d)")


def searchable(text: str) -> str:
    """Folded, and without apostrophes and the dots of initials: JRR Tolkien is J.R.R. Tolkien."""
    return " ".join(_DOTS.sub("", fold(text).replace("'", "")).split())


def people(author: str) -> tuple[frozenset[str], ...]:
    """The names of an author field, each with every form that it may be known by.

    "Tolkien, J.R.R." is two names or one person, "Ortega y Gasset" too: each name has the form that
    it makes with those beside it.
    """
    return tuple(
        frozenset(forms) for group in _BETWEEN_GROUPS.split(author) for forms in _of_group(group)
    )


def author_names(author: str) -> str:
    """`;name;name;`, of every form of every name."""
    text = ";"
    for form in dict.fromkeys(form for forms in people(author) for form in sorted(forms)):
        if len(text.encode("utf-8", "replace")) + len(form.encode("utf-8", "replace")) < MAX_BYTES:
            text += f"{form};"
    return text


def _of_group(group: str) -> Iterator[Iterator[str]]:
    names = [name for name in map(searchable, _BETWEEN_NAMES.split(fold(group))) if name]
    for place, name in enumerate(names):
        windows = (
            " ".join(names[first : first + size])
            for size in range(1, _LONGEST_NAME + 1)
            for first in range(max(place - size + 1, 0), min(place + 1, len(names) - size + 1))
        )
        yield itertools.chain((name, joined_unspaced(name)), map(_in_order, windows))


def _in_order(name: str) -> str:
    """The same for "Murakami Haruki" and "Haruki Murakami", "J R R Tolkien" and "Tolkien JRR"."""
    initials = _INITIALS.sub(lambda found: found[0].replace(" ", ""), name)
    return joined_unspaced(" ".join(sorted(initials.split())))


def category_key(category: str) -> str:
    """What a category is found by."""
    return fold(category)[:CATEGORY_LENGTH].rstrip()


def category_keys(category: str) -> tuple[str, ...]:
    """As `category_key`, with the conjunction in it written in each way."""
    folded = fold(category)
    if len(_LONE_CONJUNCTION.findall(folded)) != 1:
        return (category_key(folded),) if folded else ()
    ways = (folded, *(_LONE_CONJUNCTION.sub(way, folded) for way in ("&", "and", "y")))
    return tuple(dict.fromkeys(map(category_key, ways)))


def match_key(title: str, author: str) -> str:
    """Equal for the same title and author: what a book without an ISBN is known by."""
    text = f"{fold(title)}\x1f{fold(author)}".encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=16).hexdigest()
