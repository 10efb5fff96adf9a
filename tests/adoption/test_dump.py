"""Dumps are read as the server would read them, in each of the forms that programs write."""

import bz2
import gzip
import lzma
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from functions.adoption.errors import NotTheOriginal
from functions.adoption.original import dump
from functions.adoption.original.schema import DATABASES, PAYMENT, USER, Role
from functions.adoption.original.staging import Staging
from tests.adoption import original
from tests.adoption.running import adopt
from tests.servers.mysql import FLAVOURS, Flavour

SELECT = "SELECT id, name, email FROM auth_user ORDER BY id"


def staged(folder: Path, texts: Mapping[str, str | bytes]) -> list[tuple[object, ...]]:
    """The users in dumps."""
    with Staging.opened() as staging:
        read_into(staging, folder, texts)
        return list(staging.select(SELECT))


def read_into(staging: Staging, folder: Path, texts: Mapping[str, str | bytes]) -> None:
    files = []
    for name, text in texts.items():
        files.append(folder / f"{name}.sql")
        files[-1].write_bytes(text.encode() if isinstance(text, str) else text)
    dump.read(files, DATABASES, staging)
    staging.finish()


def _named(texts: Mapping[Role, str]) -> dict[str, str | bytes]:
    return {str(role): text for role, text in texts.items()}


def digest(folder: Path, texts: Mapping[str, str | bytes]) -> str:
    """Of every row in dumps."""
    with Staging.opened() as staging:
        read_into(staging, folder, texts)
        return staging.digest


def empty(**changed: str) -> dict[str, str]:
    return {**original.written({}), **changed}  # type: ignore[dict-item]


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))),
            st.one_of(st.none(), st.text("\\'\"\n\r\0\x1a;(),` NULL")),
        ),
        max_size=5,
    )
)
def test_texts_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str | None, str | None]],
) -> None:
    """With quotes, backslashes, line breaks, and what looks like SQL."""
    users = [(number, name, email, None) for number, (name, email) in enumerate(rows, 1)]
    texts = original.written({"auth.user": users})
    read = staged(tmp_path_factory.mktemp("dumps"), {**texts})  # type: ignore[dict-item]

    assert read == [user[:3] for user in users]


@pytest.mark.parametrize(
    "insert",
    [
        "INSERT INTO `user` VALUES (1,'Ana','a@b.co',NULL),(2,NULL,'c@d.co','x');",
        "INSERT INTO `user` VALUES\n(1,'Ana','a@b.co',NULL),\n(2,NULL,'c@d.co','x');",
        (
            "INSERT INTO `user` (`email`, `id`, `name`) VALUES ('a@b.co', 1, 'Ana');\n"
            "INSERT INTO `user` (`id`, `email`) VALUES\n(2, _utf8mb4'c@d.co');"
        ),
        (
            "INSERT IGNORE INTO `bookstore_auth`.`user` VALUES (1,'A''na','a@b.co',NULL);\n"
            "REPLACE INTO `user` VALUES (2, NULL, 'c@d.co', 'x') ;"
        ),
    ],
)
def test_statements_of_other_programs_are_read(tmp_path: Path, insert: str) -> None:
    """One line or many, all columns or some, and both ways to quote a quote."""
    auth = original.written({})["auth"] + insert + "\n"
    read = staged(tmp_path, empty(auth=auth))

    assert [row[0] for row in read] == [1, 2]
    assert [row[2] for row in read] == ["a@b.co", "c@d.co"]
    assert str(read[0][1]).replace("'", "") == "Ana"


