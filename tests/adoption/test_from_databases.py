"""The original's own databases as the source, on either kind of server; also as the target."""

import asyncio
import itertools
import os
from pathlib import Path

import pytest

from functions.adoption.errors import NotTheOriginal, TargetRefused
from functions.adoption.target import databases
from tests.adoption import original
from tests.adoption.running import adopt, checksum, opened, options_for, rows
from tests.adoption.test_moving import breaches
from tests.servers.mysql import Server

_numbers = itertools.count(1)


@pytest.fixture
def prefix() -> str:
    """Of databases that no other test has."""
    return f"original_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{next(_numbers)}"


def named(prefix: str) -> dict[str, str]:
    """The original's databases by service."""
    return {"auth": f"{prefix}_auth", "catalog": f"{prefix}_catalog", "purchase": f"{prefix}_main"}


async def test_the_databases_say_what_their_dump_says(
    mysql_server: Server, prefix: str, tmp_path: Path
) -> None:
    """A move that began from one may go on from the other."""
    texts = original.dumps(mysql_server.flavour)
    live = original.load(mysql_server, texts, prefix)
    where = ("--sqlite", str(tmp_path / "shop"))
    of_dump = await adopt(tmp_path, *original.save(tmp_path / "dumps", texts), *where)
    of_live = await adopt(tmp_path, *live, *where)
    await adopt(tmp_path, *live, *where, "--apply")
    again = await adopt(tmp_path, *original.save(tmp_path / "dumps", texts), *where, "--apply")

    def without_hidden_digits(report: list[dict[str, object]]) -> list[dict[str, object]]:
        return [line for line in report if line.get("what") != "amount-six-digits"]

    assert without_hidden_digits(of_live.report) == without_hidden_digits(of_dump.report)
    assert len(of_live.found("amount-six-digits")) < len(of_dump.found("amount-six-digits"))
    assert "nothing to do" in again.output


async def test_the_services_may_have_the_same_databases(
    mysql_server: Server, prefix: str, tmp_path: Path
) -> None:
    """Their tables stand beside those of the original, which keep every row."""
    live = original.load(mysql_server, original.dumps(mysql_server.flavour), prefix)
    urls = {service: mysql_server.url(name) for service, name in named(prefix).items()}
    await adopt(tmp_path, *live, *options_for(urls))
    before = mysql_server.run(f"CHECKSUM TABLE `{prefix}_auth`.user, `{prefix}_main`.purchase")
    await adopt(tmp_path, *live, *options_for(urls), "--apply")
    after = mysql_server.run(f"CHECKSUM TABLE `{prefix}_auth`.user, `{prefix}_main`.purchase")
    moved = await checksum(urls)
    await adopt(tmp_path, *live, *options_for(urls), "--apply")

    assert before == after
    assert await breaches(urls) == []
    assert await checksum(urls) == moved


async def test_hidden_digits_of_a_price_are_the_owners_decision(
    mysql_server: Server, prefix: str, tmp_path: Path
) -> None:
    """MySQL shows 123457 of a FLOAT that stores 123456.78."""
    book = (7, "Rayuela", "Julio Cortázar", None, 123456.78, 5)
    texts = original.written({"main.book": [book]})
    live = original.load(mysql_server, texts, prefix)
    prices = []
    for number, choice in enumerate(("as_shown", "as_stored")):
        folder = tmp_path / str(number)
        folder.mkdir()
        where = ("--sqlite", str(folder / "shop"))
        found = await adopt(folder, *live, *where)
        file = folder / "adoption.toml"
        file.write_text(file.read_text("utf-8").replace("as_shown", choice), "utf-8")
        await adopt(folder, *live, *where, "--apply")
        async with opened({"catalog": f"sqlite:///{folder}/shop/catalog.db"}) as there:
            (row,) = await rows(there["catalog"], "SELECT price_minor FROM books")
        prices.append(row["price_minor"])

        assert found.found("amount-six-digits") == [7]

    assert prices == [12345700, 12345678]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DROP TABLE `{0}_main`.delivery_assignment", "has no table delivery_assignment"),
        ("ALTER TABLE `{0}_auth`.user DROP COLUMN password", "has no column password"),
        ("ALTER TABLE `{0}_main`.payment MODIFY amount varchar(20)", "has the type varchar"),
        (
            "ALTER TABLE `{0}_main`.book CONVERT TO CHARACTER SET latin1",
            "in latin1, not in UTF-8.*ALTER TABLE",
        ),
        (
            "ALTER TABLE `{0}_auth`.user MODIFY name varchar(150) CHARACTER SET ucs2",
            "auth.user.name are in ucs2",
        ),
        (
            "ALTER TABLE `{0}_main`.payment MODIFY id int NOT NULL, DROP PRIMARY KEY",
            "primary key of the table main.payment is not id",
        ),
        (
            (
                "ALTER TABLE `{0}_main`.payment RENAME TO `{0}_main`.p; CREATE VIEW"
                " `{0}_main`.payment AS SELECT * FROM `{0}_main`.p"
            ),
            "main.payment is a view",
        ),
        (
            (
                "ALTER TABLE `{0}_main`.book MODIFY stock bigint unsigned;"
                " INSERT INTO `{0}_main`.book VALUES (1, 'A', 'B', NULL, 1, 18446744073709551615)"
            ),
            "main.book has the number 18446744073709551615",
        ),
    ],
)
async def test_another_schema_is_refused(
    mysql_server: Server, prefix: str, tmp_path: Path, statement: str, reason: str
) -> None:
    """Before anything is written, with what is wrong about it."""
    live = original.load(mysql_server, original.written({}), prefix)
    original.run_script(mysql_server, statement.format(prefix))

    with pytest.raises(NotTheOriginal, match=reason):
        await adopt(tmp_path, *live, "--sqlite", str(tmp_path / "shop"))
    assert not (tmp_path / "shop").exists()
    assert not (tmp_path / "adoption.toml").exists()


