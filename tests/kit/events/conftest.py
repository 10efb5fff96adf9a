from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from functions.kit.events.feed import OwnedStream
from functions.kit.events.subscriptions import Subscriptions
from tests.kit import sample
from tests.kit.events.owner import Owner, thing_states
from tests.kit.sample import THINGS
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer


@pytest.fixture
async def owner(tmp_path: Path, clock: FakeClock, issuer: Issuer) -> AsyncIterator[Owner]:
    """The running owner of the stream `things`, on SQLite."""
    app = sample.create_app(
        f"sqlite:///{tmp_path}/owner.db",
        clock=clock,
        http=issuer.wire(),
        environ={"INTERNAL_SECRET": ""},
        streams=(OwnedStream("things", THINGS.source, thing_states),),
        subscriptions=lambda _: Subscriptions(),
    )
    async with serving(app) as client:
        yield Owner(app, client)
