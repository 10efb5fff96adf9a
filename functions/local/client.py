"""A client of the public APIs of a running shop, which retries transient errors.

A restarting service responds a moment later, so connection errors and 503 are retried for a while.
That is safe: each request of the runner and the tour carries an Idempotency-Key, is idempotent, or
is refused the second time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from functions.local.errors import ShopError

RETRY_SECONDS = 30.0

_PAUSE_SECONDS = 0.2


class Client:
    def __init__(self, urls: Mapping[str, str], *, via: str = "") -> None:
        """`via` is HOST:PORT of a gateway that knows the URLs' hosts, where no DNS does."""
        self.urls = urls
        self._via = via
        # Connections are not reused: one to a service that was killed would fail at its next use.
        self._http = httpx.AsyncClient(
            trust_env=False, timeout=30.0, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def request(
        self,
        method: str,
        service: str,
        path: str,
        *,
        token: str | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        headers = dict(headers or {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = self.urls[service] + path
        if self._via:
            headers["Host"] = urlsplit(self.urls[service]).netloc
            url = f"http://{self._via}{path}"
        deadline = asyncio.get_running_loop().time() + RETRY_SECONDS
        while True:
            try:
                response = await self._http.request(
                    method, url, headers=headers, json=json, content=content
                )
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return response
                problem = "the service responds with 503"
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            if asyncio.get_running_loop().time() > deadline:
                raise ShopError(f"{method} {url}: no response in {RETRY_SECONDS:g} s: {problem}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def expect(
        self, status: int, method: str, service: str, path: str, **request: Any
    ) -> httpx.Response:
        response = await self.request(method, service, path, **request)
        if response.status_code != status:
            raise ShopError(
                f"{method} {self.urls[service]}{path} responded with {response.status_code} "
                f"instead of {status}: {response.text[:500]}"
            )
        return response


async def wait_until(
    condition: str, holds: Callable[[], Awaitable[bool]], *, seconds: float = RETRY_SECONDS
) -> None:
    """Waits for the effect of an event. Raises ShopError with `condition` when the time is up."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await holds():
        if asyncio.get_running_loop().time() > deadline:
            raise ShopError(f"Waited {seconds:g} s without result until {condition}.")
        await asyncio.sleep(0.1)
