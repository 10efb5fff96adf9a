import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from piccolo.querystring import QueryString

from functions.auth import commands, migrate, migrations
from functions.kit.base.clock import utc_now
from functions.kit.data import migrations as migrations_module
from functions.kit.data.engines import connect
from functions.kit.data.migrations import load
from tests.auth.service import ADMIN, PASSWORD, Auth, open_auth, sqlite_url

ROOT = Path(__file__).parents[2]


def run(
    module: str, *arguments: str, environ: dict[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """A command, as somebody types it."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", f"functions.auth.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_migrate_creates_schema_key_and_admin(tmp_path: Path) -> None:
    """A second run changes nothing, and the admin can log in."""
    environ = {
        "DATABASE_URL": sqlite_url(tmp_path),
        "FIRST_ADMIN_EMAIL": ADMIN,
        "FIRST_ADMIN_PASSWORD": PASSWORD,
    }
    first, second = (run("migrate", environ=environ) for _ in range(2))

    assert (first.returncode, second.returncode) == (0, 0)
    assert f"auth: {len(load(migrations))} migrations were run" in first.stdout
    assert "auth: up to date" in second.stdout
    assert PASSWORD not in first.stdout + first.stderr
    with sqlite3.connect(tmp_path / "auth.db") as database:
        users = database.execute("SELECT email_key FROM users").fetchall()
        keys = database.execute("SELECT COUNT(*) FROM signing_keys").fetchone()
        events = database.execute("SELECT type FROM outbox").fetchall()
    database.close()
    assert (users, keys) == ([(ADMIN,)], (1,))
    assert events == [("bookstore.key.rotated.v1",)]


def test_migrate_explains_its_failure(tmp_path: Path) -> None:
    """Bad settings and a wrong secret give one line and exit code 1, without a traceback."""
    url = sqlite_url(tmp_path)
    bad = run("migrate", environ={"DATABASE_URL": url, "FIRST_ADMIN_EMAIL": ADMIN})
    good = run("migrate", environ={"DATABASE_URL": url, "KEY_ENCRYPTION_SECRET": "k" * 32})
    wrong = run("migrate", environ={"DATABASE_URL": url, "KEY_ENCRYPTION_SECRET": "x" * 32})

    assert (bad.returncode, good.returncode, wrong.returncode) == (1, 0, 1)
    assert "FIRST_ADMIN_EMAIL, FIRST_ADMIN_PASSWORD: set both or neither" in bad.stderr
    assert "sealed under another KEY_ENCRYPTION_SECRET" in wrong.stderr
    assert "Traceback" not in bad.stderr + wrong.stderr


async def test_the_first_admin_is_created_once(database_url: str) -> None:
    """None is created where an admin exists, also after the setting changed."""
    async with open_auth(
        database_url, FIRST_ADMIN_EMAIL=ADMIN, FIRST_ADMIN_PASSWORD=PASSWORD
    ) as auth:
        admin = await auth.again(1, ADMIN)
        assert (await auth.call("GET", "/users", by=admin)).status_code == 200

    async with open_auth(
        database_url, FIRST_ADMIN_EMAIL="second@example.com", FIRST_ADMIN_PASSWORD=PASSWORD
    ) as auth:
        assert len(await auth.rows("SELECT id FROM users")) == 1


async def test_an_account_is_not_made_admin_by_its_address(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Registering the admin's address first does not make an admin; the log has the remedy."""
    async with open_auth(database_url) as auth:
        await auth.register(ADMIN, "somebody else's password")

    async with open_auth(
        database_url, FIRST_ADMIN_EMAIL=ADMIN, FIRST_ADMIN_PASSWORD=PASSWORD
    ) as auth:
        assert await auth.rows("SELECT id FROM user_roles WHERE role = 'admin'") == []

    assert "FIRST_ADMIN_EMAIL belongs to an account that is not an admin" in capsys.readouterr().out


def test_a_command_makes_an_admin_from_a_typed_password(tmp_path: Path) -> None:
    """A new or existing account gets the role; a weak password is refused."""
    environ = {"DATABASE_URL": sqlite_url(tmp_path)}
    run("migrate", environ=environ)
    made = run(
        "create_admin", "--email", ADMIN, environ=environ, stdin="una frase bastante larga\n"
    )
    weak = run("create_admin", "--email", ADMIN, environ=environ, stdin="password123\n")
    no_email = run("create_admin", "--email", "admin", environ=environ, stdin=PASSWORD)

    assert (made.returncode, weak.returncode, no_email.returncode) == (0, 1, 1)
    assert made.stdout.splitlines()[-1] == "user 1 is an admin"
    assert "one of the most common ones" in weak.stderr
    assert "is not an email address" in no_email.stderr
    assert "Traceback" not in weak.stderr + no_email.stderr


async def test_an_account_that_exists_becomes_admin_with_the_new_password(auth: Auth) -> None:
    """Its earlier logins are revoked."""
    ana = await auth.person(ADMIN)
    auth.clock.advance(seconds=1)
    new, dependencies = "otra frase bastante larga", auth.app.state.services.dependencies

    made = await commands.make_admin(auth.database, dependencies, ADMIN, new, now=auth.clock())

    assert ana.id == made
    assert (await auth.log_in(ADMIN)).status_code == 401
    admin = await auth.again(ana.id, ADMIN, new)
    assert (await auth.call("GET", "/users", by=admin)).status_code == 200
    assert (await auth.refresh(ana.refresh_token)).status_code == 401


def test_the_environment_names_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """`DATABASE_URL`, or the embedded file without it."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:///elsewhere.db")
    assert migrate.url() == "sqlite:///elsewhere.db"

    monkeypatch.delenv("DATABASE_URL")
    assert migrate.url() == "sqlite:///.bookstore/auth.db"


def test_an_invalid_admin_address_is_refused(tmp_path: Path) -> None:
    """The command validates the address in full."""
    environ = {
        "DATABASE_URL": sqlite_url(tmp_path),
        "FIRST_ADMIN_EMAIL": "ana..ruiz@example.com",
        "FIRST_ADMIN_PASSWORD": PASSWORD,
    }
    done = run("migrate", environ=environ)

    assert done.returncode == 1
    assert "FIRST_ADMIN_EMAIL: email is not an email address" in done.stderr
    assert "Traceback" not in done.stderr


async def test_roles_of_an_earlier_release_stay_and_sellers_are_permitted(
    database_url: str,
) -> None:
    """The constraint permits one role more, and none that does not exist."""
    database = connect(database_url)
    known = load(migrations)
    await migrations_module.migrate(database, known[:3])
    await database.execute(
        QueryString(
            "INSERT INTO users (email, email_key, password_hash, disabled, access_revision,"
            " created_at) VALUES ({}, {}, {}, {}, 0, {})",
            "ana@example.org",
            "ana@example.org",
            "hash",
            False,
            utc_now(),
        )
    )
    add = "INSERT INTO user_roles (user_id, role) VALUES (1, {})"
    for role in ("customer", "admin"):
        await database.execute(QueryString(add, role))
    await migrations_module.migrate(database, known)
    await database.execute(QueryString(add, "seller"))
    refused = []
    for role in ("emperor", "seller"):
        try:
            await database.execute(QueryString(add, role))
        except Exception as error:  # noqa: BLE001 - each driver has its own
            refused.append((role, database.is_duplicate(error)))
    rows = (await database.execute(QueryString("SELECT role FROM user_roles ORDER BY id"))).rows
    await database.close()

    assert [row["role"] for row in rows] == ["customer", "admin", "seller"]
    assert refused == [("emperor", False), ("seller", True)]
