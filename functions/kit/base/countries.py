"""Names of countries for people, from CLDR. Babel is imported with the first name."""

from functions.kit.base.catalogues import LOCALES
from functions.kit.base.errors import Text


def country_name(code: str, language: str) -> str:
    """The name of an ISO 3166-1 alpha-2 code; the code itself where CLDR has none."""
    from babel import Locale  # noqa: PLC0415 - 20 ms, which no start and few requests need

    name: str = Locale.parse(LOCALES[language]).territories.get(code, code)
    return name


def country_text(code: str) -> Text:
    """The name of a country for a message."""
    return Text(country_name(code, "es"), country_name(code, "en"))
