"""A file has other things than one dump of the original: copies, other programs' tables, changes.

Whatever it has, the rows are those that a server would have after it, or the dump is refused.
"""

from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from functions.adoption.errors import NotTheOriginal
from tests.adoption import original
from tests.adoption.running import adopt
from tests.adoption.test_dump import empty, staged

ROWS = {"auth.user": [(10, "Ana", "ana@example.org", None)]}
OTHERS = {"auth.user": [(1, "Copia", "copia@example.org", None)]}

MYSQL = """USE `mysql`;
CREATE TABLE `user` (
  `Host` char(60) NOT NULL,
  PRIMARY KEY (`Host`)
) ENGINE=Aria;
INSERT INTO `user` VALUES ('localhost');
"""


def copy() -> str:
    """Of auth's database, under another name, with other rows."""
    return original.written(OTHERS)["auth"].replace("`bookstore_auth`", "`auth_2024`")


@pytest.mark.parametrize(
    "parts", [("copy", "own"), ("own", "copy"), ("mysql", "own", "copy"), ("own", "mysql")]
)
def test_rows_of_other_databases_are_not_mixed_in(tmp_path: Path, parts: tuple[str, ...]) -> None:
    """A copy that somebody made, or the server's own, as `--all-databases` dumps them."""
    texts = {
        "own": "".join(original.written(ROWS).values()),
        "copy": copy(),
        "mysql": MYSQL,
    }
    read = staged(tmp_path, {"all": "".join(texts[part] for part in parts)})

    assert [row[0] for row in read] == [10]


def test_a_qualified_name_says_the_database(tmp_path: Path) -> None:
    """It takes precedence over USE, in CREATE TABLE and INSERT."""
    foreign = copy().replace("USE `auth_2024`;\n", "")
    foreign = foreign.replace("TABLE `user`", "TABLE `auth_2024`.`user`")
    foreign = foreign.replace("INTO `user`", "INTO `auth_2024`.`user`")
    read = staged(tmp_path, empty(auth=original.written(ROWS)["auth"] + foreign))

    assert [row[0] for row in read] == [10]


def test_databases_with_other_names_are_known_by_their_tables(tmp_path: Path) -> None:
    """Also three in one file, beside another program's."""
    texts = "".join(original.written(ROWS).values()).replace("bookstore_", "tienda_")
    blog = "USE `blog`;\nCREATE TABLE `post` (\n  `id` int NOT NULL\n) ENGINE=InnoDB;\n"
    read = staged(tmp_path, {"all": texts + blog})

    assert [row[0] for row in read] == [10]


def test_two_dumps_of_a_table_in_a_file_are_refused(tmp_path: Path) -> None:
    """As `>>` puts them there: rows that were deleted between them would come back."""
    twice = original.written(OTHERS)["auth"] + original.written(ROWS)["auth"]

    with pytest.raises(NotTheOriginal, match=r"auth\.user is there twice, in lines 4 and 16"):
        staged(tmp_path, empty(auth=twice))


def test_rows_in_a_file_that_says_no_database_are_not_missed(tmp_path: Path) -> None:
    """As `mysqldump --compact --no-create-info` writes them beside a file of the structure."""
    rows = "INSERT INTO `user` VALUES (1,'Ana','a@b.co',NULL);\n"

    with pytest.raises(NotTheOriginal, match="rows of user without its CREATE TABLE"):
        staged(tmp_path, empty(rows=rows))


HIDDEN = st.tuples(
    st.sampled_from(
        [
            "DELIMITER ;;\nCREATE PROCEDURE `p`() BEGIN\n",
            "delimiter $$\ncreate trigger `t` after insert on `user` for each row begin\n",
            "  Delimiter  //\n/*!50003 CREATE*/ /*!50020 FUNCTION `f`() RETURNS INT BEGIN */\n",
            "/*\n",
            " /* x\n",
        ]
    ),
    st.sampled_from(
        [
            "INSERT INTO `user` VALUES (9,'Nobody','n@example.org',NULL);\n",
            "DELETE FROM `user`;\n",
            "CREATE TABLE `user` (\n  `id` int\n) ENGINE=InnoDB;\n",
        ]
    ),
    st.booleans(),
)
"""What begins a routine or a comment, a statement in it, and whether it ends."""


