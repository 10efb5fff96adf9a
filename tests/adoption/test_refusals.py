"""What cannot be moved is refused before anything is written, with what to do about it."""

import asyncio
import importlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from piccolo.querystring import QueryString
from rich.console import Console

from functions.adoption.command import Adoption
from functions.adoption.errors import (
    AdoptionError,
    DecisionsRefused,
    NotTheOriginal,
    TargetRefused,
)
from functions.adoption.target import databases
from functions.kit.base.clock import utc_now
from functions.kit.data.migrations import load, migrate
from tests.adoption import original
from tests.adoption.running import adopt, checksum, opened, options_for, parsed, tables
from tests.adoption.test_moving import breaches
from tests.servers.mysql import Server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> list[str]:
    return original.save(tmp_path / "dumps", original.written(original.SMALL))


@pytest.fixture
def shop(tmp_path: Path) -> list[str]:
    return ["--sqlite", str(tmp_path / "shop")]


FILLED = {
    "auth": "INSERT INTO users (disabled, access_revision, created_at, deleted_at)"
    " VALUES (0, 0, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
    "catalog": "INSERT INTO inventory (book_id, revision, available, as_of)"
    " VALUES (1, 1, 1, '2026-01-01 00:00:00')",
    "purchase": "INSERT INTO providers (name, contact, fee_minor) VALUES ('DHL', 'dhl', 0)",
}


@pytest.mark.parametrize("service", list(FILLED))
async def test_a_shop_that_has_data_is_refused(
    urls: dict[str, str], tmp_path: Path, source: list[str], service: str
) -> None:
    """By the dry run already, and by a move."""
    await adopt(tmp_path, *source, *options_for(urls))
    async with opened(urls) as there:
        await databases.migrate_all(there)
        await there[service].execute(QueryString(FILLED[service]))
    before = await checksum(urls)

    for more in ([], ["--apply"]):
        with pytest.raises(TargetRefused, match=f"{service} has data already"):
            await adopt(tmp_path, *source, *options_for(urls), *more)
    assert await checksum(urls) == before


async def test_a_missing_database_is_refused(
    mysql_server: Server, tmp_path: Path, source: list[str], make_database_name: Callable[[], str]
) -> None:
    """With the statement that makes it."""
    urls = {name: mysql_server.url(make_database_name()) for name in databases.SERVICES}

    with pytest.raises(TargetRefused, match=r"does not exist.*COLLATE utf8mb4_bin"):
        await adopt(tmp_path, *source, *options_for(urls))


@pytest.fixture
def make_database_name() -> Callable[[], str]:
    names = iter(f"no_such_database_{number}" for number in range(9))
    return lambda: next(names)


async def test_a_server_that_is_away_is_refused(tmp_path: Path, source: list[str]) -> None:
    """The discard port, on which nothing listens."""
    urls = {name: f"mysql://root@127.0.0.1:9/{name}" for name in databases.SERVICES}

    with pytest.raises(TargetRefused, match="cannot be used"):
        await adopt(tmp_path, *source, *options_for(urls))


async def test_a_move_without_decisions_is_refused(
    urls: dict[str, str], tmp_path: Path, source: list[str]
) -> None:
    """The owner is to look at the dry run first."""
    with pytest.raises(DecisionsRefused, match="without --apply first"):
        await adopt(tmp_path, *source, *options_for(urls), "--apply")
    async with opened(urls) as there:
        assert [await tables(database) for database in there.values()] == [[], [], []]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("underpaid = 'paid'", "underpaid is unknown; it can be: pending, cancelled"),
        ("under_paid = 'pending'", "under_paid is no decision"),
        ("currency = 'dollars'", "currency is no currency"),
        ("currency = 'usd'", "currency is in capitals; it can be: USD"),
        ("pending_grace_hours = 0", "no number of hours"),
        ("pending_grace_hours = true", "no number of hours"),
        ("statuses = 1", "statuses must be a table"),
        ("statuses = {Hecho = 'Done'}", "it can be: Pending Payment, Paid"),
        ("refused = {user-unknown = 'leave_out'}", "refused.user-unknown does not exist"),
        ("refused = {payment-again = 'yes'}", "it can be: undecided, leave_out"),
        ("stock_count = {x = 1}", "stock_count.x is no id of a book"),
        ("stock_count = {7 = -1}", "stock_count.7 is no number of copies"),
        ("stock_count = {7 = 1.5}", "stock_count.7 is no number of copies"),
        ("large_amounts = 'as_stored'", "a dump has six digits only"),
        ("underpaid = pending", "is not TOML"),
        ("underpaid = ['pending']", "underpaid is unknown"),
        ("currency = 'U5D'", "currency is no currency"),
        ("stock_count = {7 = 1, 07 = 2}", "stock_count.07 is there twice"),
        ("stock_count = {70 = 1}", "stock_count.70: the original has no book with that id"),
        ("underpaid = 'pending'\nunderpaid = 'cancelled'", "is not TOML"),
        ("x = " + "[" * 5_000 + "]" * 5_000, "is not TOML"),
        ("pending_grace_hours = " + "9" * 5_000, "is not TOML"),
    ],
)
async def test_a_wrong_decision_is_refused(
    tmp_path: Path, source: list[str], shop: list[str], line: str, reason: str
) -> None:
    """With its name, and with what it can be."""
    (tmp_path / "adoption.toml").write_text(line, "utf-8")

    with pytest.raises(DecisionsRefused, match=reason):
        await adopt(tmp_path, *source, *shop)


