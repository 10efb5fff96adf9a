"""Groups of operations in the OpenAPI document."""

from collections.abc import Sequence
from typing import NamedTuple


class Topic(NamedTuple):
    """A tag of the document, and the first segments of the paths under it."""

    name: str
    description: str
    paths: Sequence[str]