WRITTEN = st.tuples(
    st.sampled_from(["", " ", "/* c */ ", "-- c\n"]),
    st.sampled_from(["INSERT", "insert", "REPLACE", "Insert"]),
    st.sampled_from([" ", "  IGNORE ", " DELAYED ", " LOW_PRIORITY IGNORE ", " /*c*/ ", "\n"]),
    st.sampled_from(["INTO ", "into ", ""]),
    st.sampled_from(["`user`", "user", "`bookstore_auth`.`user`", "`auth`.user"]),
    st.sampled_from([" ", "\n", " (`id`,`name`,`email`,`password`) ", "\n(`id`,`name`)\n"]),
    st.sampled_from(["VALUES ", "VALUES\n", "values ", "VALUE ", "SELECT "]),
    st.sampled_from([",", ",\n", "\n,", " ,\n\t", ",\n-- c\n", ",\n\n"]),
    st.sampled_from([";\n", "\n;\n", " ;\n", "; -- c\n", ";", "\n"]),
)
"""The parts of an INSERT as many programs and people write them."""


@settings(deadline=None)
@given(st.lists(WRITTEN, min_size=1, max_size=3))
@example([("", "INSERT", " ", "INTO ", "`user`", " ", "VALUES ", "\n,", "\n;\n")] * 2)
@example([("", "INSERT", " ", "INTO ", "`user`", " ", "VALUES ", ",", ";")] * 2)
@example(
    [("", "insert", "  IGNORE ", "into ", "`user`", "\n(`id`,`name`)\n", "VALUES ", ",", ";\n")]
)
def test_no_row_is_missed_however_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, statements: list[tuple[str, ...]]
) -> None:
    """All rows are read, or the dump is refused."""
    auth = original.written({})["auth"]
    for number, (*head, between, end) in enumerate(statements):
        ids = (2 * number + 1, 2 * number + 2)
        rows = (
            f"({each},'Ana')" if "`name`)" in head[5] else f"({each},'A',NULL,'x')" for each in ids
        )
        auth += "".join(head) + between.join(rows) + end
    try:
        read = staged(tmp_path_factory.mktemp("dumps"), empty(auth=auth))
    except NotTheOriginal:
        event("refused")
        return
    event("read")

    assert [row[0] for row in read] == list(range(1, 2 * len(statements) + 1))


@pytest.mark.parametrize("charset", ["utf8", "utf8mb3"])
def test_a_dump_without_all_characters_of_its_table_is_refused(
    tmp_path: Path, charset: str
) -> None:
    """mysqldump 5.7's default has `?` for each emoji; of a table that has none it is read."""
    users = {"auth.user": [(1, "Ana?", "a@b.co", None)]}
    names = f"/*!40101 SET NAMES {charset} */;\n"
    later = "/*!50503 SET NAMES utf8mb4 */;\n"
    auth = original.written(users)["auth"]
    older = original.written(users, options=f"CHARSET={charset}")["auth"]

    with pytest.raises(NotTheOriginal, match="lacks some of their characters"):
        staged(tmp_path, empty(auth=names + auth))
    assert len(staged(tmp_path, empty(auth=names + later + auth))) == 1
    assert len(staged(tmp_path, empty(auth=names + older))) == 1


def test_comments_of_tables_and_columns_are_not_read(tmp_path: Path) -> None:
    """They may name a character set, a key, or the next id."""
    comment = "'x CHARACTER SET latin1, ''CHARSET=latin1'' AUTO_INCREMENT=77'"
    auth = original.written({"auth.user": [(1, "Ana", "a@b.co", None)]})["auth"]
    auth = auth.replace("`name` varchar(150)", f"`name` varchar(150) COMMENT {comment}")
    auth = auth.replace("CHARSET=utf8mb4", f"CHARSET=utf8mb4 COMMENT={comment}")
    with Staging.opened() as staging:
        read_into(staging, tmp_path, empty(auth=auth))
        next_id = staging.next_id(USER)

    assert next_id == 2


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux shows open files there")
def test_the_staged_rows_have_no_file_that_a_kill_could_leave() -> None:
    """They hold password hashes. More than SQLite keeps in memory, so that they are on disk."""
    before = deleted_files()
    long = "x" * 100_000
    with Staging.opened() as staging:
        staging.add(USER, [(number, long, None, None) for number in range(1, 500)])

        assert staging.count(USER) == 499
        assert len(deleted_files() - before) == 1


def deleted_files() -> set[str]:
    """Open files of this process that have no name any more."""
    opened = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return {name for each in opened if (name := str(each.readlink())).endswith("(deleted)")}


