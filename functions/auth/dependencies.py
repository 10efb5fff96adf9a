"""What auth's commands need besides the database. Each process creates one and passes it on."""

from typing import NamedTuple

from functions.auth.passwords import Passwords
from functions.auth.settings import AuthSettings
from functions.auth.signing import Signer
from functions.kit.events.outbox import Outbox


class Dependencies(NamedTuple):
    settings: AuthSettings
    passwords: Passwords
    signer: Signer
    outbox: Outbox

    @classmethod
    def of(cls, settings: AuthSettings, outbox: Outbox) -> "Dependencies":
        return cls(
            settings, Passwords(settings.hashing_concurrency), Signer(settings, outbox), outbox
        )
