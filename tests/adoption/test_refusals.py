"""What cannot be moved is refused before anything is written, with what to do about it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from piccolo.querystring import QueryString

from functions.adoption.errors import (
    AdoptionError,
    DecisionsRefused,
    NotTheOriginal,
    TargetRefused,
)
from functions.adoption.target import databases
from tests.adoption import original
from tests.adoption.running import adopt, checksum, opened, options_for, parsed, tables
from tests.servers.mysql import Server


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
    urls = dict.fromkeys(databases.SERVICES, "mysql://root@127.0.0.1:9/shop")

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
    ],
)
async def test_a_wrong_decision_is_refused(
    tmp_path: Path, source: list[str], shop: list[str], line: str, reason: str
) -> None:
    """With its name, and with what it can be."""
    (tmp_path / "adoption.toml").write_text(line, "utf-8")

    with pytest.raises(DecisionsRefused, match=reason):
        await adopt(tmp_path, *source, *shop)


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
    secret = "user:a-secret-x@host/auth"
    urls = [f"--{service}-url={secret}" for service in FILLED]

    with pytest.raises(TargetRefused, match="must begin with sqlite:// or mysql://") as refused:
        await adopt(tmp_path, *source, *urls)
    assert "a-secret-x" not in str(refused.value.text)


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
