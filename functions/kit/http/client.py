"""An httpx client that is imported and created at its first use.

A cold start and most processes never use it.
"""

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import httpx


class LazyClient:
    """A proxy for an `httpx.AsyncClient` that is created at its first use."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    def __getattr__(self, name: str) -> Any:
        if self._client is None:
            # Imports httpx, which takes a tenth of a second and 7 MiB.
            from functions.kit.http.staggered_client import staggered_client  # noqa: PLC0415

            self._client = staggered_client()
        return getattr(self._client, name)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def lazy_client() -> "httpx.AsyncClient":
    return cast("httpx.AsyncClient", LazyClient())
