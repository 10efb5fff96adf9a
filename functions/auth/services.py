"""The typed dependencies of auth's handlers."""

from dataclasses import dataclass

from functions.auth.dependencies import Dependencies
from functions.auth.passwords import Passwords
from functions.auth.settings import AuthSettings
from functions.auth.signing import Signer
from functions.kit.http import services as shared
from functions.kit.http.requests import AnyRequest


@dataclass(kw_only=True)
class AuthServices(shared.Services):
    settings: AuthSettings
    passwords: Passwords
    signer: Signer

    @property
    def dependencies(self) -> Dependencies:
        """What commands need besides the database."""
        return Dependencies(self.settings, self.passwords, self.signer, self.outbox)


def services_of(request: AnyRequest) -> AuthServices:
    return shared.services_of(request, AuthServices)