async def test_another_collation_of_utf8_is_read(
    mysql_server: Server, prefix: str, tmp_path: Path
) -> None:
    """Under a binary one the original let two accounts differ by case: they are merged."""
    users = [(1, "A", "ana@example.org", original.HASH), (2, "B", "ANA@example.org", original.HASH)]
    live = original.load(mysql_server, original.written({"auth.user": users}), prefix)
    mysql_server.run(
        f"ALTER TABLE `{prefix}_auth`.user CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )
    done = await adopt(tmp_path, *live, "--sqlite", str(tmp_path / "shop"))

    assert done.found("accounts-merged") == [2]


async def test_wrong_credentials_are_refused(
    mysql_server: Server, prefix: str, tmp_path: Path
) -> None:
    """Without a word of the password."""
    live = original.load(mysql_server, original.written({}), prefix)
    wrong = f"mysql://nobody:hidden-word@{mysql_server.host}:{mysql_server.port}/{prefix}_auth"

    with pytest.raises(NotTheOriginal, match="database auth cannot be read") as refused:
        await adopt(tmp_path, "--from-auth", wrong, *live[2:], "--sqlite", str(tmp_path / "shop"))
    assert "hidden-word" not in str(refused.value.text)


async def test_an_empty_server_is_refused(mysql_server: Server, tmp_path: Path) -> None:
    """One without the databases of the original."""
    url = mysql_server.url("").removesuffix("/")
    names = [part for role in ("auth", "catalog", "main") for part in (f"--{role}-name", "no_such")]

    with pytest.raises(NotTheOriginal, match="database auth cannot be read"):
        await adopt(tmp_path, "--from", url, *names, "--sqlite", str(tmp_path / "shop"))


async def test_a_reader_is_enough(mysql_server: Server, prefix: str, tmp_path: Path) -> None:
    """The original is never written to, so its user needs no more than SELECT."""
    live = original.load(mysql_server, original.written(original.SMALL), prefix)
    user = f"reader_{prefix}"
    mysql_server.run(f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY 'reads'")
    for role in ("auth", "catalog", "main"):
        mysql_server.run(f"GRANT SELECT ON `{prefix}_{role}`.* TO '{user}'@'%'")
    place = f"mysql://{user}:reads@{mysql_server.host}:{mysql_server.port}/{prefix}"
    reader = [
        part
        for role in ("auth", "catalog", "main")
        for part in (f"--from-{role}", f"{place}_{role}")
    ]
    where = ("--sqlite", str(tmp_path / "shop"))
    as_reader = await adopt(tmp_path, *reader, *where)
    as_owner = await adopt(tmp_path, *live, *where)

    assert as_reader.report == as_owner.report


async def test_neither_side_is_written_by_a_dry_run(
    mysql_server: Server, prefix: str, tmp_path: Path
) -> None:
    """By the checksums of both, where the original is a server's, too."""
    live = original.load(mysql_server, original.dumps(mysql_server.flavour), prefix)
    sources = {role: mysql_server.url(name) for role, name in named(prefix).items()}
    targets = {role: mysql_server.create_database(f"{prefix}_new_{role}") for role in sources}
    before = await checksum(sources), await checksum(targets)
    dry = await adopt(tmp_path, *live, *options_for(targets))
    of_dry = await checksum(sources), await checksum(targets)
    await adopt(tmp_path, *live, *options_for(targets), "--apply")

    assert "nothing was written" in dry.output
    assert of_dry == before
    assert await checksum(sources) == before[0]
    assert await checksum(targets) != before[1]


async def test_the_new_shop_is_no_original(
    mysql_server: Server, prefix: str, tmp_path: Path
) -> None:
    """Where both URLs name the new databases."""
    urls = {name: mysql_server.create_database(f"{prefix}_new_{name}") for name in named(prefix)}
    async with opened(urls) as there:
        await databases.migrate_all(there)
    swapped = ["--from-auth", urls["auth"], "--from-catalog", urls["catalog"]]

    with pytest.raises(NotTheOriginal, match="has no table user"):
        await adopt(tmp_path, *swapped, "--from-main", urls["purchase"], *options_for(urls))


@pytest.mark.parametrize(
    ("first", "role"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "from"), (b"", "from"), (b"SSH-2.0-x\r\n", "to")],
)
async def test_a_server_of_another_kind_is_refused(tmp_path: Path, first: bytes, role: str) -> None:
    """On the port that was named by mistake, on either side."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        writer.close()

    source = original.save(tmp_path / "dumps", original.written(original.SMALL))
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"mysql://root@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        if role == "from":
            arguments = ["--from", url, "--sqlite", str(tmp_path / "shop")]
        else:
            arguments = [*source, "--mysql", url]
        with pytest.raises((NotTheOriginal, TargetRefused), match=r"cannot be (read|used)"):
            await adopt(tmp_path, *arguments)
    assert not (tmp_path / "adoption.toml").exists()
