"""Characters that render nothing, and the plain form of identifiers and numbers."""

import re
import unicodedata

# Default_Ignorable_Code_Point beyond the category Cf (Unicode, DerivedCoreProperties.txt), and the
# blank braille pattern. Catalog's stored search keys leave these out (search/folding.py): another
# member here needs a migration that computes the keys again.
INVISIBLE = frozenset(
    map(
        chr,
        (
            0x034F,
            0x115F,
            0x1160,
            0x17B4,
            0x17B5,
            *range(0x180B, 0x1810),
            0x2800,
            0x3164,
            *range(0xFE00, 0xFE10),
            0xFFA0,
            *range(0xE0100, 0xE01F0),
        ),
    )
)

_VISIBLE_ASCII = re.compile("[!-~]")
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me", "Mc"})
# The null notehead, and the code points that Unicode reserves for more default ignorables.
_UNSEEN = re.compile("[\U0001d159\u2065\ufff0-\ufff8\U000e0000-\U000e0fff]")


def is_visible(text: str) -> bool:
    """Whether a text renders anything: more than spaces, format characters and combining marks.

    A joiner inside a word is no obstacle: one visible character is enough. A code point that this
    Python's Unicode does not know counts as visible, since a newer one may have a letter there.
    """
    return _VISIBLE_ASCII.search(text) is not None or any(
        char not in INVISIBLE
        and unicodedata.category(char) not in _UNSEEN_CATEGORIES
        and not _UNSEEN.match(char)
        for char in text
    )


def plain(text: str) -> str:
    """An identifier or a number in NFKC, without characters that render nothing."""
    if text.isascii():
        return text
    return "".join(
        char
        for char in unicodedata.normalize("NFKC", text)
        if char not in INVISIBLE and unicodedata.category(char) != "Cf"
    )
