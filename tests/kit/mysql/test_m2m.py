"""Many-to-many relations: selects, and the methods of a row."""

import uuid
from typing import Any

import pytest
from piccolo.columns import JSON, M2M, UUID, ForeignKey, LazyTableReference, Serial, Varchar
from piccolo.engine.base import Engine
from piccolo.querystring import QueryString
from piccolo.table import Table, create_db_tables

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import Unsupported


class Band(Table, tablename="m2m_band"):
    id: Serial
    name = Varchar(length=50, unique=True)
    genres = M2M(LazyTableReference("GenreToBand", module_path=__name__))


class Genre(Table, tablename="m2m_genre"):
    id = UUID(primary_key=True)
    name = Varchar(length=50)
    data = JSON(default={"a": 1})
    bands = M2M(LazyTableReference("GenreToBand", module_path=__name__))


class GenreToBand(Table, tablename="m2m_genre_to_band"):
    id: Serial
    band = ForeignKey(Band)
    genre = ForeignKey(Genre)
    reason = Varchar(length=50)


TABLES = (Band, Genre, GenreToBand)


async def fill(engine: Engine[Any], *, rock: str = "Rock") -> list[Genre]:
    for table in TABLES:
        table._meta.db = engine
    await create_db_tables(*TABLES)
    bands = [Band(name="Pythonistas"), Band(name="Rustaceans"), Band(name="Silent")]
    genres = [Genre(name=rock), Genre(name="Folk"), Genre(name="Classical")]
    for row in (*bands, *genres):
        await row.save()
    for band, genre in ((0, 0), (0, 1), (1, 1), (1, 2)):
        await GenreToBand(band=bands[band].id, genre=genres[genre].id).save()
    return genres


async def test_the_other_side_is_a_list(each_engine: Engine[Any]) -> None:
    """In no order that is promised; of a row without any it is empty."""
    await fill(each_engine)
    rows = await Band.select(Band.name, Band.genres(Genre.name, as_list=True)).order_by(Band.id)

    assert [(row["name"], sorted(row["genres"])) for row in rows] == [
        ("Pythonistas", ["Folk", "Rock"]),
        ("Rustaceans", ["Classical", "Folk"]),
        ("Silent", []),
    ]


async def test_the_other_side_is_numbers_or_keys(each_engine: Engine[Any]) -> None:
    """A list of keys holds `int` for a Serial and `UUID` objects for a UUID column."""
    genres = await fill(each_engine)
    numbers = await Genre.select(Genre.bands(Band.id, as_list=True)).where(Genre.name == "Folk")
    keys = await Band.select(Band.genres(Genre.id, as_list=True)).where(Band.name == "Rustaceans")

    assert [sorted(row["bands"]) for row in numbers] == [[1, 2]]
    assert [set(row["genres"]) for row in keys] == [{genres[1].id, genres[2].id}]
    assert type(keys[0]["genres"][0]) is uuid.UUID


async def test_the_other_side_is_rows_with_their_json(each_engine: Engine[Any]) -> None:
    """With several columns each related row is a dict, whose JSON `load_json` decodes."""
    genres = await fill(each_engine)
    (row,) = await Band.select(Band.genres(Genre.id, Genre.name, Genre.data, load_json=True)).where(
        Band.name == "Pythonistas"
    )

    assert sorted(row["genres"], key=lambda genre: str(genre["name"])) == [
        {"id": genre.id, "name": genre.name, "data": {"a": 1}} for genre in (genres[1], genres[0])
    ]


@pytest.mark.filterwarnings("ignore:.*Unable to do type conversion")
async def test_one_column_of_the_other_side(each_engine: Engine[Any]) -> None:
    """Piccolo tries to read the names as keys, and warns that they are none."""
    await fill(each_engine)
    (row,) = await Band.select(Band.genres(Genre.name)).where(Band.name == "Rustaceans")

    assert sorted(genre["name"] for genre in row["genres"]) == ["Classical", "Folk"]


async def test_a_comma_parts_no_value(engine: MySQLEngine) -> None:
    """On SQLite it does, since Piccolo has them in one text there. A long list is whole too."""
    await fill(engine, rock='Rock, and "roll" ' + "x" * 30)
    band = Band.objects().get(Band.name == "Silent")
    many = [Genre(name=f"{number:05}, " + "é" * 40) for number in range(100)]
    await Genre.insert(*many)
    await (await band).add_m2m(*many, m2m=Band.genres)  # type: ignore[union-attr]
    rows = await Band.select(Band.genres(Genre.name, as_list=True)).order_by(Band.id)

    assert sorted(rows[0]["genres"]) == ["Folk", 'Rock, and "roll" ' + "x" * 30]
    assert sorted(rows[2]["genres"]) == [genre.name for genre in many]


async def test_rows_are_added_got_and_removed(each_engine: Engine[Any]) -> None:
    """`add_m2m` stores extra values of the link, and `remove_m2m` deletes one link only."""
    genres = await fill(each_engine)
    band = await Band.objects().get(Band.name == "Silent")
    assert band is not None
    await band.add_m2m(
        Genre(name="New"), genres[0], m2m=Band.genres, extra_column_values={"reason": "loud"}
    )
    added = await band.get_m2m(Band.genres)
    await band.remove_m2m(genres[0], m2m=Band.genres)
    left = await band.get_m2m(Band.genres)

    assert {genre.name for genre in added} == {"New", "Rock"}
    assert [genre.name for genre in left] == ["New"]
    assert await GenreToBand.select(GenreToBand.reason).where(GenreToBand.band == band) == [
        {"reason": "loud"}
    ]


async def test_what_is_added_is_added_whole_or_not_at_all(engine: MySQLEngine) -> None:
    """An invalid column of the link leaves neither the new row nor an open transaction."""
    await fill(engine)
    band = await Band.objects().get(Band.name == "Silent")
    assert band is not None
    with pytest.raises(ValueError, match="no_such_column"):
        await band.add_m2m(
            Genre(name="New"), m2m=Band.genres, extra_column_values={"no_such_column": 1}
        )

    assert await Genre.count().where(Genre.name == "New") == 0
    assert not engine.transaction_exists()


async def test_group_concat_elsewhere_is_refused(engine: MySQLEngine) -> None:
    """MySQL's cuts its result at a length of the session."""
    await fill(engine)

    with pytest.raises(Unsupported, match=r"group_concat\(\)"):
        await engine.execute(QueryString("SELECT group_concat(name) AS names FROM m2m_band"))
