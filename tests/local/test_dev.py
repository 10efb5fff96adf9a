"""`nox -s dev` starts the shop, keeps it running, and stops all of its processes."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
from pathlib import Path

import pytest

from functions.local import dev
from functions.local.ports import SERVICES, Ports
from functions.local.seed import seed_shop
from tests.local.runners import ROOT, running

BOOKS = json.loads(seed_shop.BOOKS.read_text(encoding="utf-8"))


async def test_it_starts_a_stocked_shop_and_stops_it_on_ctrl_c(tmp_path: Path) -> None:
    """Books and providers are created through the APIs, and stock is read back; the exit code is 0,
    and running.json is deleted at the end.
    """
    async with running(tmp_path / "data") as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        state = json.loads((tmp_path / "data" / "running.json").read_text())
        catalog = (await runner.get("catalog", "/seen")).json()["requests"]
        purchase = (await runner.get("purchase", "/seen")).json()["requests"]
        code = await runner.stop()

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


async def test_the_welcome_fits_on_a_screen_and_says_how_to_go_on(tmp_path: Path) -> None:
    """At the first and at a later start it has at most 25 lines, with the admin, a curl command and
    the command of the tour.
    """
    async with running(tmp_path / "data", "--no-seed") as first:
        await first.until_printed("Ctrl-C stops the shop")
        await first.stop()
    async with running(tmp_path / "data", "--no-seed") as second:
        await second.until_printed("Ctrl-C stops the shop")
        await second.stop()

    for output in (first.output, second.output):
        start = output.index("The shop is open: ")
        welcome = output[start : output.index("\n", output.index("Ctrl-C stops the shop"))]
        assert len(welcome.splitlines()) <= 25
        assert "admin@bookstore.example" in welcome
        assert "curl -X POST" in welcome
        assert f"nox -s tour -- --data {tmp_path / 'data'}" in welcome


async def test_passwords_are_printed_once_and_not_stored(tmp_path: Path) -> None:
    """A second start prints the accounts without passwords and imports no books; only the admin's
    password is in a file.
    """
    data = tmp_path / "data"
    async with running(data) as first:
        await first.until_printed("Ctrl-C stops the shop")
        await first.stop()
    async with running(data) as second:
        await second.until_printed("Ctrl-C stops the shop")
        seen = (await second.get("catalog", "/seen")).json()["requests"]
        await second.stop()

    printed = re.findall(r"(staff|seller|customer|admin) +(\S+@\S+) +(\S+) *\n", first.output)
    assert {role for role, _, _ in printed} == {"staff", "seller", "customer", "admin"}
    (admin,) = [each for each in printed if each[0] == "admin"]
    assert admin[1] in second.output
    assert admin[2] not in second.output
    assert f"The admin's password is in {data / 'admin.json'}" in second.output
    printed.remove(admin)
    stored = "".join(file.read_text(errors="replace") for file in data.rglob("*") if file.is_file())
    for _, email, password in printed:
        assert email in second.output
        assert password not in second.output
        assert password not in stored
    assert "--new-accounts" in second.output
    assert seen == []


async def test_new_accounts_are_created_on_request(tmp_path: Path) -> None:
    """A later start with --new-accounts prints new passwords."""
    async with running(tmp_path / "data") as first:
        await first.until_printed("Ctrl-C stops the shop")
        await first.stop()
    async with running(tmp_path / "data", "--new-accounts") as second:
        await second.until_printed("printed only now")
        await second.stop()


async def test_only_the_owner_can_read_the_admins_password(tmp_path: Path) -> None:
    """admin.json has mode 600 in a folder of mode 700; only the first start prints the password."""
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        file = tmp_path / "data" / "admin.json"
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent)]
        password = json.loads(file.read_text())["password"]
        await runner.stop()
    async with running(tmp_path / "data", "--no-seed") as again:
        await again.until_printed("Ctrl-C stops the shop")
        await again.stop()

    assert modes == [0o600, 0o700]
    assert runner.output.count(password) == 1
    assert password not in again.output


async def test_commands_are_printed_as_the_user_typed_the_last_one(tmp_path: Path) -> None:
    """Without nox, `nox -s tour` does not exist."""
    invoked = "python3 noxfile.py"
    async with running(tmp_path / "data", "--no-seed", BOOKSTORE_INVOKED_AS=invoked) as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        await runner.stop()

    assert "python3 noxfile.py -s tour" in runner.output
    assert "nox -s" not in runner.output


async def test_a_changed_program_is_restarted_and_no_other(tmp_path: Path) -> None:
    """A program that a change breaks waits for the next change; the others keep running."""
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
        await runner.until_printed("Programs restart when their files change.")
        pids = [(await runner.get(each, "/seen")).json()["pid"] for each in SERVICES]
        app.write_text(good + "\n# changed\n")
        await runner.until_printed("catalog is ready again")
        after = [(await runner.get(each, "/seen")).json()["pid"] for each in SERVICES]
        app.write_text("this is no Python\n")
        await runner.until_printed("it restarts at the next change")
        app.write_text(good)
        await runner.until_printed("catalog is ready again", times=2)

        assert await runner.stop() == 0

    changed = [each for each, old, new in zip(SERVICES, pids, after, strict=True) if old != new]
    assert changed == ["catalog"]
    assert "SyntaxError" in runner.output


async def test_sigterm_stops_it_as_well(tmp_path: Path) -> None:
    """The exit code after SIGTERM is 0, and no traceback is printed."""
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_printed("Ctrl-C stops the shop")

        assert await runner.stop(signal.SIGTERM) == 0

    assert "Traceback" not in runner.output


async def test_ctrl_c_during_the_start_stops_it(tmp_path: Path) -> None:
    """SIGINT while the schemas are migrated ends the run with exit code 0 and no traceback."""
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_printed("schemas of")

        assert await runner.stop() == 0

    assert "Traceback" not in runner.output


async def test_a_second_ctrl_c_kills_what_does_not_stop(tmp_path: Path) -> None:
    """If a service ignores the first SIGINT, a second one ends the run with exit code 130."""
    async with running(tmp_path / "data", "--no-seed", STUB_UNSTOPPABLE="catalog") as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        runner.process.send_signal(signal.SIGINT)
        await runner.until_printed("A second Ctrl-C kills all programs")

        assert await runner.stop() == 130


async def test_no_process_outlives_a_killed_runner(tmp_path: Path) -> None:
    """The end of the block waits until every port is free."""
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_printed("Ctrl-C stops the shop")

        assert await runner.stop(signal.SIGKILL) == -signal.SIGKILL


async def test_a_crashed_service_is_restarted_and_reported(tmp_path: Path) -> None:
    """It runs as a new process; the output has the exit code or the signal of the old one."""
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        before = (await runner.get("catalog", "/seen")).json()["pid"]
        await runner.post("catalog", "/crash")
        await runner.until_printed("catalog exited with code 3; restarting it")
        await runner.until_printed("catalog is ready again")
        after = (await runner.get("catalog", "/seen")).json()["pid"]
        os.kill(after, signal.SIGKILL)
        await runner.until_printed("catalog was killed by SIGKILL; restarting it")

        assert await runner.stop() == 0

    assert before != after


async def test_a_service_that_cannot_start_ends_the_run_with_its_last_output(
    tmp_path: Path,
) -> None:
    """After 5 failed starts in a row the run ends with exit code 1."""
    async with running(tmp_path / "data", STUB_BROKEN="purchase") as runner:
        assert await runner.until_exited() == 1

    assert "purchase cannot be started: 5 times in a row it exited with code 1" in runner.output
    assert "purchase cannot start" in runner.output
    assert "Traceback" not in runner.output


async def test_a_failed_migration_ends_the_run_with_its_output(tmp_path: Path) -> None:
    """The exit code is 1, and the message mentions --fresh."""
    async with running(tmp_path / "data", STUB_BAD_MIGRATION="catalog") as runner:
        assert await runner.until_exited() == 1

    assert "The migration of catalog exited with code 1:\nno such table: books" in runner.output
    assert "--fresh" in runner.output


async def test_a_port_in_use_is_named_with_its_option(tmp_path: Path) -> None:
    """The exit code is 1, and the output has the port, its service, the option and the variable."""
    ports = Ports.any_free()
    with socket.create_server(("127.0.0.1", ports.catalog)) as other:
        async with running(tmp_path / "data", ports=ports) as runner:
            assert await runner.until_exited() == 1
            other.close()

    assert f"Port {ports.catalog} of catalog is taken" in runner.output
    assert "--catalog-port or BOOKSTORE_CATALOG_PORT" in runner.output
    assert "Traceback" not in runner.output


def test_an_old_sqlite_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With SQLite older than 3.37 the run ends with exit code 1 and names both versions."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.36.0")

    assert dev.main(["--data", str(tmp_path / "data")]) == 1
    assert "This Python has SQLite 3.36.0; the shop needs 3.37" in capsys.readouterr().out


async def test_a_data_folder_has_one_running_shop(tmp_path: Path) -> None:
    """A second run on the same folder ends with exit code 1, even with --fresh."""
    async with running(tmp_path / "data", "--no-seed") as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        async with running(tmp_path / "data", "--fresh") as second:
            assert await second.until_exited() == 1
        await runner.stop()

    assert "Another shop runs on" in second.output


async def test_data_of_another_version_are_deleted_with_fresh_only(tmp_path: Path) -> None:
    """Without --fresh the run ends with exit code 1, names both versions and keeps the files."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "bookstore.json").write_text('{"kind": "bookstore data", "version": 0}')
    (data / "auth.db").write_text("old")

    async with running(data, "--no-seed") as refused:
        assert await refused.until_exited() == 1
    kept = (data / "auth.db").read_text()
    async with running(data, "--no-seed", "--fresh") as fresh:
        await fresh.until_printed("Ctrl-C stops the shop")
        await fresh.stop()

    assert "are of version 0, this shop needs version 1" in refused.output
    assert "--fresh" in refused.output
    assert kept == "old"
    assert not (data / "auth.db").exists()


