"""`nox -s dev` opens the shop, keeps it open, and leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import stat
from pathlib import Path

import pytest

from functions.local.ports import SERVICES, Ports
from functions.local.seed import stock_shop
from tests.local.runners import ROOT, running

BOOKS = json.loads(stock_shop.BOOKS.read_text(encoding="utf-8"))


async def test_it_opens_a_stocked_shop_and_closes_it_on_ctrl_c(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as runner:
        await runner.until_says("Ctrl-C ends it all.")
        state = json.loads((tmp_path / "data" / "running.json").read_text())
        catalog = (await runner.get("catalog", "/seen")).json()["requests"]
        purchase = (await runner.get("purchase", "/seen")).json()["requests"]
        code = await runner.end()

    assert code == 0
    assert "Traceback" not in runner.output
    assert state["catalog"] == runner.ports.url("catalog")
    assert not (tmp_path / "data" / "running.json").exists()
    assert "POST /books/import" in catalog
    assert purchase.count("POST /providers") == 4
    assert f"GET /inventory/{len(BOOKS)}" in purchase
    for service in SERVICES:
        assert f"{runner.ports.url(service)}/apidocs" in runner.output
    assert f"curl -X POST {runner.ports.url('purchase')}/purchase" in runner.output


async def test_passwords_are_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running(data) as first:
        await first.until_says("Ctrl-C ends it all.")
        await first.end()
    async with running(data) as second:
        await second.until_says("Ctrl-C ends it all.")
        seen = (await second.get("catalog", "/seen")).json()["requests"]
        await second.end()

    shown = re.findall(r"(staff|customer|admin) +(\S+@\S+) +(\S+)\n", first.output)
    assert {role for role, _, _ in shown} == {"staff", "customer", "admin"}
    (admin,) = [each for each in shown if each[0] == "admin"]
    assert admin[1] in second.output
    assert admin[2] not in second.output
    assert f"its password is kept in {data / 'admin.json'}" in second.output
    shown.remove(admin)
    kept = "".join(file.read_text(errors="replace") for file in data.rglob("*") if file.is_file())
    for _, email, password in shown:
        assert email in second.output
        assert password not in second.output
        assert password not in kept
    assert "--new-accounts" in second.output
    assert seen == []


async def test_new_accounts_are_made_when_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as first:
        await first.until_says("Ctrl-C ends it all.")
        await first.end()
    async with running(tmp_path / "data", "--new-accounts") as second:
        await second.until_says("shown this once")
        await second.end()


async def test_the_admins_password_is_for_its_owner_only(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_says("Ctrl-C ends it all.")
        file = tmp_path / "data" / "admin.json"
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent)]
        password = json.loads(file.read_text())["password"]
        await runner.end()
    async with running(tmp_path / "data", "--no-seed") as again:
        await again.until_says("Ctrl-C ends it all.")
        await again.end()

    assert modes == [0o600, 0o700]
    assert runner.output.count(password) == 1
    assert password not in again.output


async def test_what_to_type_next_is_told_as_it_was_typed(tmp_path: Path) -> None:
    """Without nox, `nox -s tour` would not be found."""
    invoked = "python3 noxfile.py"
    async with running(tmp_path / "data", "--no-seed", BOOKSTORE_INVOKED_AS=invoked) as runner:
        await runner.until_says("Ctrl-C ends it all.")
        await runner.end()

    assert "python3 noxfile.py -s tour" in runner.output
    assert "nox -s" not in runner.output


async def test_what_is_changed_is_started_again_and_nothing_else(tmp_path: Path) -> None:
    """A change that does not start waits for the next one; the shop stays open."""
    package = f"stub_shop_{tmp_path.name.replace('-', '_')}"
    shop = tmp_path / "sources" / package
    shutil.copytree(ROOT / "tests" / "local" / "stub_shop", shop)
    for file in shop.rglob("*.py"):
        file.write_text(file.read_text().replace("tests.local.stub_shop", package))
    app = shop / "catalog" / "app.py"
    good = app.read_text()
    options = ("--no-seed", "--reload")
    async with running(
        tmp_path / "data", *options, package=package, PYTHONPATH=str(shop.parent)
    ) as runner:
        await runner.until_says("What you change is started again.")
        pids = [(await runner.get(each, "/seen")).json()["pid"] for each in SERVICES]
        app.write_text(good + "\n# changed\n")
        await runner.until_says("catalog is back")
        after = [(await runner.get(each, "/seen")).json()["pid"] for each in SERVICES]
        app.write_text("this is no Python\n")
        await runner.until_says("and waits to be changed")
        app.write_text(good)
        await runner.until_says("catalog is back", times=2)

        assert await runner.end() == 0

    assert [pid == before for pid, before in zip(after, pids, strict=True)] == [True, False, True]
    assert "SyntaxError" in runner.output


async def test_sigterm_ends_it_as_well(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_says("Ctrl-C ends it all.")

        assert await runner.end(signal.SIGTERM) == 0

    assert "Traceback" not in runner.output


async def test_ctrl_c_while_it_opens_ends_it_too(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_says("databases of")

        assert await runner.end() == 0

    assert "Traceback" not in runner.output


async def test_a_second_ctrl_c_kills_what_will_not_end(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--no-seed", STUB_STUBBORN="catalog") as runner:
        await runner.until_says("Ctrl-C ends it all.")
        runner.process.send_signal(signal.SIGINT)
        await runner.until_says("Once more Ctrl-C kills")

        assert await runner.end() == 130


async def test_nothing_outlives_a_runner_that_is_killed(tmp_path: Path) -> None:
    """Leaving the block waits until every port is free again."""
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_says("Ctrl-C ends it all.")

        assert await runner.end(signal.SIGKILL) == -signal.SIGKILL


async def test_a_crashed_service_is_started_again_and_said_so(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_says("Ctrl-C ends it all.")
        before = (await runner.get("catalog", "/seen")).json()["pid"]
        await runner.post("catalog", "/crash")
        await runner.until_says("catalog ended with exit code 3; starting it again")
        await runner.until_says("catalog is back")
        after = (await runner.get("catalog", "/seen")).json()["pid"]
        os.kill(after, signal.SIGKILL)
        await runner.until_says("catalog was ended by SIGKILL; starting it again")

        assert await runner.end() == 0

    assert before != after


async def test_a_service_that_cannot_start_ends_the_run_with_its_last_words(
    tmp_path: Path,
) -> None:
    async with running(tmp_path / "data", STUB_BROKEN="purchase") as runner:
        assert await runner.until_ended() == 1

    assert "purchase cannot be started: 5 times in a row it ended with exit code 1" in runner.output
    assert "purchase has no spoon" in runner.output
    assert "Traceback" not in runner.output


async def test_a_migration_that_fails_ends_the_run_with_its_words(tmp_path: Path) -> None:
    async with running(tmp_path / "data", STUB_BAD_MIGRATION="catalog") as runner:
        assert await runner.until_ended() == 1

    assert "The migration of catalog ended with exit code 1:\nno such table: books" in runner.output
    assert "--fresh" in runner.output


async def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path) -> None:
    ports = Ports.any_free()
    with socket.create_server(("127.0.0.1", ports.catalog)) as other:
        async with running(tmp_path / "data", ports=ports) as runner:
            assert await runner.until_ended() == 1
            other.close()

    assert f"Port {ports.catalog}, which catalog wants, is taken" in runner.output
    assert "--catalog-port or BOOKSTORE_CATALOG_PORT" in runner.output
    assert "Traceback" not in runner.output


async def test_one_folder_has_one_shop(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_says("Ctrl-C ends it all.")
        async with running(tmp_path / "data", "--fresh") as second:
            assert await second.until_ended() == 1
        await runner.end()

    assert "Another shop runs on" in second.output


async def test_an_old_data_folder_is_kept_until_fresh_is_said(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "bookstore.json").write_text('{"kind": "bookstore data", "version": 0}')
    (data / "auth.db").write_text("old")

    async with running(data, "--no-seed") as refused:
        assert await refused.until_ended() == 1
    kept = (data / "auth.db").read_text()
    async with running(data, "--no-seed", "--fresh") as fresh:
        await fresh.until_says("Ctrl-C ends it all.")
        await fresh.end()

    assert "of another version of the shop" in refused.output
    assert "--fresh" in refused.output
    assert kept == "old"
    assert not (data / "auth.db").exists()


@pytest.mark.parametrize("option", ["--fresh", "--no-seed"])
async def test_a_foreign_folder_is_left_alone(option: str, tmp_path: Path) -> None:
    precious = tmp_path / "thesis.odt"
    precious.write_text("chapter 1")

    async with running(tmp_path, option) as runner:
        assert await runner.until_ended() == 1

    assert "is no data folder of the bookstore (thesis.odt is in it)" in runner.output
    assert os.listdir(tmp_path) == ["thesis.odt"]  # noqa: PTH208


async def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async with running(tmp_path / "file" / "data") as runner:
        assert await runner.until_ended() == 1

    assert "cannot be used: Not a directory" in runner.output
    assert "--data" in runner.output
    assert "Traceback" not in runner.output


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written_is_said_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)  # noqa: ASYNC240

    async with running(tmp_path / "data") as runner:
        assert await runner.until_ended() == 1

    assert "cannot be used: Permission denied" in runner.output