async def test_a_status_that_no_purchase_has_is_reported(
    tmp_path: Path, source: list[str], shop: list[str]
) -> None:
    """A slip of its spelling would leave the right one undecided without a word."""
    decided = "[statuses]\nEntregado = 'Paid'\nentregado = 'Paid'\n'Enviada ' = 'Paid'\n"
    (tmp_path / "adoption.toml").write_text(decided, "utf-8")
    done = await adopt(tmp_path, *source, *shop)
    lines = [line for line in done.output.splitlines() if "has no effect" in line]

    assert [line.split(" has ")[0].split("statuses.")[1] for line in lines] == [
        "'Enviada '",
        "'entregado'",
    ]


async def test_of_two_moves_at_once_with_other_decisions_one_is_made(
    tmp_path: Path, urls: dict[str, str], source: list[str]
) -> None:
    """One that begins while another one prepares itself: that one is refused, nothing is mixed."""
    decided = {"first": "stock = 'original'", "second": "stock = 'zero'"}
    for name, text in decided.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "adoption.toml").write_text(text, "utf-8")
    outputs: list[str] = []

    def overtaken() -> datetime:
        """The time at which the first move begins, when the second one has been made."""

        def second() -> None:
            move = adopt(tmp_path / "second", *source, *options_for(urls), "--apply")
            outputs.append(asyncio.run(move).output)

        if not outputs:
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()
        return utc_now()

    with pytest.raises(TargetRefused, match="decisions have changed"):
        await adopt(tmp_path / "first", *source, *options_for(urls), "--apply", clock=overtaken)
    moved = await checksum(urls)
    again = await adopt(tmp_path / "second", *source, *options_for(urls), "--apply")

    assert "has been moved" in outputs[0]
    assert "nothing to do" in again.output
    assert await checksum(urls) == moved


async def test_a_shop_that_gets_data_while_the_original_is_read_is_refused(
    tmp_path: Path, urls: dict[str, str], source: list[str]
) -> None:
    """As by a service that starts meanwhile and creates its first admin."""
    await adopt(tmp_path, *source, *options_for(urls))
    options = ["--decisions", str(tmp_path / "adoption.toml"), *source, *options_for(urls)]
    move = Adoption(parsed([*options, "--apply"]), Console(file=io.StringIO()))
    decide = move._decide

    async def started_meanwhile(*arguments: Any, **named: Any) -> int:
        async with opened(urls) as there:
            await databases.migrate_all(there)
            await there["auth"].execute(QueryString(FILLED["auth"]))
        return await decide(*arguments, **named)

    move._decide = started_meanwhile  # type: ignore[method-assign]

    with pytest.raises(TargetRefused, match="auth has data already"):
        await move.run()


