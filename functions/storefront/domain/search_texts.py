"""What somebody types to search for, as the services take it."""

import unicodedata

MAX_TEXT = 200
"""Characters of a text to search for."""


def one_line(typed: str) -> str:
    """The text with single spaces, also for line breaks and other control characters.

    Format characters stay: they join emoji, and the letters of Persian. The search passes over
    them, as over the invisible ones that a copied title brings along.
    """
    kept = (" " if unicodedata.category(char) == "Cc" else char for char in typed)
    return " ".join("".join(kept).split())
