"""Groups of operations (tags) in the OpenAPI document."""

from collections.abc import Sequence
from typing import NamedTuple


class Topic(NamedTuple):
    """A tag, and the first path segments of its operations."""

    name: str
    description: str
    paths: Sequence[str]
