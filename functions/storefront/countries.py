"""Countries and their names, in the order of a language's alphabet (CLDR)."""

import unicodedata
from functools import cache

from functions.kit.base.countries import country_name

# fmt: off
CODES = (
    "AR", "AT", "AU", "BE", "BO", "BR", "CA", "CH", "CL", "CO", "CR", "CU", "DE", "DK",
    "DO", "EC", "ES", "FI", "FR", "GB", "GR", "GT", "HN", "IE", "IN", "IT", "JP", "KR",
    "MX", "NI", "NL", "NO", "NZ", "PA", "PE", "PL", "PR", "PT", "PY", "SE", "SV", "US",
    "UY", "VE", "ZA",
)
# fmt: on
"""Where the shop offers to deliver to; purchase says which providers go there."""


@cache
def countries(language: str) -> list[tuple[str, str]]:
    """Pairs of code and name."""
    names = ((code, country_name(code, language)) for code in CODES)
    return sorted(names, key=lambda pair: _sort_key(pair[1]))


def _sort_key(name: str) -> str:
    decomposed = unicodedata.normalize("NFD", name.casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each))
