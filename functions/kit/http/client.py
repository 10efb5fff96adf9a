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
            import httpx  # noqa: PLC0415 - takes a tenth of a second and 7 MiB

            self._client = httpx.AsyncClient()
        return getattr(self._client, name)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def lazy_client() -> "httpx.AsyncClient":
    return cast("httpx.AsyncClient", LazyClient())
