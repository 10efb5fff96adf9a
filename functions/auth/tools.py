"""What use cases need besides the database, made once per process and passed to each."""

from typing import NamedTuple

from functions.auth.passwords import Passwords
from functions.auth.settings import AuthSettings
from functions.auth.signing import Signer
from functions.kit.events.outbox import Outbox


class Tools(NamedTuple):
    settings: AuthSettings
    passwords: Passwords
    signer: Signer
    outbox: Outbox

    @classmethod
    def of(cls, settings: AuthSettings, outbox: Outbox) -> "Tools":
        return cls(
            settings, Passwords(settings.hashing_concurrency), Signer(settings, outbox), outbox
        )
