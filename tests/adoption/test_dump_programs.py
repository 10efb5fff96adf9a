"""Dumps that a real mariadb-dump writes with each of its options say what the databases say."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from functions.adoption.original import dump, live
from functions.adoption.original.schema import DATABASES, USER, Role
from functions.adoption.original.staging import Staging
from tests.adoption import original
from tests.servers.mysql import Server, Servers
from tests.servers.programs import find, missing

NAMES: dict[Role, str] = {role: f"programs_{role}" for role in DATABASES}

OWN = """
USE `programs_auth`;
ALTER TABLE `user`
  ADD COLUMN `address_key` varchar(150) AS (lower(`email`)) VIRTUAL AFTER `id`,
  ADD COLUMN `length` int AS (char_length(`email`)) PERSISTENT,
  ADD COLUMN `photo` blob, ADD COLUMN `flags` bit(4) DEFAULT b'101',
  ADD COLUMN `since` timestamp(6) NOT NULL DEFAULT current_timestamp(6),
  ADD COLUMN `note` varchar(20) INVISIBLE DEFAULT 'x;y',
  ADD COLUMN `place` point, ADD COLUMN `never` datetime;
UPDATE `user` SET `photo` = X'FFFE89504E470D0A1A0A275C00', `place` = POINT(1, 2);
CREATE TABLE `cover` (`id` int PRIMARY KEY, `picture` longblob) COMMENT 'a; b';
INSERT INTO `cover` VALUES (1, X'FFD8FF00270A5C3B');
CREATE TRIGGER `copied` AFTER INSERT ON `user` FOR EACH ROW INSERT INTO `cover` VALUES (9, NULL);
CREATE VIEW `readers` AS SELECT `id`, `name` FROM `user`;
CREATE PROCEDURE `empty`() DELETE FROM `user`;
CREATE PROCEDURE `clean_up`()
BEGIN
  -- it's done; `all` of it
  SET @a = 'DELETE FROM `user`; \\' -- ;;';
  /* twice; DELIMITER $$ */ PREPARE `s` FROM @a;
  EXECUTE `s`;
CALL `empty`();
INSERT INTO `user` VALUES (999,'Nobody','nobody@example.org','x');
END;
CREATE FUNCTION `two`() RETURNS int RETURN 1 + 1;
CREATE TRIGGER `renamed` BEFORE UPDATE ON `user` FOR EACH ROW
BEGIN
UPDATE `cover` SET `id` = `id` + 1;
DELETE FROM `cover` WHERE `id` > 100;
END;
CREATE EVENT `nightly` ON SCHEDULE EVERY 1 DAY DO BEGIN CALL `clean_up`(); DELETE FROM `user`; END;
"""
"""What an owner has added: columns of every kind, a table, a view, and routines of every kind."""
STALE = """
DROP DATABASE IF EXISTS `programs_auth_old`;
CREATE DATABASE `programs_auth_old`;
CREATE TABLE `programs_auth_old`.`user` LIKE `programs_auth`.`user`;
INSERT INTO `programs_auth_old`.`user` (`id`, `name`, `email`, `password`)
VALUES (999, 'Nobody', 'nobody@example.org', 'x');
"""
"""A copy that somebody made once, on the same server."""


@pytest.fixture(scope="module")
def server(mysql_servers: Servers) -> Server:
    """With a small original that has been extended."""
    server = mysql_servers.get("mariadb")
    original.load(server, original.written(original.SMALL), "programs")
    original.run_script(server, OWN)
    original.run_script(server, STALE)
    return server


def dumped(server: Server, file: Path, *arguments: str) -> None:
    program = find("mariadb-dump", "mysqldump")
    if program is None:
        missing("mariadb-dump, of Debian's package mariadb-client, is not installed")
    login = urlsplit(server.url(""))
    place = [f"--host={server.host}", f"--port={server.port}", f"--user={login.username}"]
    with file.open("wb") as output:
        subprocess.run(  # noqa: S603 - the program that is installed
            [program, "--no-defaults", *place, *arguments],
            stdout=output,
            check=True,
            env={**os.environ, "MYSQL_PWD": unquote(login.password or "")},
        )


async def digest_of_databases(server: Server) -> str:
    with Staging.opened() as staging:
        await live.read({role: server.url(name) for role, name in NAMES.items()}, staging)
        staging.finish()
        return staging.digest


def digest_of(files: Sequence[Path]) -> str:
    with Staging.opened() as staging:
        dump.read(files, NAMES, staging)
        staging.finish()

        assert set(staging.origins[USER.label].unknown) >= {"photo", "flags", "place"}
        return staging.digest


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--single-transaction", "--quick", "--routines", "--events", "--triggers"),
        ("--skip-opt",),
        ("--compact",),
        ("--skip-extended-insert",),
        ("--complete-insert",),
        ("--hex-blob",),
        ("--skip-tz-utc", "--skip-comments"),
        ("--insert-ignore", "--no-autocommit"),
        ("--replace", "--order-by-primary"),
        ("--skip-add-drop-table", "--skip-add-locks", "--skip-disable-keys", "--skip-triggers"),
        ("--add-drop-database", "--flush-privileges"),
        ("--no-create-db", "--dump-date=FALSE"),
        (
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=4096",
            "--net-buffer-length=4096",
        ),
    ],
    ids=" ".join,
)
async def test_every_way_to_dump_says_the_same(
    server: Server, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Also about columns that the owner has added, whatever bytes are in them."""
    file = tmp_path / "all.sql"
    dumped(server, file, *options, "--databases", *NAMES.values())

    assert digest_of([file]) == await digest_of_databases(server)


@pytest.mark.parametrize("options", [(), ("--compact",), ("--hex-blob", "--complete-insert")])
async def test_a_dump_of_each_database_says_the_same(
    server: Server, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Without `--databases` a file names none, or only in a comment."""
    files = [tmp_path / f"{role}.sql" for role in NAMES]
    for file, name in zip(files, NAMES.values(), strict=True):
        dumped(server, file, *options, name)

    assert digest_of(files) == await digest_of_databases(server)


async def test_other_databases_of_the_server_are_passed_over(
    server: Server, tmp_path: Path
) -> None:
    """The server's own, which has a table `user`, too, and a copy that somebody made."""
    file = tmp_path / "all.sql"
    dumped(server, file, "--all-databases", "--ignore-table=mysql.innodb_index_stats")

    assert b"nobody@example.org" in file.read_bytes()
    assert digest_of([file]) == await digest_of_databases(server)