def test_one_file_may_hold_all_databases(tmp_path: Path) -> None:
    """As `mysqldump --databases` writes it."""
    texts = original.written(original.SMALL)
    read = staged(tmp_path, {"all": "".join(texts.values())})

    assert [row[0] for row in read] == [2, 3, 4, 5]


def test_files_without_names_of_databases_are_known_by_their_tables(tmp_path: Path) -> None:
    """As `mysqldump NAME` under another name writes them."""
    texts = {
        role: "\n".join(
            line
            for line in text.splitlines()
            if not line.startswith(("USE", "-- Host", "CREATE DATABASE"))
        )
        for role, text in original.written(original.SMALL).items()
    }
    read = staged(tmp_path, {**texts})  # type: ignore[dict-item]

    assert [row[0] for row in read] == [2, 3, 4, 5]


ENDINGS = {
    "mysqldump": ("-- MySQL dump 10.13  Distrib 8.0.40\n", "-- Dump completed on 2026-11-29\n"),
    "mariadb-dump": ("-- MariaDB dump 10.19\n", "-- Dump completed\n"),
    "phpMyAdmin": ("-- phpMyAdmin SQL Dump\nSTART TRANSACTION;\n", "COMMIT;\n"),
}


@pytest.mark.parametrize("program", ENDINGS)
def test_a_dump_that_was_cut_off_is_refused_wherever_that_was(tmp_path: Path, program: str) -> None:
    """After any of its lines: none of its rows is missed without a word."""
    beginning, end = ENDINGS[program]
    texts = original.written(original.SMALL)
    lines = (beginning + texts["main"] + end).splitlines(keepends=True)
    whole = staged(tmp_path, {**texts, "main": "".join(lines)})  # type: ignore[dict-item]

    assert [row[0] for row in whole] == [2, 3, 4, 5]
    first = beginning.count("\n")
    for kept in range(first, len(lines)):
        with pytest.raises(NotTheOriginal):
            staged(tmp_path, {**texts, "main": "".join(lines[:kept])})  # type: ignore[dict-item]


def test_a_dump_that_was_cut_off_before_another_one_is_refused(tmp_path: Path) -> None:
    """As `cat` puts them into one file."""
    beginning, end = ENDINGS["mysqldump"]
    parts = [beginning + text + end for text in original.written(original.SMALL).values()]
    parts[0] = parts[0].removesuffix(end)

    with pytest.raises(NotTheOriginal, match="ends before it is complete"):
        staged(tmp_path, {"all": "".join(parts)})


def test_a_statement_without_its_end_is_refused(tmp_path: Path) -> None:
    """Also in a dump that has no comments, as `mysqldump --compact` writes it."""
    auth = original.written({})["auth"] + "INSERT INTO `user` VALUES\n(1,'Ana','a@b.co',NULL),\n"

    with pytest.raises(NotTheOriginal, match="ends before it is complete"):
        staged(tmp_path, empty(auth=auth))


def test_rows_without_their_table_are_refused(tmp_path: Path) -> None:
    """As `mysqldump --no-create-info` writes them beside a file of the structure."""
    rows = "USE `bookstore_auth`;\nINSERT INTO `user` VALUES (1,'Ana','a@b.co',NULL);\n"

    with pytest.raises(NotTheOriginal, match="without its CREATE TABLE"):
        staged(tmp_path, empty(rows=rows))


