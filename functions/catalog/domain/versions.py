"""Which version of a book somebody has seen.

Two owners change what `GET /books/{id}` shows: the catalogue the book, purchase its stock. The
entity tag names the revision of both, so a cache never shows old stock; `If-Match` looks at the
book's alone, so a sale between reading and writing does not refuse the writer.
"""

import re
from typing import NamedTuple

from functions.kit import etags
from functions.kit.errors import PreconditionFailed, PreconditionRequired

SHAPE = 1
"""Number of the JSON's shape: raised with it, so that nobody keeps an answer of the old one."""

_TAG = re.compile(r"[0-9]{1,9}\.([0-9]{1,19})\.[0-9]{1,19}\Z")


class Version(NamedTuple):
    revision: int
    """Of the book."""
    stock_revision: int
    """Of its stock; 0 until purchase has spoken."""

    @property
    def etag(self) -> str:
        return f'"{SHAPE}.{self.revision}.{self.stock_revision}"'


class Expected(NamedTuple):
    """The revisions that a writer is content with; None for any."""

    revisions: frozenset[int] | None = None

    def check(self, revision: int) -> None:
        """Raises `PreconditionFailed` where the book has moved on."""
        if self.revisions is not None and revision not in self.revisions:
            raise PreconditionFailed("Read it again, and send If-Match with its new ETag.")


def expected(if_match: str | None, *, required: bool = False) -> Expected:
    """What an `If-Match` header asks for; weak tags match nothing (RFC 9110, section 13.1.1).

    Raises `InvalidInput` for a header that is none, `PreconditionRequired` where it must be there.
    """
    if if_match is None:
        if required:
            raise PreconditionRequired("Send If-Match with the ETag of the version you have seen.")
        return Expected()
    tags = etags.parse(if_match)
    if tags is None:
        return Expected()
    matches = [_TAG.match(opaque) for weak, opaque in tags if not weak]
    return Expected(frozenset(int(match[1]) for match in matches if match))
