"""The shop's three databases on a server."""

from pathlib import Path

import pytest

from functions.local.data_folder import DataFolder
from functions.local.errors import LocalError
from functions.local.mysql import DATABASES, MySQLServer
from tests.servers.mysql import Server


@pytest.fixture
def url(mysql_server: Server) -> str:
    """The server, without any of the shop's databases."""
    for database in DATABASES.values():
        mysql_server.run(f"DROP DATABASE IF EXISTS `{database}`")
    return mysql_server.url("").rstrip("/")


def databases(server: Server) -> set[object]:
    return {row[0] for row in server.run("SHOW DATABASES")} & set(DATABASES.values())


def test_databases_are_made_where_they_are_missing(
    url: str, mysql_server: Server, tmp_path: Path
) -> None:
    """Named as the original named them; a second time changes nothing."""
    folder = DataFolder(tmp_path)
    server = MySQLServer(url)
    server.prepare(folder, fresh=False)
    mysql_server.run("CREATE TABLE bookstore_main.kept (id INT)")
    server.prepare(folder, fresh=False)

    assert databases(mysql_server) == {"bookstore_auth", "bookstore_catalog", "bookstore_main"}
    assert mysql_server.run("SHOW TABLES FROM bookstore_main") == (("kept",),)


def test_beginning_anew_drops_what_this_folder_made(
    url: str, mysql_server: Server, tmp_path: Path
) -> None:
    """And nothing is left of it."""
    folder = DataFolder(tmp_path)
    server = MySQLServer(url)
    server.prepare(folder, fresh=False)
    mysql_server.run("CREATE TABLE bookstore_main.gone (id INT)")
    server.prepare(folder, fresh=True)

    assert mysql_server.run("SHOW TABLES FROM bookstore_main") == ()


def test_foreign_databases_are_never_dropped(
    url: str, mysql_server: Server, tmp_path: Path
) -> None:
    """They were there before: somebody else's, or another checkout's."""
    mysql_server.create_database("bookstore_main")
    server = MySQLServer(url)

    with pytest.raises(LocalError, match="were not made by this shop's runner"):
        server.prepare(DataFolder(tmp_path), fresh=True)
    assert "bookstore_main" in databases(mysql_server)


@pytest.mark.parametrize("url", ["postgres://h", "mysql://", "mysql://h/shop", "h:3306"], ids=str)
def test_a_url_that_is_none_is_explained(url: str) -> None:
    """With the form that it should have."""
    with pytest.raises(LocalError, match="mysql://user:password@host:port"):
        MySQLServer(url)


def test_a_server_that_cannot_be_reached_is_named_without_the_password(tmp_path: Path) -> None:
    """In one sentence."""
    server = MySQLServer("mysql://ana:open-sesame@127.0.0.1:1")

    with pytest.raises(LocalError, match=r"127\.0\.0\.1:1 cannot be used") as error:
        server.prepare(DataFolder(tmp_path), fresh=False)
    assert "open-sesame" not in str(error.value)