@pytest.mark.parametrize("number", [str(2**53 + 1), str(2**63), "-9999999999999999999"])
def test_a_number_that_no_column_holds_is_refused(tmp_path: Path, number: str) -> None:
    """It is no id of the original's."""
    rows = f"INSERT INTO `user` VALUES ({number},'A','b@c.co',NULL);\n"  # noqa: S608 - a dump

    with pytest.raises(NotTheOriginal, match="it is no row"):
        staged(tmp_path, empty(auth=original.written({})["auth"] + rows))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_dumps_in_other_wrappings_say_the_same(tmp_path: Path, flavour: Flavour) -> None:
    """gzip's, with the line ends of Windows, with a byte order mark, and several in one archive."""
    texts = original.dumps(flavour)
    plain = digest(tmp_path, _named(texts))
    wrapped: dict[str, Callable[[str], bytes]] = {
        "gzip": lambda text: gzip.compress(text.encode()),
        "two members": lambda text: (
            gzip.compress(text[:99].encode()) + gzip.compress(text[99:].encode())
        ),
        "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
        "BOM": lambda text: text.encode("utf-8-sig"),
        "sandbox": lambda text: b"/*M!999999\\- enable the sandbox mode */ \n" + text.encode(),
    }

    for name, wrap in wrapped.items():
        assert digest(tmp_path, {role: wrap(text) for role, text in texts.items()}) == plain, name


async def test_a_folder_may_have_compressed_dumps(tmp_path: Path) -> None:
    """`mysqldump … | gzip > dumps/bookstore_auth.sql.gz`."""
    folder = tmp_path / "dumps"
    folder.mkdir()
    for role, text in original.written(original.SMALL).items():
        (folder / f"{role}.sql.gz").write_bytes(gzip.compress(text.encode()))
    done = await adopt(tmp_path, "--from", str(folder), "--sqlite", str(tmp_path / "shop"))

    assert done.found("accounts-merged") == [4]


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_dump_that_was_cut_off_anywhere_is_refused(
    tmp_path_factory: pytest.TempPathFactory, flavour: Flavour, data: st.DataObject
) -> None:
    """Of the real ones: after any byte before their last line, also compressed."""
    texts = _named(original.dumps(flavour))
    role = data.draw(st.sampled_from(sorted(texts)))
    whole = str(texts[role])
    if data.draw(st.booleans(), label="compressed"):
        packed = gzip.compress(whole.encode())
        texts[role] = packed[: data.draw(st.integers(1, len(packed) - 1), label="kept")]
    else:
        end = len(whole[: whole.index("-- Dump completed")].encode())
        kept = data.draw(st.integers(len(whole[: whole.index("\n-- Host")]), end), label="kept")
        texts[role] = whole.encode()[:kept]

    with pytest.raises(NotTheOriginal):
        staged(tmp_path_factory.mktemp("dumps"), texts)


@settings(deadline=None)
@given(content=st.binary(max_size=300), compressed=st.booleans())
def test_what_is_no_dump_is_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, compressed: bool
) -> None:
    """Whatever its bytes are."""
    texts = _named(original.written(original.SMALL))
    texts["main"] = gzip.compress(content) if compressed else content

    with pytest.raises(NotTheOriginal):
        staged(tmp_path_factory.mktemp("dumps"), texts)


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        (lambda text: text.encode("utf-16"), "UTF-16"),
        (lambda text: b"\xfe\xff" + text.encode("utf-16-be"), "UTF-16"),
        (lambda text: bz2.compress(text.encode()), "bzip2"),
        (lambda text: lzma.compress(text.encode()), "xz"),
        (lambda text: b"\x28\xb5\x2f\xfd" + text.encode(), "zstd"),
        (lambda text: b"PK\x03\x04" + text.encode(), "zip"),
    ],
)
def test_another_format_is_refused_by_its_name(
    tmp_path: Path, encoded: Callable[[str], bytes], name: str
) -> None:
    """PowerShell's `>` writes UTF-16."""
    auth = encoded(original.written({})["auth"])

    with pytest.raises(NotTheOriginal, match=f"is in {name}"):
        staged(tmp_path, {**_named(original.written({})), "auth": auth})


@pytest.mark.parametrize(
    "statement",
    ["/*!40101 SET NAMES latin1 */;", "SET NAMES latin1;", "/*!50503 SET NAMES cp850 */;"],
)
def test_texts_in_another_character_set_are_refused(tmp_path: Path, statement: str) -> None:
    """Their bytes may be UTF-8 by chance, as those of double-encoded texts are."""
    auth = f"{statement}\n{original.written({})['auth']}"

    with pytest.raises(NotTheOriginal, match="default-character-set=utf8mb4"):
        staged(tmp_path, empty(auth=auth))