@pytest.mark.parametrize("name", ["adoption.toml", "dumps/main.sql", "dumps/../adoption.toml"])
async def test_a_report_replaces_nothing_that_is_read(
    tmp_path: Path, source: list[str], shop: list[str], name: str
) -> None:
    """Neither the decisions nor a dump, whatever the path."""
    (tmp_path / "adoption.toml").write_text("stock = 'zero'", "utf-8")
    before = (tmp_path / name).read_bytes()
    options = ["--decisions", str(tmp_path / "adoption.toml"), *source, *shop]

    with pytest.raises(AdoptionError, match="would replace a file that is read"):
        await Adoption(
            parsed([*options, "--report", str(tmp_path / name)]), Console(file=io.StringIO())
        ).run()
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has this device")
def test_a_report_without_room_is_refused(
    tmp_path: Path, source: list[str], shop: list[str]
) -> None:
    """With 2, as whatever cannot work; 1 would say that rows are undecided."""
    ended = subprocess.run(  # noqa: S603 - this interpreter
        [
            *(sys.executable, "-m", "functions.adoption", "--language=en", *source, *shop),
            *("--decisions", str(tmp_path / "adoption.toml"), "--report", "/dev/full"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stderr == "/dev/full cannot be written: No space left on device.\n"
    assert not (tmp_path / "adoption.toml").exists()


async def test_decisions_may_begin_with_a_byte_order_mark(
    tmp_path: Path, source: list[str], shop: list[str]
) -> None:
    """As editors of Windows write it."""
    (tmp_path / "adoption.toml").write_text("stock = 'zero'", "utf-8-sig")
    found = await adopt(tmp_path, *source, *shop)

    assert found.found("stock-counted") != []


async def test_misencoded_texts_are_refused_until_they_are_decided(
    tmp_path: Path, shop: list[str]
) -> None:
    """`MarÃ­a` may be repaired or kept."""
    users = [(1, "MarÃ­a Ã‘Ã¡Ã±ez", "ana@example.org", original.HASH)]
    source = original.save(tmp_path / "dumps", original.written({"auth.user": users}))
    dry = await adopt(tmp_path, *source, *shop)
    file = tmp_path / "adoption.toml"
    text = file.read_text("utf-8")
    with pytest.raises(DecisionsRefused, match="Decide texts"):
        await adopt(tmp_path, *source, *shop, "--apply")
    unwritten = not (tmp_path / "shop").exists()
    file.write_text(text.replace('texts = "refuse"', 'texts = "repair"'), "utf-8")
    done = await adopt(tmp_path, *source, *shop, "--apply")
    async with opened({"auth": f"sqlite:///{tmp_path}/shop/auth.db"}) as there:
        (row,) = (await there["auth"].execute(QueryString("SELECT name FROM users"))).rows

    assert (dry.code, done.code) == (1, 0)
    assert dry.found("text-misencoded") == [1]
    assert unwritten
    assert row["name"] == "María Ñáñez"


async def test_a_dump_in_latin_1_is_refused(tmp_path: Path, shop: list[str]) -> None:
    """With the option of mysqldump that makes another one."""
    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    file = tmp_path / "dumps" / "main.sql"
    file.write_bytes(file.read_text("utf-8").encode("latin-1"))

    with pytest.raises(NotTheOriginal, match="default-character-set=utf8mb4"):
        await adopt(tmp_path, *source, *shop)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("CREATE TABLE `payment`", "CREATE TABLE `payments`", "no table main.payment"),
        ("`total_price` float", "`total` float", "main.purchase has no column total_price"),
        ("CHARSET=utf8mb4", "CHARSET=latin1", "are in latin1, not in UTF-8"),
        ("(11,2,7,2,60.6,'Paid')", "(11,2,7,2,60.6,'Paid'", "it is no row"),
        ("(11,2,7,2,60.6,'Paid')", "(11,2,7)", "it is no row as mysqldump writes them"),
        ("(11,2,7,2,60.6,'Paid')", "('x',2,7,2,60.6,'Paid')", "it is no row"),
        ("(12,4,7,1,30.3", "(11,4,7,1,30.3", "an id of main.purchase is there twice"),
    ],
)
async def test_a_damaged_dump_is_refused(
    tmp_path: Path, shop: list[str], old: str, new: str, reason: str
) -> None:
    """With the line, or the table, that cannot be used."""
    texts = original.written(original.SMALL)
    assert old in texts["main"]
    source = original.save(tmp_path / "dumps", {**texts, "main": texts["main"].replace(old, new)})

    with pytest.raises(NotTheOriginal, match=reason):
        await adopt(tmp_path, *source, *shop)
    assert not (tmp_path / "shop").exists()


async def test_accounts_that_are_one_once_repaired_are_merged(
    tmp_path: Path, shop: list[str]
) -> None:
    """An address that was stored well, and the same one that was misread."""
    users = [
        (1, "A", "muñoz@example.net", original.HASH),
        (2, "B", "muÃ±oz@example.net", original.HASH),
    ]
    source = original.save(tmp_path / "dumps", original.written({"auth.user": users}))
    dry = await adopt(tmp_path, *source, *shop)
    file = tmp_path / "adoption.toml"
    file.write_text(file.read_text("utf-8").replace('"refuse"', '"repair"'), "utf-8")
    done = await adopt(tmp_path, *source, *shop, "--apply")

    assert dry.found("accounts-merged") == []
    assert done.found("accounts-merged") == [2]
    assert "has been moved" in done.output


@pytest.mark.parametrize("texts", ["repair", "keep"])
async def test_a_misencoded_status_is_read_as_decided(
    tmp_path: Path, shop: list[str], texts: str
) -> None:
    """The file has it as it was meant; its decision counts either way."""
    tables: original.Rows = {
        "auth.user": [(1, "A", "ana@example.org", original.HASH)],
        "main.book": [(1, "Rayuela", "Cortázar", None, 10, 1)],
        "main.purchase": [(1, 1, 1, 1, 10, "AÃºn no")],
    }
    source = original.save(tmp_path / "dumps", original.written(tables))
    await adopt(tmp_path, *source, *shop)
    file = tmp_path / "adoption.toml"
    text = file.read_text("utf-8")
    assert '"Aún no" = "by payments"' in text
    text = text.replace('"Aún no" = "by payments"', '"Aún no" = "Cancelled"')
    file.write_text(text.replace('"refuse"', f'"{texts}"'), "utf-8")
    done = await adopt(tmp_path, *source, *shop, "--apply")

    assert done.sums()["purchases that are Cancelled"] == (1, 1000)


async def test_two_dumps_of_one_database_are_refused(tmp_path: Path, shop: list[str]) -> None:
    """As in a folder with those of several days."""
    original.save(tmp_path / "dumps", original.written(original.SMALL))
    copy = (tmp_path / "dumps" / "auth.sql").read_text("utf-8")
    (tmp_path / "dumps" / "auth-yesterday.sql").write_text(copy, "utf-8")

    with pytest.raises(NotTheOriginal, match=r"auth.user is in .* and in .*"):
        await adopt(tmp_path, "--from", str(tmp_path / "dumps"), *shop)


@pytest.mark.parametrize("name", ["a#b", "a b", "a%20b", "ñ"])
async def test_a_shop_in_a_folder_of_any_name_is_looked_at(
    tmp_path: Path, source: list[str], name: str
) -> None:
    """The files that are checked are those that are written: one that has data is refused."""
    folder = tmp_path / name
    folder.mkdir()
    urls = {service: f"sqlite:///{folder / service}.db" for service in FILLED}
    async with opened(urls) as there:
        await databases.migrate_all(there)
        await there["auth"].execute(QueryString(FILLED["auth"]))

    with pytest.raises(TargetRefused, match="auth has data already"):
        await adopt(tmp_path, *source, "--sqlite", str(folder))


async def test_a_folder_that_no_url_can_name_is_refused(tmp_path: Path, source: list[str]) -> None:
    """In a sentence, and nothing is made."""
    with pytest.raises(TargetRefused, match="cannot be used"):
        await adopt(tmp_path, *source, "--sqlite", str(tmp_path / "a?b"))
    assert not (tmp_path / "a").exists()


async def test_a_malformed_address_is_refused_without_its_password(
    tmp_path: Path, source: list[str]
) -> None:
    """As where the scheme was forgotten."""
    urls = [f"--{service}-url=user:a-secret-x@host/{service}" for service in FILLED]

    with pytest.raises(TargetRefused, match="must begin with sqlite:// or mysql://") as refused:
        await adopt(tmp_path, *source, *urls)
    assert "a-secret-x" not in str(refused.value.text)


async def test_one_database_for_two_services_is_refused(tmp_path: Path, source: list[str]) -> None:
    """In whatever form its address is given twice."""
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    urls = {
        "auth": f"sqlite:///{one}",
        "catalog": f"sqlite:///{tmp_path}/x/../one.db",
        "purchase": f"sqlite:///{other}",
    }

    with pytest.raises(TargetRefused, match="a database of its own"):
        await adopt(tmp_path, *source, *options_for(urls))


@pytest.mark.parametrize("service", databases.SERVICES)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE schema_version SET checksum = 'x' WHERE version = 1", "cannot be used"),
        (
            (
                "INSERT INTO schema_version (version, name, checksum, applied_at)"
                " VALUES (999, 'later', 'x', '2030-01-01 00:00:00')"
            ),
            "of a newer release",
        ),
    ],
)
async def test_a_schema_of_another_release_is_refused(
    urls: dict[str, str], tmp_path: Path, source: list[str], service: str, change: str, reason: str
) -> None:
    """By the dry run already; and by a move before it has written anything anywhere."""
    await adopt(tmp_path, *source, *options_for(urls))
    async with opened({service: urls[service]}) as there:
        await databases.migrate_all(there)
        await there[service].execute(QueryString(change))
    before = await checksum(urls)

    for more in ([], ["--apply"]):
        with pytest.raises(TargetRefused, match=reason):
            await adopt(tmp_path, *source, *options_for(urls), *more)
    assert await checksum(urls) == before