@pytest.mark.parametrize("option", ["--fresh", "--no-seed"])
async def test_a_folder_with_other_files_is_not_changed(option: str, tmp_path: Path) -> None:
    """The run ends with exit code 1 and names the file that is not its own, even with --fresh."""
    precious = tmp_path / "thesis.odt"
    precious.write_text("chapter 1")

    async with running(tmp_path, option) as runner:
        assert await runner.until_exited() == 1

    assert "is not a data folder of the bookstore: it contains thesis.odt" in runner.output
    assert os.listdir(tmp_path) == ["thesis.odt"]  # noqa: PTH208


async def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    """If a parent is a file, the run ends with exit code 1, the reason and the option --data."""
    (tmp_path / "file").write_text("")

    async with running(tmp_path / "file" / "data") as runner:
        assert await runner.until_exited() == 1

    assert "cannot be used: Not a directory" in runner.output
    assert "--data" in runner.output
    assert "Traceback" not in runner.output


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_without_write_permission_is_reported(tmp_path: Path) -> None:
    """The run ends with exit code 1 and the reason of the operating system."""
    tmp_path.chmod(0o500)  # noqa: ASYNC240

    async with running(tmp_path / "data") as runner:
        assert await runner.until_exited() == 1

    assert "cannot be used: Permission denied" in runner.output
