"""Joins of several levels, with the names that Piccolo prints for them."""

from typing import Any

import pytest
from piccolo.columns import ForeignKey, Serial, Varchar
from piccolo.table import Table

from functions.kit.mysql import MySQLEngine


class Manager(Table):
    id: Serial
    name = Varchar(length=20)


class Band(Table):
    id: Serial
    name = Varchar(length=20)
    manager = ForeignKey(Manager)


class Concert(Table):
    id: Serial
    band_1 = ForeignKey(Band)
    band_2 = ForeignKey(Band)


class Ticket(Table):
    id: Serial
    concert = ForeignKey(Concert)


# Piccolo's types end at the second level.
BAND: Any = Ticket.concert.band_1
NAME = BAND.manager.name


@pytest.fixture(autouse=True)
async def schema(engine: MySQLEngine) -> None:
    for table, columns in {
        Manager: ("`name` VARCHAR(20)",),
        Band: ("`name` VARCHAR(20)", "`manager` BIGINT"),
        Concert: ("`band_1` BIGINT", "`band_2` BIGINT"),
        Ticket: ("`concert` BIGINT",),
    }.items():
        name = table._meta.tablename
        await engine.run_ddl(
            f"CREATE TABLE `{name}` (`id` BIGINT AUTO_INCREMENT PRIMARY KEY, {', '.join(columns)})"
        )
        table._meta.db = engine
    for number, name in enumerate(("Guido", "Graydon"), 1):
        await Manager(name=name).save()
        await Band(name=f"{name}istas", manager=number).save()
    for pair in ((1, 2), (2, 1)):
        await Concert(band_1=pair[0], band_2=pair[1]).save()
        await Ticket(concert=pair[0]).save()


async def test_columns_of_three_levels_are_selected_filtered_and_sorted() -> None:
    """Both ways to the same table, at once."""
    second: Any = Ticket.concert.band_2
    other = second.manager.name.as_alias("other")

    rows = await Ticket.select(NAME, other).where(NAME != "nobody").order_by(NAME)

    assert rows == [
        {"concert.band_1.manager.name": "Graydon", "other": "Guido"},
        {"concert.band_1.manager.name": "Guido", "other": "Graydon"},
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (lambda: Ticket.count().where(NAME == "Guido"), 1),
        (lambda: Ticket.exists().where(NAME == "nobody"), False),
        (lambda: Ticket.select(NAME).group_by(NAME).order_by(NAME).output(as_list=True),
         ["Graydon", "Guido"]),
    ],
)  # fmt: skip
async def test_they_are_counted_looked_for_and_grouped(query: Any, expected: Any) -> None:
    """COUNT, EXISTS and GROUP BY work with a column that is three joins away."""
    assert await query() == expected


async def test_nested_objects_are_prefetched() -> None:
    """`objects()` fills three levels of objects, and `output(nested=True)` gives nested dicts."""
    ticket: Any = await Ticket.objects(Ticket.concert, BAND, BAND.manager).get(NAME == "Guido")

    assert ticket.concert.band_1.manager.name == "Guido"
    nested = await Ticket.select(NAME).where(Ticket.id == ticket.id).output(nested=True)
    assert nested == [{"concert": {"band_1": {"manager": {"name": "Guido"}}}}]


async def test_a_related_object_is_got() -> None:
    """`get_related` follows a foreign key of the row's table and one two joins away."""
    ticket: Any = await Ticket.objects().get(NAME == "Graydon")

    concert = await ticket.get_related(Ticket.concert)
    manager = await ticket.get_related(BAND.manager)

    assert (concert.id, manager.name) == (2, "Graydon")
