"""Spanish by default, as the original spoke; English for who asks for it."""

import re
from collections.abc import Mapping

from functions.kit.errors import Text

DEFAULT = "es"
LANGUAGES = ("es", "en")

_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


def preferred(accept_language: str | None) -> str:
    """The best of the shop's languages for an `Accept-Language` (RFC 9110, section 12.5.4)."""
    best, best_quality = DEFAULT, 0.0
    for part in (accept_language or "")[:200].split(","):
        name, _, parameter = part.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        quality = 1.0
        weight = parameter.strip().lower()
        if weight.startswith("q="):
            if not _QUALITY.fullmatch(weight[2:]):
                continue
            quality = float(weight[2:])
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


def say(headers: Mapping[str, str], text: Text) -> str:
    """A text in the language that the request's headers ask for."""
    return text.en if preferred(headers.get("accept-language")) == "en" else text.es
