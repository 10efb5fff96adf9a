"""The typed dependencies of the catalogue's handlers."""

from dataclasses import dataclass

from functions.catalog.response_cache import CachedAnswer
from functions.catalog.settings import CatalogSettings
from functions.kit.http import services as shared
from functions.kit.http.requests import AnyRequest
from functions.kit.http.response_cache import ResponseCache


@dataclass(kw_only=True)
class CatalogServices(shared.Services):
    settings: CatalogSettings
    answers: ResponseCache[CachedAnswer]
    """Pages of books that this process made recently."""
    counts: ResponseCache[CachedAnswer]
    """Facets and suggestions that it made recently."""


def services_of(request: AnyRequest) -> CatalogServices:
    return shared.services_of(request, CatalogServices)
