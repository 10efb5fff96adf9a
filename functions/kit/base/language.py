"""Chooses the language of a text: Spanish, as in the original API, unless English is preferred."""

import re
from collections.abc import Iterable, Mapping

from functions.kit.base.errors import Detail, Text

NOTHING = Text("", "")

DEFAULT = "es"
LANGUAGES = ("es", "en")

_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


def preferred(accept_language: str | None) -> str:
    """The best supported language for an `Accept-Language` header (RFC 9110, section 12.5.4).

    `*` is every language that is not named. Elements with an invalid quality are ignored. Only the
    first 200 characters are read.
    """
    qualities: dict[str, float] = {}
    for part in (accept_language or "")[:200].split(","):
        name, _, parameter = part.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        quality = 1.0
        weight = parameter.strip().lower()
        if weight.startswith("q="):
            if not _QUALITY.fullmatch(weight[2:]):
                continue
            quality = float(weight[2:])
        if language in LANGUAGES or language == "*":
            qualities[language] = max(quality, qualities.get(language, 0.0))
    others = qualities.pop("*", 0.0)
    for language in LANGUAGES:
        qualities.setdefault(language, others)
    best = max(qualities, key=qualities.__getitem__)  # of equal ones the first in the header
    return best if qualities[best] else DEFAULT


def localized(headers: Mapping[str, str], text: Detail) -> str:
    """A text in the language that the request's headers prefer."""
    return in_language(preferred(headers.get("accept-language")), text)


def in_language(language: str, text: Detail) -> str:
    """A text in `es` or `en`; a plain `str` is returned unchanged."""
    if isinstance(text, Text):
        return text.en if language == "en" else text.es
    return text


def listed(items: Iterable[tuple[str, Detail]], *, begin: Text = NOTHING) -> Text:
    """`begin` followed by "name: message; name: message", in both languages."""
    pairs = list(items)
    return Text(
        *(
            in_language(language, begin)
            + "; ".join(
                f"{name}: {in_language(language, message)}".removeprefix(": ")
                for name, message in pairs
            )
            for language in LANGUAGES
        )
    )
