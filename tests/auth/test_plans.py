"""How SQLite finds a page of the accounts: by an index in order, in a table of any size."""

from pathlib import Path

import pytest

from tests.auth.service import open_auth, sqlite_url
from tests.support.sqlite_plans import explained


@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize(
    ("sort", "index"),
    [
        ("id", "INTEGER PRIMARY KEY"),
        ("created", "ix_users_created"),
        ("email", "ux_users_email_key"),
    ],
)
async def test_a_page_is_read_in_the_order_of_its_index(
    tmp_path: Path, sort: str, index: str, direction: str
) -> None:
    """The first one and the next: nothing is sorted in a temporary tree."""
    async with open_auth(sqlite_url(tmp_path)) as auth:
        admin = await auth.admin()
        await auth.person()
        path = f"/users?limit=1&sort={direction}{sort}"
        first = await auth.call("GET", path, by=admin)
        following = first.headers["link"].partition(">")[0].lstrip("<")
        for page in (path, following):
            with explained(auth.database, "SELECT") as steps:
                assert (await auth.call("GET", page, by=admin)).status_code == 200
            # The verification of the token comes first.
            read = [step for step in steps if step.split()[1] == "users"][-1]

            assert [step for step in steps if "TEMP B-TREE" in step] == []
            # The first page by id is a scan of the table, which is in that order.
            assert index in read or (sort, page, read) == ("id", path, "SCAN users")
