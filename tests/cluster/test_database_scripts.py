"""Scripts and options of the databases, on real servers; backups are really restored."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.kit.data.baselines import v3
from tests.cluster.manifests import KNATIVE, of_kind, rendered
from tests.servers.mysql import FLAVOURS, NO_MYSQL, Flavour, Server, private_server, program_of

USER = "shopkeeper"
PASSWORD = "-kept_by-Deploy"
SCRIPTS = KNATIVE / "base" / "databases" / "server" / "scripts"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with private_server() as server:
        yield server


@pytest.fixture
def environment(server: Server, tmp_path: Path) -> dict[str, str]:
    """The variables of the manifests, for a user with all rights on one database, as the images
    create it."""
    server.create_database("bookstore_backup")
    server.run(f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'")
    server.run(f"GRANT ALL ON `bookstore\\_backup`.* TO '{USER}'@'%'")
    return {
        "PATH": os.environ["PATH"],
        "DB_HOST": server.host,
        "DB_PORT": str(server.port),
        "DB_USER": USER,
        "DB_NAME": "bookstore_backup",
        "MYSQL_PWD": PASSWORD,
        "MYSQL_USER": USER,
        "MYSQL_PASSWORD": PASSWORD,
        "MYSQL_DATABASE": "bookstore_backup",
        "BACKUP_FOLDER": str(tmp_path),
        "KEEP": "2",
    }


def run(script: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = shutil.which("bash")
    assert program is not None
    return subprocess.run(  # noqa: S603 - a script of ours
        [program, str(SCRIPTS / script)], env=environ, capture_output=True, text=True, check=False
    )


def fill(server: Server) -> None:
    server.run("CREATE TABLE bookstore_backup.books (id INT PRIMARY KEY, title TEXT, cover BLOB)")
    server.run("INSERT INTO bookstore_backup.books VALUES (1, 'Rayuela – ñ', 0x00FF27)")


def test_a_backup_is_restored(server: Server, environment: dict[str, str]) -> None:
    """Text, blobs and the absence of later rows."""
    fill(server)
    backup = run("backup.sh", environment)
    server.run("UPDATE bookstore_backup.books SET title = 'gone'")
    server.run("INSERT INTO bookstore_backup.books VALUES (2, 'after the backup', NULL)")
    restored = run("restore.sh", environment)

    assert backup.returncode == 0, backup.stderr
    assert restored.returncode == 0, restored.stderr
    assert list(server.run("SELECT * FROM bookstore_backup.books")) == [
        (1, "Rayuela – ñ", b"\x00\xff'")
    ]


def backups(server: Server) -> list[tuple[object, ...]]:
    return [
        tuple(row)
        for row in server.run(
            "SELECT file, bytes, ABS(TIMESTAMPDIFF(MINUTE, finished_at, UTC_TIMESTAMP())) < 60"
            " FROM bookstore_backup.backups ORDER BY id"
        )
    ]


def fill_with_backups(server: Server) -> None:
    """A database of a service, as its migrations make it, with an old record and a new one."""
    for operation in v3.BACKUPS:
        for statement in operation.statements("mysql"):
            server.run(statement.replace("TABLE `", "TABLE `bookstore_backup`.`"))
    server.run(
        "INSERT INTO bookstore_backup.backups (file, bytes, finished_at)"
        " VALUES ('old', 1, UTC_TIMESTAMP() - INTERVAL 91 DAY),"
        " ('new', 2, UTC_TIMESTAMP() - INTERVAL 1 MINUTE)"
    )


def test_a_backup_is_recorded_where_its_service_reads(
    server: Server, environment: dict[str, str]
) -> None:
    """In UTC, with its name and size; records of 90 days ago are deleted."""
    fill_with_backups(server)
    done = run("backup.sh", environment)
    (file,) = Path(environment["BACKUP_FOLDER"]).glob("*.sql.gz")

    assert (done.returncode, done.stderr) == (0, "")
    assert backups(server) == [("new", 2, 1), (file.name, file.stat().st_size, 1)]


def test_a_backup_that_failed_is_not_recorded(server: Server, environment: dict[str, str]) -> None:
    """The age of the last good one goes on."""
    fill_with_backups(server)
    folder = {"BACKUP_FOLDER": f"{environment['BACKUP_FOLDER']}/missing"}
    done = run("backup.sh", {**environment, **folder})

    assert done.returncode != 0
    assert [row[0] for row in backups(server)] == ["old", "new"]


def test_a_backup_of_an_older_release_is_kept(server: Server, environment: dict[str, str]) -> None:
    """Its database has no table for the record yet; the log says so."""
    fill(server)
    done = run("backup.sh", environment)

    assert (done.returncode, done.stderr) == (0, "")
    assert "not recorded" in done.stdout


def test_logs_without_warnings(server: Server, environment: dict[str, str]) -> None:
    """A warning in every night's log would hide the one that matters."""
    fill(server)
    done = [run(script, environment) for script in ("backup.sh", "restore.sh")]

    assert [each.stderr for each in done] == ["", ""]
    assert done[0].stdout.startswith("wrote ")


