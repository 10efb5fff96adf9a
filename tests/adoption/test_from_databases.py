"""The original's own databases as the source, on either kind of server; also as the target."""

import itertools
import os
from pathlib import Path

import pytest

from functions.adoption.errors import NotTheOriginal
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
    ],
)
async def test_another_schema_is_refused(
    mysql_server: Server, prefix: str, tmp_path: Path, statement: str, reason: str
) -> None:
    """Before anything is written, with what is wrong about it."""
    live = original.load(mysql_server, original.written({}), prefix)
    mysql_server.run(statement.format(prefix))

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
