"""Keys that books are matched by: authors' names, the category, the same title and author.

They are computed when a book is written and stored with it; queries go through the same functions.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator

from functions.catalog.search.folding import fold, without_inner_spaces

CATEGORY_LENGTH = 90
"""Characters of a category that are compared, within the limit of an index."""

_BETWEEN_GROUPS = re.compile(r"[;/|]")
_BETWEEN_NAMES = re.compile(r",|&|(?<=\s)(?:and|y|et|und)(?=\s)")  # "Y. Mishima" is one
_WRITTEN_BETWEEN_NAMES = re.compile(_BETWEEN_NAMES.pattern, re.IGNORECASE)
_ONLY_INITIALS = re.compile(r"(?:\w\.[\s-]?)+")
_LONE_CONJUNCTION = re.compile(r"(?<!\S)(?:&|and|y|et|und)(?!\S)")
_INITIALS = re.compile(r"(?<!\S)(?:\w (?=\w(?!\S)))+\w(?!\S)")
_LONGEST_NAME = 3
"""Consecutive names of a field that may be one person: "Ortega y Gasset, José"."""
MAX_BYTES = 60_000
"""Of all forms of all names; a MySQL TEXT holds 65,535."""

# The dots of "J.R.R.", but not the one of "#1.5".
_DOTS = re.compile(r"(?<!\d)\.|\.(?!\d)")


def searchable(text: str) -> str:
    """Folded, without apostrophes and the dots of initials: "J.R.R. Tolkien" is "jrr tolkien"."""
    return " ".join(_DOTS.sub("", fold(text).replace("'", "")).split())


def people(author: str) -> tuple[frozenset[str], ...]:
    """The names of an author field, each as the set of its forms.

    "Tolkien, J.R.R." and "Ortega y Gasset" may be two persons or one, so a name's forms include its
    combinations with the names next to it.
    """
    return tuple(
        frozenset(forms) for group in _BETWEEN_GROUPS.split(author) for forms in _of_group(group)
    )


def written_names(author: str) -> Iterator[str]:
    """The names of an author field as they are written, each as a reader would search for it.

    "Tolkien, J.R.R." is one name where initials follow the comma, and so is each part of a field
    that separates names with semicolons: "Vargas Llosa, Mario; Paz, Octavio" has two.
    """
    groups = [group for group in map(str.strip, _BETWEEN_GROUPS.split(author)) if group]
    for group in groups:
        names = [name.strip() for name in _WRITTEN_BETWEEN_NAMES.split(group) if name.strip()]
        inverted = len(names) == 2 and (len(groups) > 1 or _ONLY_INITIALS.fullmatch(names[1]))
        yield from [group] if inverted else names


def name_key(name: str) -> str:
    """Equal for one person's name in either order: "Tolkien, J.R.R." and "J.R.R. Tolkien"."""
    return _in_order(searchable(name.replace(",", " ")))


def author_names(author: str) -> str:
    """`;name;name;`, with every form of every name."""
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
        yield itertools.chain((name, without_inner_spaces(name)), map(_in_order, windows))


def _in_order(name: str) -> str:
    """Words sorted, initials merged: equal for "Murakami Haruki" and "Haruki Murakami"."""
    initials = _INITIALS.sub(lambda found: found[0].replace(" ", ""), name)
    return without_inner_spaces(" ".join(sorted(initials.split())))


def category_key(category: str) -> str:
    """The form of a category that is stored and compared."""
    return fold(category)[:CATEGORY_LENGTH].rstrip()


def category_keys(category: str) -> tuple[str, ...]:
    """The `category_key` of a query, once per spelling of the conjunction in it."""
    folded = fold(category)
    if len(_LONE_CONJUNCTION.findall(folded)) != 1:
        return (category_key(folded),) if folded else ()
    spellings = (folded, *(_LONE_CONJUNCTION.sub(word, folded) for word in ("&", "and", "y")))
    return tuple(dict.fromkeys(map(category_key, spellings)))


def seller_name_key(name: str) -> str:
    """A digest that is equal for names that differ in case, accents or spaces only."""
    text = fold(name).encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def match_key(title: str, author: str) -> str:
    """A digest that is equal for the same title and author; it matches books without an ISBN."""
    text = f"{fold(title)}\x1f{fold(author)}".encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=16).hexdigest()
