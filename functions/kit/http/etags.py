"""Entity tags and the conditions that use them (RFC 9110, sections 8.8.3 and 13.1)."""

import hashlib
import re
from collections.abc import Container, Mapping

from functions.kit.base.errors import InvalidInput, PreconditionFailed, Text

PATTERN = r'^(\*|(W/)?"[!#-~]*")$'
"""The documented form of `If-Match`; lists of tags are accepted as well."""

# Empty elements of a list are ignored (RFC 9110, section 5.6.1).
_ENTITY_TAG = re.compile(r'[\s,]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,[\s,]*|\Z)')


def strong_etag(*parts: object) -> str:
    """A strong tag that changes if any part changes."""
    text = "\x1f".join(map(str, parts)).encode()
    return f'"{hashlib.blake2b(text, digest_size=12).hexdigest()}"'


def parse(header: str) -> list[tuple[bool, str]] | None:
    """The tags of a header, each as (is weak, opaque tag); None for `*`.

    Raises `InvalidInput` for a malformed header.
    """
    if header.strip() == "*":
        return None
    tags = []
    position = 0
    while position < len(header):
        match = _ENTITY_TAG.match(header, position)
        if match is None:
            raise InvalidInput(
                Text(
                    'Una etiqueta de entidad va entre comillas dobles, como en "abc".',
                    'An entity tag is written in double quotes, as in "abc".',
                )
            )
        tags.append((match[1] is not None, match[2]))
        position = match.end()
    if not tags:
        raise InvalidInput(
            Text(
                "La lista de etiquetas de entidad está vacía.",
                "The list of entity tags is empty.",
            )
        )
    return tags


def check(headers: Mapping[str, str], etag: str | None) -> None:
    """Check the preconditions of a change to an existing resource; `etag` is None if it has none.

    `If-Match` compares strongly, `If-None-Match` weakly (RFC 9110, sections 13.1.1 and 13.1.2).
    Raises `PreconditionFailed`, or `InvalidInput` for a malformed header.
    """
    current = None if etag is None else parse(etag)
    if (header := headers.get("if-match")) is not None:
        tags = parse(header)
        if tags is not None and not any(tag in (current or ()) and tag[0] is False for tag in tags):
            raise PreconditionFailed(CHANGED)
    if (header := headers.get("if-none-match")) is not None:
        refuse_known(header, {opaque for _, opaque in current or ()})


def refuse_known(if_none_match: str, opaque: Container[str]) -> None:
    """Raises `PreconditionFailed` if one of the tags is in `opaque`, or for `*`."""
    tags = parse(if_none_match)
    if tags is None:
        raise PreconditionFailed(EXISTS)
    if any(each in opaque for _, each in tags):
        raise PreconditionFailed(UNCHANGED)


CHANGED = Text(
    "Vuelva a leerlo y envíe If-Match con su nuevo ETag; si no tiene ETag, no envíe If-Match.",
    "Read it again, and send If-Match with its new ETag; if it has no ETag, send no If-Match.",
)
EXISTS = Text(
    "Ya existe, y If-None-Match: * pide que no exista.",
    "It already exists, and If-None-Match: * requires that it does not.",
)
UNCHANGED = Text(
    "Sigue teniendo un ETag que If-None-Match excluye.",
    "It still has an ETag that If-None-Match excludes.",
)


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Whether the client already has this version (weak comparison).

    A malformed header is ignored.
    """
    if if_none_match is None:
        return False
    try:
        tags = parse(if_none_match)
    except InvalidInput:
        return False
    own = {opaque for _, opaque in parse(etag) or ()}
    return tags is None or any(opaque in own for _, opaque in tags)
