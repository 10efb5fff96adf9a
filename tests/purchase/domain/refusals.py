"""A refusal as a test compares it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from functions.kit.base.errors import DomainError, Text


@contextmanager
def refused(
    kind: type[DomainError], spanish: str, english: str, **extensions: object
) -> Iterator[None]:
    """The block is refused with this detail in both languages, and with these extensions."""
    with pytest.raises(kind) as caught:
        yield

    assert caught.value.detail == Text(spanish, english)
    assert caught.value.extensions == extensions
