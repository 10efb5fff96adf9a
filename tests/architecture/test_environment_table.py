"""The environment tables of functions/README.md say what the settings read."""

import re

import msgspec
import pytest

from tests.architecture.services import FUNCTIONS, NAMES, settings_of

README = FUNCTIONS / "README.md"
HEADER = ["variable", "default", "meaning"]


def table(service: str) -> list[list[str]]:
    """The rows of the table under a service's heading, header first, without its rule."""
    sections = re.split(r"^## ", README.read_text("utf-8"), flags=re.MULTILINE)
    (section,) = [each for each in sections if each.partition("\n")[0].strip() == service]
    lines = [line.strip() for line in section.splitlines()]
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
        if line.startswith("|")
    ]
    return [row for row in rows if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]


@pytest.mark.parametrize("service", NAMES)
def test_the_table_lists_exactly_the_variables_that_are_read(service: str) -> None:
    """None that is ignored, none that is kept secret, none twice."""
    header, *rows = table(service)
    fields = [field.name.upper() for field in msgspec.structs.fields(settings_of(service))]

    assert header == HEADER
    assert sorted(row[0].strip("`") for row in rows) == sorted(fields)


@pytest.mark.parametrize("service", NAMES)
def test_the_table_tells_the_defaults_that_are_used(service: str) -> None:
    """A variable that is left out has this value."""
    fields = {field.name.upper(): field for field in msgspec.structs.fields(settings_of(service))}
    told = {row[0].strip("`"): row[1].strip("`") for row in table(service)[1:]}
    used = {
        name: "" if field.default is None or not field.default else str(field.default)
        for name, field in fields.items()
    }

    assert told == used


@pytest.mark.parametrize("service", NAMES)
def test_every_variable_has_a_meaning(service: str) -> None:
    """In words."""
    for row in table(service)[1:]:
        assert len(row) == len(HEADER)
        assert len(row[2].split()) > 2, row[0]