@settings(deadline=None)
@given(st.lists(HIDDEN, max_size=3), st.integers(0, 3))
def test_what_no_server_executes_is_not_read(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str, bool]], place: int
) -> None:
    """Routines and comments; one that does not end hides the rest, so the dump is refused."""
    texts, ends = [], True
    for begin, statement, is_closed in parts:
        ends &= is_closed
        end = "x */\n" if "IN" not in begin.upper() else "END ;;\ndelimiter ;\n"
        texts.append(begin + statement + end * is_closed)
    texts.insert(place, original.written(ROWS)["auth"])
    try:
        read = staged(tmp_path_factory.mktemp("dumps"), empty(auth="".join(texts)))
    except NotTheOriginal:
        event("refused")

        assert not ends
        return
    event("read")

    assert [row[0] for row in read] == [10]


OWN = [
    "0xFFD8",
    "_binary 0x4142",
    "b'101'",
    "X'41'",
    "0b11",
    "TRUE",
    "CURRENT_TIMESTAMP(6)",
]


@pytest.mark.parametrize("literal", OWN)
def test_columns_of_ones_own_have_any_literal(tmp_path: Path, literal: str) -> None:
    """The original's own columns have none of these: there it is no row."""
    auth = original.written({})["auth"]
    more = auth.replace("`password` varchar(200)", "`password` varchar(200),\n  `own` blob")
    rows = "INSERT INTO `user` VALUES (1,'Ana','a@b.co',NULL,{});\n"
    read = staged(tmp_path, empty(auth=more + rows.format(literal)))

    assert read == [(1, "Ana", "a@b.co")]
    with pytest.raises(NotTheOriginal, match="it is no row"):
        staged(tmp_path, empty(auth=auth + rows.replace("'Ana'", literal).replace(",{}", "")))


@pytest.mark.parametrize("values", ["1,'Ana','a@b.co',NULL,'x'", "1,'Ana','a@b.co'"])
def test_a_row_with_another_number_of_values_is_refused(tmp_path: Path, values: str) -> None:
    """The server would refuse it; the values would stand in other columns."""
    rows = f"INSERT INTO `user` VALUES ({values});\n"  # noqa: S608 - a dump

    with pytest.raises(NotTheOriginal, match="it is no row"):
        staged(tmp_path, empty(auth=original.written({})["auth"] + rows))


@pytest.mark.parametrize("where", ["own table", "own column"])
def test_bytes_that_are_no_text_may_be_anywhere_but_in_the_originals_columns(
    tmp_path: Path, where: str
) -> None:
    """A picture is no UTF-8, and no reason to refuse the dump."""
    auth = original.written(ROWS)["auth"]
    if where == "own table":
        auth += "CREATE TABLE `cover` (\n  `p` blob\n) ENGINE=InnoDB;\n"
        auth += "INSERT INTO `cover` VALUES (_binary 'PICTURE');\n"
    else:
        auth = auth.replace("`password` varchar(200)", "`password` varchar(200),\n  `p` blob")
        auth = auth.replace("NULL);", "NULL,_binary 'PICTURE');")
    encoded = auth.encode().replace(b"PICTURE", b"\x89PNG\xff\\'\xfe")
    read = staged(tmp_path, {**empty(), "auth": encoded})

    assert [row[0] for row in read] == [10]


def test_a_text_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    """However far the file had been read ahead."""
    rows = "INSERT INTO `user` VALUES (1,'MUNOZ','a@b.co',NULL);\n"
    auth = original.written({})["auth"] + rows
    encoded = auth.encode().replace(b"MUNOZ", b"Mu\xf1oz")

    with pytest.raises(NotTheOriginal, match=rf"line {auth.count(chr(10))}: it is not in UTF-8"):
        staged(tmp_path, {**empty(), "auth": encoded})


@pytest.mark.parametrize(
    ("kind", "hides"), [("float", True), ("double", False), ("decimal(12,2)", False)]
)
async def test_only_a_float_hides_digits(tmp_path: Path, kind: str, hides: bool) -> None:
    """Of a table that the owner has changed, all digits are in the dump."""
    rows = {"main.book": [(1, "Atlas", "Ana", None, 123457, 1)]}
    texts = original.written(rows)
    texts["main"] = texts["main"].replace("`price` float", f"`price` {kind}")
    source = original.save(tmp_path / "dumps", texts)
    done = await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "shop"))

    assert done.found("amount-six-digits") == ([1] if hides else [])
