"""The four databases of the shop on a MySQL server."""

from pathlib import Path

import pytest

from functions.local.data_folder import DataFolder
from functions.local.errors import LocalError
from functions.local.mysql import CREATED_FILE, DATABASES, MySQLServer
from functions.local.ports import SERVICES
from tests.servers.mysql import Server


@pytest.fixture
def url(mysql_server: Server) -> str:
    """A server without the databases of the shop."""
    for database in DATABASES.values():
        mysql_server.run(f"DROP DATABASE IF EXISTS `{database}`")
    return mysql_server.url("").rstrip("/")


def databases(server: Server) -> set[object]:
    return {row[0] for row in server.run("SHOW DATABASES")} & set(DATABASES.values())


def test_missing_databases_are_created(url: str, mysql_server: Server, tmp_path: Path) -> None:
    """Three have the names of the original shop; a second run changes nothing."""
    folder = DataFolder(tmp_path)
    server = MySQLServer(url)
    server.prepare(folder, fresh=False)
    mysql_server.run("CREATE TABLE bookstore_main.kept (id INT)")
    server.prepare(folder, fresh=False)

    assert databases(mysql_server) == {
        *("bookstore_auth", "bookstore_catalog", "bookstore_main"),
        "bookstore_notifications",
    }
    assert mysql_server.run("SHOW TABLES FROM bookstore_main") == (("kept",),)


def test_fresh_drops_the_databases_that_this_folder_created(
    url: str, mysql_server: Server, tmp_path: Path
) -> None:
    """After a second `prepare`, with `fresh`, the database exists without the table made before."""
    folder = DataFolder(tmp_path)
    server = MySQLServer(url)
    server.prepare(folder, fresh=False)
    mysql_server.run("CREATE TABLE bookstore_main.gone (id INT)")
    server.prepare(folder, fresh=True)

    assert mysql_server.run("SHOW TABLES FROM bookstore_main") == ()


def test_the_database_of_a_new_service_joins_the_folders_own(
    url: str, mysql_server: Server, tmp_path: Path
) -> None:
    """A folder of a release without notifications gets its database, and `fresh` drops all four."""
    folder = DataFolder(tmp_path)
    server = MySQLServer(url)
    before = sorted(set(DATABASES.values()) - {"bookstore_notifications"})
    for database in before:
        mysql_server.create_database(database)
    folder.write(CREATED_FILE, {"server": server.name, "databases": before})
    server.prepare(folder, fresh=False)
    mysql_server.run("CREATE TABLE bookstore_notifications.gone (id INT)")
    server.prepare(folder, fresh=True)

    assert databases(mysql_server) == set(DATABASES.values())
    assert mysql_server.run("SHOW TABLES FROM bookstore_notifications") == ()


def test_every_service_has_a_database() -> None:
    """Each service with a migration has a database of its own on the server."""
    assert sorted(DATABASES) == sorted(SERVICES)
    assert len(set(DATABASES.values())) == len(SERVICES)


def test_other_databases_are_never_dropped(url: str, mysql_server: Server, tmp_path: Path) -> None:
    """Those that existed before, such as those of another checkout."""
    mysql_server.create_database("bookstore_main")
    server = MySQLServer(url)

    with pytest.raises(LocalError, match="were not created from this data folder"):
        server.prepare(DataFolder(tmp_path), fresh=True)
    assert "bookstore_main" in databases(mysql_server)


@pytest.mark.parametrize("url", ["postgres://h", "mysql://", "mysql://h/shop", "h:3306"], ids=str)
def test_an_invalid_url_is_refused_with_the_right_form(url: str) -> None:
    """Another scheme, no host or a database's name raise `LocalError`."""
    with pytest.raises(LocalError, match="mysql://user:password@host:port"):
        MySQLServer(url)


@pytest.mark.parametrize("port", ["99999", "x"])
def test_an_invalid_port_in_the_url_is_refused(port: str) -> None:
    """A port that is no number or above 65535 raises `LocalError` with the reason."""
    with pytest.raises(LocalError, match=r"The URL of --mysql is invalid: .*[Pp]ort"):
        MySQLServer(f"mysql://h:{port}")


def test_an_unreachable_server_is_named_without_the_password(tmp_path: Path) -> None:
    """`LocalError` has the host and the port, so that it can be printed."""
    server = MySQLServer("mysql://ana:open-sesame@127.0.0.1:1")

    with pytest.raises(LocalError, match=r"127\.0\.0\.1:1 cannot be used") as error:
        server.prepare(DataFolder(tmp_path), fresh=False)
    assert "open-sesame" not in str(error.value)
