"""The typed dependencies of the catalogue's handlers."""

from dataclasses import dataclass

from functions.catalog.response_cache import CachedPage
from functions.catalog.settings import CatalogSettings
from functions.kit.http import services as shared
from functions.kit.http.requests import AnyRequest
from functions.kit.http.response_cache import ResponseCache


@dataclass(kw_only=True)
class CatalogServices(shared.Services):
    settings: CatalogSettings
    pages: ResponseCache[CachedPage]
    """Pages of the list that this process read recently."""


def services_of(request: AnyRequest) -> CatalogServices:
    return shared.services_of(request, CatalogServices)
