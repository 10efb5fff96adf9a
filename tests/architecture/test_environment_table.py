"""The settings tables of functions/README.md say what the code reads.

One table holds what every service reads, one more per service what only that one reads.
"""

import re
from collections.abc import Iterator

import msgspec
import pytest

from functions.kit.base.settings import AppSettings, Secret, ServiceSettings
from functions.storefront.settings import StorefrontSettings
from tests.architecture.services import FUNCTIONS, NAMES, settings_of

README = FUNCTIONS / "README.md"
HEADER = ["variable", "default", "meaning"]
SHARED = "every service"
STOREFRONT = "storefront"
TABLES = (SHARED, *NAMES, STOREFRONT)


def fields(reader: str) -> dict[str, msgspec.structs.FieldInfo]:
    """What a reader reads, by variable: the shared ones, or a service's own."""
    shared = {field.name.upper(): field for field in msgspec.structs.fields(ServiceSettings)}
    if reader == SHARED:
        return shared
    if reader == STOREFRONT:  # it has no database, and reads a part of what the services share
        every_app = set(AppSettings.__struct_fields__)
        return {
            field.name.upper(): field
            for field in msgspec.structs.fields(StorefrontSettings)
            if field.name not in every_app
        }
    found = {field.name.upper(): field for field in msgspec.structs.fields(settings_of(reader))}
    return {name: field for name, field in found.items() if name not in shared}


def table(reader: str) -> list[list[str]]:
    """The rows of the table under `### Read by READER`, header first, without its rule."""
    sections = re.split(r"^#+ ", README.read_text("utf-8"), flags=re.MULTILINE)
    (section,) = (each for each in sections if each.startswith(f"Read by {reader}\n"))
    return list(rows(section))


def rows(section: str) -> Iterator[list[str]]:
    for line in section.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                yield cells


def test_each_reader_has_one_table() -> None:
    """None is missing, and none describes a service that is not there."""
    headings = re.findall(r"^#+ Read by (.+)$", README.read_text("utf-8"), re.MULTILINE)

    assert headings == list(TABLES)


@pytest.mark.parametrize("service", NAMES)
def test_a_service_reads_the_shared_settings_as_they_are(service: str) -> None:
    """With the same type and the same default, so that one table is true of all services."""
    own = {field.name: field for field in msgspec.structs.fields(settings_of(service))}
    shared = msgspec.structs.fields(ServiceSettings)

    assert [(own[each.name].type, own[each.name].default) for each in shared] == [
        (each.type, each.default) for each in shared
    ]


@pytest.mark.parametrize("reader", TABLES)
def test_the_table_lists_exactly_the_variables_that_are_read(reader: str) -> None:
    """No variable is ignored, none is undocumented, and each has one row in one table."""
    header, *found = table(reader)

    assert header == HEADER
    assert sorted(row[0].strip("`") for row in found) == sorted(fields(reader))


@pytest.mark.parametrize("reader", TABLES)
def test_the_table_gives_the_defaults_that_are_used(reader: str) -> None:
    """A variable that is left out has this value."""
    documented = {row[0].strip("`"): row[1].strip("`") for row in table(reader)[1:]}
    used = {name: shown(field.default) for name, field in fields(reader).items()}

    assert documented == used


def shown(default: object) -> str:
    """As one would type it; nothing where leaving it out has a meaning of its own."""
    if default is None or default == Secret(""):
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


@pytest.mark.parametrize("reader", TABLES)
def test_every_variable_has_a_meaning(reader: str) -> None:
    """In words."""
    for row in table(reader)[1:]:
        assert len(row) == len(HEADER)
        assert len(row[2].split()) > 2, row[0]
