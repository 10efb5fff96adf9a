"""The release before and this one on one database, as during a canary: nothing is lost.

The code of the release before is taken from git, with the faults' own programs of its time.
"""

import random
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.faults import audit
from tests.faults.buyers import buy, crowd
from tests.faults.conftest import Sizes
from tests.faults.harness import Shop
from tests.faults.processes import Process
from tests.support.processes import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

PREVIOUS = "33fccda9db8d91b4b4100e27673867e254328411"
"""The commit of the release before; the tag of a release, once there is one."""
NEW_SOURCES = {"/bookstore/purchase/orders"}
"""What this release's services consume and those of the release before do not."""
PARTS = ("eventing", "functions", "knative", "tests")


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the release before."""
    try:
        archive = subprocess.run(  # noqa: S603
            ["git", "archive", "--format=tar", PREVIOUS, *PARTS],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"git has no commit {PREVIOUS}: this is no clone, or a shallow one")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture
def restored(shop: Shop) -> Iterator[None]:
    """Afterwards every process runs this release again; the shop's fixture starts it."""
    yield
    shop.unread.clear()
    for process in shop.services:
        process.tree = ROOT
        process.environment["AUTO_MIGRATE"] = "true"


async def switch(tree: Path, processes: list[Process]) -> None:
    """Replace each process by one that runs the code of this tree, by SIGTERM as a rollout."""
    for process in processes:
        await process.stop()
        process.tree = tree
        # In a cluster a Job migrates; a revision that is older than the schema serves on it.
        process.environment["AUTO_MIGRATE"] = "true" if tree == ROOT else "false"
        await process.start()


@pytest.mark.usefixtures("restored")
async def test_both_sell_on_one_database(
    shop: Shop, sizes: Sizes, tell: Callable[..., None], previous: Path
) -> None:
    """Each key is sent to both releases at random: one purchase, and the same bytes from both."""
    copies = sizes.of(40, 400)
    book_id = await shop.book(copies)
    old, new = shop.sellers[:2]
    await switch(previous, [old])
    keys = [f"both-{book_id}-{number}" for number in range(copies * 2)]
    statuses = await crowd(shop, book_id, keys, clients=8, seed=1)
    choose = random.Random(2)
    for key in keys[:copies]:
        await buy(shop, book_id, key, choose)
    tell(purchases=statuses[201])
    await audit.sound(shop)

    assert {old.tree, new.tree} == {previous, ROOT}
    assert statuses == {201: copies, 409: copies}


@pytest.mark.usefixtures("restored")
async def test_forwards_and_back(shop: Shop, sizes: Sizes, previous: Path) -> None:
    """All services go back to the release before, sell, and come forward again: all agree."""
    copies = sizes.of(20, 200)
    before = await shop.book(copies)
    await crowd(shop, before, [f"new-{before}-{n}" for n in range(copies)], clients=4, seed=1)
    await switch(previous, shop.services)
    shop.unread |= NEW_SOURCES
    await shop.let_in()
    meanwhile = await shop.book(copies)
    await crowd(shop, meanwhile, [f"old-{meanwhile}-{n}" for n in range(copies)], clients=4, seed=2)
    replayed = await crowd(
        shop, before, [f"new-{before}-{n}" for n in range(copies)], clients=4, seed=3
    )
    await audit.sound(shop)
    await switch(ROOT, shop.services)
    shop.unread.clear()
    await shop.let_in()
    again = await crowd(
        shop, meanwhile, [f"old-{meanwhile}-{n}" for n in range(copies)], clients=4, seed=4
    )
    await audit.sound(shop)

    assert [replayed, again] == [{201: copies}, {201: copies}]
    for book_id in (before, meanwhile):
        stock = await shop.stock(book_id)
        assert stock is not None
        assert (stock["available"], stock["reserved"]) == (0, copies)
