"""The checks of all fields of one body, refused together."""

from collections.abc import Callable
from typing import TypeVar

from functions.kit.base.errors import Detail, FieldError, InvalidInput, Text
from functions.kit.base.language import listed

T = TypeVar("T")


class FieldChecks:
    """Collects what is wrong with each field."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []

    def read(self, field: str, parse: Callable[[], T], otherwise: T) -> T:
        """The parsed value; `otherwise` where `parse` raises a `ValueError` of this domain."""
        try:
            return parse()
        except ValueError as error:
            self._errors.append(FieldError(field, reason(error)))
            return otherwise

    def refuse(self) -> None:
        """Raises `InvalidInput`, which names every invalid field, if there is one."""
        if self._errors:
            begin = Text("Corrija esto y envíelo de nuevo: ", "Correct these and send it again: ")
            pairs = [(each.field, each.message) for each in self._errors]
            raise InvalidInput(listed(pairs, begin=begin), errors=self._errors)


def reason(error: ValueError) -> Detail:
    """The message of a `ValueError` that this domain raised."""
    text: Detail = error.args[0]
    return text
