"""Static files under a name that holds their hash: immutable, and compressed once.

`/static/NAME.HASH.EXT` is served from memory. An image holds `NAME.EXT.br` beside a file; where it
is missing, and for clients without brotli, gzip is made at the first request.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"

_REFUSED = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*$")
"""At the end of a coding that a client does not take (RFC 9110, 12.4.2)."""

MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
"""Litestar adds the charset to those of texts."""


@dataclass
class Asset:
    """A file as it is served."""

    name: str
    """With the hash: `shop.1a2b3c4d5e.css`."""
    media_type: str
    content: bytes
    brotli: bytes | None
    _gzip: bytes | None = field(default=None, repr=False)

    def encoded(self, accept_encoding: str) -> tuple[bytes, str | None]:
        """The content and its `Content-Encoding`, for what a client accepts."""
        accepted = {
            part.partition(";")[0].strip()
            for part in accept_encoding.lower().split(",")
            if not _REFUSED.search(part)
        }
        if self.brotli is not None and "br" in accepted:
            return self.brotli, "br"
        if "gzip" in accepted:
            if self._gzip is None:
                self._gzip = gzip.compress(self.content, 9, mtime=0)
            return self._gzip, "gzip"
        return self.content, None


@cache
def assets() -> dict[str, Asset]:
    """By the name in the repository, such as `shop.css`."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in MEDIA_TYPES:
            content = path.read_bytes()
            digest = hashlib.blake2b(content, digest_size=5).hexdigest()
            compressed = path.with_name(path.name + ".br")
            found[path.name] = Asset(
                f"{path.stem}.{digest}{path.suffix}",
                MEDIA_TYPES[path.suffix],
                content,
                compressed.read_bytes() if compressed.exists() else None,
            )
    return found


@cache
def by_served_name() -> dict[str, Asset]:
    return {asset.name: asset for asset in assets().values()}


def static_url(name: str) -> str:
    """The address of a file of the repository. Raises `KeyError`."""
    return f"/static/{assets()[name].name}"