async def test_an_empty_shop_of_an_older_release_is_migrated(
    urls: dict[str, str], tmp_path: Path, source: list[str]
) -> None:
    """Its schema first, then the data is moved."""
    async with opened(urls) as there:
        for service, database in there.items():
            package = importlib.import_module(f"functions.{service}.migrations")
            await migrate(database, load(package)[:2])
    await adopt(tmp_path, *source, *options_for(urls))
    done = await adopt(tmp_path, *source, *options_for(urls), "--apply")

    assert "has been moved" in done.output
    assert await breaches(urls) == []


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, source: list[str]) -> None:
    """And stays as it is."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "catalog.db").write_bytes(b"a picture, perhaps" * 100)

    with pytest.raises(TargetRefused, match="catalog cannot be used"):
        await adopt(tmp_path, *source, "--sqlite", str(folder))
    assert (folder / "catalog.db").read_bytes() == b"a picture, perhaps" * 100


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, source: list[str]) -> None:
    """As below a file."""
    (tmp_path / "file").touch()
    where = ("--sqlite", str(tmp_path / "file" / "shop"))
    await adopt(tmp_path, *source, *where)

    with pytest.raises(TargetRefused, match="cannot be used"):
        await adopt(tmp_path, *source, *where, "--apply")


def test_a_temporary_folder_without_room_is_refused(tmp_path: Path) -> None:
    """The rows are staged there: a process that may write one megabyte a file says so."""
    users = [(n, "x" * 150, f"u{n}@example.org", original.HASH) for n in range(1, 200_000)]
    source = original.save(tmp_path / "dumps", original.written({"auth.user": users}))
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20));"
        " from functions.adoption.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", code, *source, "--sqlite", "shop", "--language", "en"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "Name another one in TMPDIR." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--sqlite", "shop"], "Name the original"),
        (["--from", "missing.sql", "--sqlite", "shop"], "missing.sql cannot be read"),
        (["--from", "http://there", "--sqlite", "shop"], "must be mysql://"),
        (["--from", "mysql://h", "--from", "mysql://i", "--sqlite", "s"], "one --from only"),
        (["--from-auth", "mysql://h/a", "--sqlite", "shop"], "all three of --from-auth"),
        (["--from", "x.sql"], "Say where the data goes"),
        (["--from", "x.sql", "--auth-url", "mysql://h/a"], "all three of --auth-url"),
        (["--from", "x.sql", "--mysql", "mysql://h/bookstore"], "without a database"),
        (["--from", "x.sql", "--mysql", "mysql://h", "--sqlite", "s"], "Say where the data goes"),
    ],
)
async def test_half_a_command_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    """With the options that are missing, in both languages."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AdoptionError, match=reason) as refused:
        await adopt(tmp_path, *arguments)

    assert refused.value.text.es != refused.value.text.en


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "es"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "es_CO.UTF-8"}, "es"),
        ({"LANG": "C.UTF-8"}, "es"),
    ],
)
def test_the_language_is_that_of_the_terminal(environ: dict[str, str], language: str) -> None:
    """Spanish where it is not said."""
    assert parsed([]).chosen_language(environ) == language
