"""The coverage of a delivery provider: ISO 3166-1 alpha-2 codes of countries, or everywhere."""

from collections.abc import Sequence

from functions.kit.base.errors import FieldError, InvalidInput, Text

EVERYWHERE = "*"

_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_CODES.split())


def coverage_of(codes: Sequence[str]) -> tuple[str, ...]:
    """The codes, sorted and without duplicates; `*` alone for everywhere.

    Raises `InvalidInput`, which names the unknown codes.
    """
    codes_given = {code.upper() for code in codes}
    if EVERYWHERE in codes_given:
        return (EVERYWHERE,)
    unknown = sorted(codes_given - COUNTRIES)
    if unknown:
        raise InvalidInput(
            Text(
                "coverage nombra países por sus códigos ISO 3166-1, como CO o ES, o * para todas"
                f" partes; tiene {', '.join(unknown[:5])}.",
                "coverage lists countries by their ISO 3166-1 codes, such as CO or ES, or * for"
                f" everywhere; it has {', '.join(unknown[:5])}.",
            ),
            errors=[
                FieldError(
                    "coverage",
                    Text(f"{unknown[0]} no es un país", f"{unknown[0]} is not a country"),
                )
            ],
        )
    return tuple(sorted(codes_given))


def covers(coverage: Sequence[str], country: str) -> bool:
    """Whether a provider delivers to a country; one without coverage delivers everywhere."""
    return not coverage or EVERYWHERE in coverage or country in coverage
