"""Dumps are read as the server would read them, in each of the forms that programs write."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.adoption.errors import NotTheOriginal
from functions.adoption.original import dump
from functions.adoption.original.schema import DATABASES, USER
from functions.adoption.original.staging import Staging
from tests.adoption import original

SELECT = "SELECT id, name, email FROM auth_user ORDER BY id"


def staged(folder: Path, texts: dict[str, str]) -> list[tuple[object, ...]]:
    """The users in dumps."""
    files = []
    for name, text in texts.items():
        files.append(folder / f"{name}.sql")
        files[-1].write_text(text, "utf-8")
    with Staging.opened() as staging:
        dump.read(files, DATABASES, staging)
        staging.finish()
        return list(staging.select(SELECT))


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


@pytest.mark.parametrize("number", [str(2**63), "-9999999999999999999"])
def test_a_number_beyond_bigint_is_refused(tmp_path: Path, number: str) -> None:
    """It is no id of the original's."""
    rows = f"INSERT INTO `user` VALUES ({number},'A','b@c.co',NULL);\n"  # noqa: S608 - a dump

    with pytest.raises(NotTheOriginal, match="it is no row"):
        staged(tmp_path, empty(auth=original.written({})["auth"] + rows))
