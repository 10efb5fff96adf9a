"""Entity tags and the conditions that use them (RFC 9110, sections 8.8.3 and 13.1)."""

import hashlib
import re

from functions.kit.errors import InvalidInput

PATTERN = r'^(\*|(W/)?"[!#-~]*")$'
"""What callers should send; lists of tags are taken as well."""

# Empty elements of a list are passed over (RFC 9110, section 5.6.1).
_ENTITY_TAG = re.compile(r'[\s,]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,[\s,]*|\Z)')


def strong_etag(*parts: object) -> str:
    """A tag that changes when any part does."""
    text = "\x1f".join(map(str, parts)).encode()
    return f'"{hashlib.blake2b(text, digest_size=12).hexdigest()}"'


def parse(header: str) -> list[tuple[bool, str]] | None:
    """The tags of a header as (weak, opaque); None for `*`.

    Raises `InvalidInput` for anything else.
    """
    if header.strip() == "*":
        return None
    tags = []
    position = 0
    while position < len(header):
        match = _ENTITY_TAG.match(header, position)
        if match is None:
            raise InvalidInput('An entity tag is written in double quotes, as in "abc".')
        tags.append((match[1] is not None, match[2]))
        position = match.end()
    if not tags:
        raise InvalidInput("The list of entity tags is empty.")
    return tags


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has this version already (weak comparison)."""
    if if_none_match is None:
        return False
    try:
        tags = parse(if_none_match)
    except InvalidInput:
        return False  # a read is answered in full rather than refused
    return tags is None or etag.strip('"') in {opaque for _, opaque in tags}
