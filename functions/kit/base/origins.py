"""Parses and checks the web origins of the setting `CORS_ORIGINS` (RFC 6454)."""

import re

_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORT = re.compile(r"http:.*:80|https:.*:443")


def parse(origins: str) -> list[str]:
    """The origins of the setting, in lower case as browsers send them."""
    return [each.strip().lower() for each in origins.split(",") if each.strip()]


def problem(origin: str) -> str | None:
    """Why no browser sends this text as an origin; None for a valid origin or `*`."""
    if origin == "*":
        return None
    if not _ORIGIN.fullmatch(origin):
        return f"{origin[:80]} is not an origin such as https://shop.example (no path, no slash)"
    if _DEFAULT_PORT.fullmatch(origin):
        return f"{origin[:80]}: browsers omit the default port; omit it here too"
    return None