@pytest.mark.parametrize("script", ["backup.sh", "restore.sh", "ready.sh"])
def test_clients_get_the_password_as_an_option(
    server: Server, environment: dict[str, str], tmp_path: Path, script: str
) -> None:
    """In a file of options: without a password MariaDB's client 11.4 warns at each call, and does
    not verify the server's certificate. In an argument other users could read it."""
    fill(server)
    run("backup.sh", environment)
    folder = tmp_path / "client"
    folder.mkdir()
    for name in ("mariadb", "mariadb-dump", "mysql", "mysqldump"):
        if (real := shutil.which(name)) is not None:
            client = folder / name
            client.write_text(
                '#!/bin/bash\ncase "$1" in --help) ;; --defaults-extra-file=*) ;;'
                ' *) echo "WARNING: an insecure passwordless login" >&2 ;; esac\n'
                f'case "$*" in *"$SECRET"*) echo "WARNING: a password for all to see" >&2 ;; esac\n'
                f'exec {real} "$@"\n'
            )
            client.chmod(0o755)
    path = f"{folder}:{environment['PATH']}"
    done = run(script, {**environment, "PATH": path, "SECRET": PASSWORD})

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "password", ['with"quotes', "with'quotes", "back\\slash\\n", "# none", " spaces ", "ñ=[client]"]
)
def test_every_password_works(server: Server, environment: dict[str, str], password: str) -> None:
    """Also with quotes, backslashes, blanks and comment signs."""
    quoted = password.replace("\\", "\\\\").replace("'", "''")
    server.run("DROP USER IF EXISTS 'odd'@'%'")
    server.run(f"CREATE USER 'odd'@'%' IDENTIFIED BY '{quoted}'")
    server.run("GRANT ALL ON bookstore_backup.* TO 'odd'@'%'")
    user = {"DB_USER": "odd", "MYSQL_PWD": password, "MYSQL_USER": "odd"}
    done = run("ready.sh", {**environment, **user, "MYSQL_PASSWORD": password})

    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_gtids_are_left_out(server: Server, environment: dict[str, str], tmp_path: Path) -> None:
    """If the client has the option, as MySQL's; here a client whose help names it."""
    real = shutil.which("mysqldump") or shutil.which("mariadb-dump")
    folder = tmp_path / "client"
    folder.mkdir()
    for name in ("mysqldump", "mariadb-dump"):
        client = folder / name
        client.write_text(
            '#!/bin/bash\nif [ "$1" = --help ]; then echo "  --set-gtid-purged[=name]"; exit; fi\n'
            f'printf "%s\\n" "$@" > {tmp_path}/options\n'
            f'exec {real} "${{@/--set-gtid-purged=OFF/--quick}}"\n'
        )
        client.chmod(0o755)
    fill(server)
    done = run("backup.sh", {**environment, "PATH": f"{folder}:{environment['PATH']}"})

    assert done.returncode == 0, done.stderr
    assert "--set-gtid-purged=OFF" in (tmp_path / "options").read_text().splitlines()


def insert(server: Server, table: str) -> object:
    """The id of a new row."""
    server.run(f"INSERT INTO bookstore_backup.{table} () VALUES ()")  # noqa: S608 - of this file
    return server.run(f"SELECT MAX(id) FROM bookstore_backup.{table}")[0][0]  # noqa: S608


def fill_counted(server: Server) -> None:
    """Tables with AUTO_INCREMENT: one with rows, one whose rows were deleted, one unused."""
    for table, kind in (("counted", "BIGINT"), ("emptied", "BIGINT"), ("unused", "INT")):
        server.run(
            f"CREATE TABLE bookstore_backup.{table}"
            f" (id {kind} AUTO_INCREMENT PRIMARY KEY, AUTO_INCREMENT_ INT)"
            " COMMENT 'AUTO_INCREMENT=7'"
        )
    for table in ("counted", "emptied"):
        for _ in range(3):
            insert(server, table)
    server.run("DELETE FROM bookstore_backup.emptied")


def test_no_id_is_reused(server: Server, environment: dict[str, str]) -> None:
    """Also none that was given after the backup; the log has the old and new counters."""
    fill(server)
    fill_counted(server)
    run("backup.sh", environment)
    lost = [insert(server, table) for table in ("counted", "emptied", "unused")]
    restored = run("restore.sh", environment)
    new = [insert(server, table) for table in ("counted", "emptied", "unused")]

    assert restored.returncode == 0, restored.stderr
    assert lost == [4, 4, 1]
    assert new == [1_000_004, 1_000_004, 1_000_001]
    assert restored.stdout.splitlines()[1:] == [
        "ids of counted: 4 -> 1000004",
        "ids of emptied: 4 -> 1000004",
        "ids of unused: 1 -> 1000001",
        "done",
    ]


def test_ids_are_raised_by_the_given_step(server: Server, environment: dict[str, str]) -> None:
    """Each restore starts from the counters of the backup."""
    fill_counted(server)
    run("backup.sh", environment)
    for by in ("5", "10"):
        run("restore.sh", {**environment, "RAISE_IDS_BY": by})

    assert insert(server, "counted") == 14


