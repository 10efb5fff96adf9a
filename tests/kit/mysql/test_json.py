"""`arrow()` and `from_path()` on JSON, as Postgres has them; SQLite where Piccolo prints for it."""

import json
from typing import Any

import pytest
from piccolo.columns import JSON, JSONB, Integer, Serial, Varchar
from piccolo.engine.base import Engine
from piccolo.querystring import QueryString
from piccolo.table import Table

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import Unsupported

DOCUMENTS: dict[str, Any] = {
    "abbey": {
        "restaurant": True,
        "kits": 10,
        "owner": {"name": "Ada", "born": 1815},
        "instruments": [{"name": "piano"}, {"name": "drum"}, "harp"],
        "nothing": None,
        'odd "key"': "q",
        "a.b": 1,
        "clé": "é",
        "7": "seven",
        "$": "dollar",
    },
    "electric": {"restaurant": False, "kits": 9, "owner": "Ada", "instruments": []},
    "list": ["first", ["nested", 2], {"name": "third"}],
    "empty": {},
}


class Studio(Table, tablename="studio"):
    id: Serial
    name = Varchar(length=20)
    data = JSON()
    binary = JSONB()
    more = Integer(null=True, default=None)


async def fill(engine: Engine[Any]) -> None:
    Studio._meta.db = engine
    await Studio.create_table()
    await Studio.insert(
        *[Studio(name=name, data=document, binary=document) for name, document in DOCUMENTS.items()]
    )


def loaded(text: str | None) -> Any:
    return None if text is None else json.loads(text)


@pytest.mark.parametrize(
    "key",
    ["restaurant", "kits", "owner", "instruments", "nothing", "missing"],
)
async def test_a_key_is_looked_up(each_engine: Engine[Any], key: str) -> None:
    """The element as JSON text: `null` is a value, and NULL is none."""
    await fill(each_engine)
    rows = await Studio.select(Studio.name, Studio.data.arrow(key).as_alias("found"))

    assert {row["name"]: loaded(row["found"]) for row in rows} == {
        name: document.get(key) if isinstance(document, dict) else None
        for name, document in DOCUMENTS.items()
    }
    assert [row["name"] for row in rows if row["found"] == "null"] == (
        ["abbey"] if key == "nothing" else []
    )


@pytest.mark.parametrize("key", ["$", "7", "$[0]", "a.b", "clé", 'odd "key"'])
async def test_a_key_is_never_a_path(engine: MySQLEngine, key: str) -> None:
    """As on Postgres; SQLite takes what begins with `$` for a path, and some versions a dot."""
    await fill(engine)
    found = Studio.data.arrow(key)
    (row,) = await Studio.select(found.as_alias("found")).where(Studio.name == "abbey")
    await Studio.update({Studio.data: json.dumps(DOCUMENTS["abbey"], ensure_ascii=False)}).where(
        Studio.name == "abbey"
    )
    (unescaped,) = await Studio.select(found.as_alias("found")).where(Studio.name == "abbey")

    assert loaded(row["found"]) == DOCUMENTS["abbey"].get(key)
    assert loaded(unescaped["found"]) == DOCUMENTS["abbey"].get(key)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (0, "first"),
        (1, ["nested", 2]),
        (2, {"name": "third"}),
        (3, None),
        (-1, {"name": "third"}),
        (-3, "first"),
        (-4, None),
    ],
)
async def test_an_index_counts_from_either_end(
    engine: MySQLEngine, index: int, expected: Any
) -> None:
    """Piccolo prints it for Postgres alone: `-> $1::int`."""
    await fill(engine)
    rows = await Studio.select(Studio.name, Studio.data.arrow(index).as_alias("found"))

    assert {row["name"]: loaded(row["found"]) for row in rows} == {
        "abbey": None,
        "electric": None,
        "list": expected,
        "empty": None,
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["owner", "name"], {"abbey": "Ada"}),
        (["instruments", 1, "name"], {"abbey": "drum"}),
        (["instruments", -1], {"abbey": "harp"}),
        (["7"], {"abbey": "seven"}),
        ([1, 0], {"list": "nested"}),
        (["owner", 0], {}),
        (["kits", 0], {}),
    ],
)
async def test_a_path_leads_through_keys_and_indexes(
    engine: MySQLEngine, path: list[str | int], expected: dict[str, Any]
) -> None:
    """What looks like a number is a key of an object and an index of an array, as on Postgres."""
    await fill(engine)
    rows = await Studio.select(Studio.name, Studio.binary.from_path(path).as_alias("found"))

    found = {row["name"]: loaded(row["found"]) for row in rows if row["found"] is not None}
    assert found == expected


