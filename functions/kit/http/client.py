"""httpx, imported when the first request needs it: a cold start and most processes never do."""

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import httpx


class LazyClient:
    """Stands for an `httpx.AsyncClient` that is made at its first use."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    def __getattr__(self, name: str) -> Any:
        if self._client is None:
            import httpx  # noqa: PLC0415 - a tenth of a second, and 7 MiB

            self._client = httpx.AsyncClient()
        return getattr(self._client, name)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def lazy_client() -> "httpx.AsyncClient":
    return cast("httpx.AsyncClient", LazyClient())