ROUTINE = """DELIMITER ;;
CREATE TRIGGER `copy` AFTER INSERT ON `user` FOR EACH ROW BEGIN
INSERT INTO `user` VALUES (9,'Nobody','trigger@example.org',NULL);
CREATE TABLE `user` (`x` int);
END ;;
DELIMITER ;
"""


def test_triggers_and_routines_are_skipped(tmp_path: Path) -> None:
    """mysqldump writes triggers by default; their statements are no rows."""
    rows = "INSERT INTO `user` VALUES (1,'Ana','a@b.co',NULL);\n"
    auth = original.written({})["auth"]
    read = staged(tmp_path, empty(auth=auth + ROUTINE + rows))

    assert [row[0] for row in read] == [1]


PHPMYADMIN = """-- phpMyAdmin SQL Dump
SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
/*!40101 SET NAMES utf8mb4 */;
--
-- Database: `bookstore_auth`
--
CREATE TABLE `user` (
  `id` int(11) NOT NULL,
  `name` varchar(150) DEFAULT NULL,
  `email` varchar(150) NOT NULL,
  `password` varchar(200) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

INSERT INTO `user` (`id`, `name`, `email`, `password`) VALUES
(1, 'Ana', 'ana@example.org', 'x');

ALTER TABLE `user`
  ADD PRIMARY KEY (`id`);

ALTER TABLE `user`
  MODIFY `id` int(11) NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=96;
COMMIT;
"""


def test_the_next_id_in_a_dump_of_phpmyadmin_counts(tmp_path: Path) -> None:
    """It is set after the rows; ids of rows that were deleted are not given again."""
    with Staging.opened() as staging:
        read_into(staging, tmp_path, empty(auth=PHPMYADMIN))

        assert staging.next_id(USER) == 96
        assert staging.next_id(PAYMENT) == 1


@pytest.mark.parametrize("quote", ['"', ""])
def test_names_without_backquotes_are_refused(tmp_path: Path, quote: str) -> None:
    """As `--compatible=ansi` and `--skip-quote-names` write them."""
    auth = original.written({})["auth"].replace("`", quote)

    with pytest.raises(NotTheOriginal, match="not in backquotes"):
        staged(tmp_path, empty(auth=auth))


@pytest.mark.parametrize("amount", ["1e400", "-1e999", "NaN", "inf", "0x10", "'x'"])
def test_an_amount_that_no_column_holds_is_refused(tmp_path: Path, amount: str) -> None:
    """With the line."""
    rows = f"INSERT INTO `payment` VALUES (1,1,{amount},'PSE','Completed');\n"  # noqa: S608 - a dump

    with pytest.raises(NotTheOriginal, match=r"line \d+: it is no row"):
        staged(tmp_path, empty(main=original.written({})["main"] + rows))


def test_columns_of_ones_own_may_hold_anything(tmp_path: Path) -> None:
    """Such as the zero dates of old servers; they are reported, and not read."""
    auth = original.written({})["auth"].replace(
        "`password` varchar(200)",
        "`password` varchar(200),\n  `since` datetime DEFAULT '0000-00-00 00:00:00'",
    )
    rows = "INSERT INTO `user` VALUES (1,'Ana','a@b.co',NULL,'0000-00-00 00:00:00');\n"
    with Staging.opened() as staging:
        read_into(staging, tmp_path, empty(auth=auth + rows))

        assert staging.origins[USER.label].unknown == ("since",)
        assert list(staging.select(SELECT)) == [(1, "Ana", "a@b.co")]


async def test_dumps_without_rows_are_refused(tmp_path: Path) -> None:
    """As `mysqldump --no-data` writes them: an empty shop would be moved without a word."""
    source = original.save(tmp_path / "dumps", original.written({}))

    with pytest.raises(NotTheOriginal, match="without --no-data"):
        await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "shop"))
    assert not (tmp_path / "adoption.toml").exists()
