"""Addresses inside the shop: languages in paths, and where a visitor may be sent back to."""

import re
from urllib.parse import quote, unquote, urlsplit

LANGUAGES = ("es", "en")

MAX_NEXT = 4000
"""Characters; fewer than a field of a form may have. A letter of most alphabets takes six of them
in an address, and ten in one that is inside another, as in that of the sign-in: the longest search,
the filters of a list and the cursor of its next page are long together."""
_DOTS = frozenset({".", ".."})
_PATH = re.compile(r"/(?:es|en)(?:/[A-Za-z0-9._~%-]+)*/?")


def local_path(text: str | None) -> str | None:
    """A path of this shop that a form or a link names, or None.

    Only `/es...` and `/en...` with a query are let through: no scheme, no host, no backslash, no
    control character, no second slash, which a browser would read as another host, and no segment
    of dots, by which it would leave the language's pages.
    """
    if not text or len(text) > MAX_NEXT or not text.isascii() or not text.isprintable():
        return None
    if " " in text:
        return None
    if "\\" in text or "//" in text.partition("?")[0]:
        return None
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or not _PATH.fullmatch(parts.path):
        return None
    if not _DOTS.isdisjoint(unquote(parts.path).split("/")):  # browsers decode %2e as well
        return None
    return parts.path + (f"?{quote(parts.query, safe='=&%+,:;@!$()*-._~')}" if parts.query else "")


def in_other_language(path: str, query: str, language: str) -> str:
    """The same page in another language."""
    rest = path.split("/", 2)[2:]
    return "/".join(["", language, *filter(None, rest)]) + (f"?{query}" if query else "")