async def test_arrows_are_chained_and_loaded(engine: MySQLEngine) -> None:
    """Chained `arrow()` calls and `[...]` reach nested elements, which `load_json` decodes."""
    await fill(engine)
    rows = await (
        Studio.select(
            Studio.data.arrow("instruments").arrow(0).arrow("name").as_alias("first"),
            Studio.data["owner"].as_alias("owner"),
        )
        .where(Studio.name == "abbey")
        .output(load_json=True)
    )

    assert rows == [{"first": "piano", "owner": {"name": "Ada", "born": 1815}}]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (10, ["abbey"]),
        ("9", ["electric"]),
    ],
)
async def test_an_element_is_compared_by_value(
    each_engine: Engine[Any], value: Any, names: list[str]
) -> None:
    """The number 10 matches the element 10, and the JSON text '9' matches the element 9."""
    await fill(each_engine)

    assert (
        await Studio.select(Studio.name)
        .where(Studio.data.arrow("kits") == value)
        .output(as_list=True)
        == names
    )


async def test_objects_are_equal_whatever_their_order_and_white_space(engine: MySQLEngine) -> None:
    """As in a JSONB of Postgres."""
    await fill(engine)
    owner = Studio.data.arrow("owner")
    equal = Studio.select(Studio.name).where(owner == '{"born":   1815, "name": "Ada"}')
    other = Studio.select(Studio.name).where(owner != {"born": 1815, "name": "Ada"})

    assert await equal.output(as_list=True) == ["abbey"]
    assert await other.output(as_list=True) == ["electric"]
    assert await Studio.count().where(Studio.data.arrow("restaurant") == True) == 1  # noqa: E712
    assert await Studio.count().where(Studio.data.arrow("nothing") == None) == 1  # noqa: E711
    assert await Studio.count().where(owner == '"ada"') == 0


async def test_elements_sort_as_their_text(each_engine: Engine[Any]) -> None:
    """As on SQLite: 10 before 9."""
    await fill(each_engine)
    rows = (
        await Studio.select(Studio.name)
        .where(Studio.name.is_in(["abbey", "electric"]))
        .order_by(Studio.data.arrow("kits"))
    )

    assert [row["name"] for row in rows] == ["abbey", "electric"]


async def test_values_around_an_element_stay_in_their_places(engine: MySQLEngine) -> None:
    """Values before and after a JSON comparison keep their order in an UPDATE and a SELECT."""
    await fill(engine)
    await Studio.update({Studio.more: 5}).where(
        Studio.name != "x", Studio.data.from_path(["owner", "born"]) == 1815, Studio.id > 0
    )
    rows = await (
        Studio.select(Studio.name, Studio.data.arrow("kits").as_alias("kits"))
        .where(Studio.name != "x", Studio.data.arrow("kits") == 10, Studio.more == 5)
        .limit(3)
    )

    assert rows == [{"name": "abbey", "kits": "10"}]


async def test_a_hand_written_arrow_is_read(each_engine: Engine[Any]) -> None:
    """Chained `->` in SQL text return the element as JSON text, with its quotes."""
    await fill(each_engine)
    rows = await each_engine.run_querystring(
        QueryString("SELECT s.data -> 'owner' -> 'name' AS v FROM studio s WHERE name = 'abbey'")
    )

    assert rows == [{"v": '"Ada"'}]


async def test_a_batch_may_have_elements(engine: MySQLEngine) -> None:
    """A batched select may contain a JSON element and filter by one."""
    await fill(engine)
    query = Studio.select(Studio.data.arrow("kits").as_alias("kits")).where(
        Studio.data.arrow("kits") == 9
    )
    async with await query.batch(batch_size=1) as batch:
        rows = [row async for part in batch for row in part]

    assert rows == [{"kits": "9"}]


@pytest.mark.parametrize(
    ("sql", "construct"),
    [
        ("SELECT data ->> 'a' FROM studio", "the JSON operator ->>"),
        ("SELECT data #>> {} FROM studio", "the JSON operator #>>"),
        ("SELECT (data) -> 'a' FROM studio", "after anything but a column"),
        ("SELECT data -> 'clé' FROM studio", "a JSON key beyond ASCII"),
        ("SELECT data -> name FROM studio", "before anything but a key"),
        ("SELECT data #> {} FROM studio", "a path into JSON that is not a list"),
        ("SELECT data -> {} FROM studio", "neither a text nor an index"),
        ("SELECT 1 FROM studio WHERE data -> 'a' = '1'", "with anything but a value"),
    ],
)
async def test_what_has_no_translation_is_refused_by_name(
    engine: MySQLEngine, sql: str, construct: str
) -> None:
    """`Unsupported` has the JSON operator, or the operand that it cannot have here."""
    with pytest.raises(Unsupported, match=construct):
        await engine.execute(QueryString(sql, *[1.5] * sql.count("{}")))