def test_ids_beyond_a_column_are_refused(server: Server, environment: dict[str, str]) -> None:
    """The server would accept the counter, and then no row; the error names the table."""
    fill_counted(server)
    run("backup.sh", environment)
    refused = run("restore.sh", {**environment, "RAISE_IDS_BY": "2147483647"})
    taken = run("restore.sh", {**environment, "RAISE_IDS_BY": "2147483646"})

    assert (refused.returncode, taken.returncode) == (1, 0), taken.stderr
    assert "ids of unused have come to 1, and 2147483647 more is beyond" in refused.stderr
    assert insert(server, "unused") == 2147483647


@pytest.mark.parametrize("by", ["0", "-1", "many", "1" * 19, "1; DROP TABLE books"])
def test_an_invalid_step_changes_nothing(
    server: Server, environment: dict[str, str], by: str
) -> None:
    """The script refuses it before it touches the database."""
    fill(server)
    run("backup.sh", environment)
    server.run("DELETE FROM bookstore_backup.books")
    refused = run("restore.sh", {**environment, "RAISE_IDS_BY": by})

    assert refused.returncode == 1
    assert "nothing was changed" in refused.stderr
    assert list(server.run("SELECT id FROM bookstore_backup.books")) == []


def test_a_chosen_backup_is_restored(server: Server, environment: dict[str, str]) -> None:
    """RESTORE_FILE names it; otherwise it is the newest."""
    fill(server)
    run("backup.sh", environment)
    folder = Path(environment["BACKUP_FOLDER"])
    (first,) = folder.glob("*.sql.gz")
    chosen = first.rename(folder / "bookstore_backup-20200101T000000Z.sql.gz")
    server.run("DELETE FROM bookstore_backup.books")
    run("backup.sh", environment)
    run("restore.sh", {**environment, "RESTORE_FILE": chosen.name})

    assert list(server.run("SELECT id FROM bookstore_backup.books")) == [(1,)]


def test_old_backups_are_deleted(server: Server, environment: dict[str, str]) -> None:
    """Only after the new one is complete, and only those of the same database."""
    fill(server)
    folder = Path(environment["BACKUP_FOLDER"])
    for year in (2020, 2021, 2022):
        (folder / f"bookstore_backup-{year}0101T000000Z.sql.gz").touch()
    (folder / "another-20200101T000000Z.sql.gz").touch()
    done = run("backup.sh", environment)
    left = sorted(path.name[:20] for path in folder.iterdir())

    assert done.returncode == 0, done.stderr
    assert len(left) == 3
    assert left[:2] == ["another-20200101T000", "bookstore_backup-202"]
    assert not (folder / "bookstore_backup-20210101T000000Z.sql.gz").exists()
    assert (folder / "bookstore_backup-20220101T000000Z.sql.gz").exists()


def test_a_failed_backup_changes_nothing(environment: dict[str, str]) -> None:
    """No incomplete file is left, and no old backup is deleted."""
    folder = Path(environment["BACKUP_FOLDER"])
    for year in (2020, 2021, 2022):
        (folder / f"bookstore_backup-{year}0101T000000Z.sql.gz").touch()
    done = run("backup.sh", {**environment, "MYSQL_PWD": "wrong"})

    assert done.returncode != 0
    assert len(list(folder.glob("*.sql.gz"))) == 3


def test_an_incomplete_backup_is_refused(server: Server, environment: dict[str, str]) -> None:
    """The script fails, and the data stays."""
    fill(server)
    run("backup.sh", environment)
    (file,) = Path(environment["BACKUP_FOLDER"]).glob("*.sql.gz")
    file.write_bytes(file.read_bytes()[:-40])
    done = run("restore.sh", environment)

    assert done.returncode != 0
    assert list(server.run("SELECT id FROM bookstore_backup.books")) == [(1,)]


def test_restore_without_a_backup(environment: dict[str, str]) -> None:
    """The error says that there is none."""
    done = run("restore.sh", environment)

    assert done.returncode == 1
    assert "there is no backup" in done.stderr


def test_readiness_by_a_query(environment: dict[str, str]) -> None:
    """As the service's user, in its database."""
    assert run("ready.sh", environment).stdout.strip() == "1"
    assert run("ready.sh", {**environment, "MYSQL_PASSWORD": "wrong"}).returncode != 0
    assert run("ready.sh", {**environment, "MYSQL_DATABASE": "not_there"}).returncode != 0


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_servers_accept_every_option(flavour: Flavour, tmp_path: Path) -> None:
    """MariaDB and MySQL parse the arguments of the manifests, without an unknown one."""
    arguments = of_kind(rendered("eks"), "StatefulSet")[0]["spec"]["template"]["spec"][
        "containers"
    ][0]["args"]
    program = program_of(flavour)
    if program is None:
        pytest.skip(NO_MYSQL if flavour == "mysql" else "mariadbd is not installed")
    done = subprocess.run(  # noqa: S603 - the server of this machine, which prints its options
        [program, "--no-defaults", *arguments, f"--datadir={tmp_path}", "--verbose", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [
        line for line in done.stderr.splitlines() if "unknown" in line and "loose" not in line
    ] == []
