"""The typed dependencies of auth's handlers."""

from dataclasses import dataclass

from functions.auth.dependencies import Dependencies
from functions.auth.settings import AuthSettings
from functions.kit.http import services as shared
from functions.kit.http.requests import AnyRequest


@dataclass(kw_only=True)
class AuthServices(shared.Services):
    settings: AuthSettings
    dependencies: Dependencies
    """What commands need besides the database."""


def services_of(request: AnyRequest) -> AuthServices:
    return shared.services_of(request, AuthServices)
