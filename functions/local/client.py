"""Talks to a running shop over its public doors, and waits out what passes.

A service that is being started again answers a moment later, so connection errors and 503
are tried again for a while. Nothing is done twice by that: whatever the runner and the tour
send carries an Idempotency-Key, has the same effect again, or is refused the second time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

import httpx

from functions.local.errors import ShopError

PATIENCE_SECONDS = 30.0

_PAUSE_SECONDS = 0.2


class Client:
    def __init__(self, urls: Mapping[str, str]) -> None:
        self.urls = urls
        # No connection is kept: one whose service was killed would fail at its next use.
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
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                response = await self._http.request(
                    method, url, headers=headers, json=json, content=content
                )
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return response
                problem = "it answered 503"
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            if asyncio.get_running_loop().time() > deadline:
                raise ShopError(f"{method} {url}: no answer in {PATIENCE_SECONDS:g} s: {problem}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def expect(
        self, status: int, method: str, service: str, path: str, **request: Any
    ) -> httpx.Response:
        response = await self.request(method, service, path, **request)
        if response.status_code != status:
            raise ShopError(
                f"{method} {self.urls[service]}{path} answered {response.status_code} where "
                f"{status} was expected: {response.text[:500]}"
            )
        return response


async def until(
    what: str, holds: Callable[[], Awaitable[bool]], *, seconds: float = PATIENCE_SECONDS
) -> None:
    """Waits for what events bring about; raises ShopError when it does not come."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await holds():
        if asyncio.get_running_loop().time() > deadline:
            raise ShopError(f"Waited {seconds:g} s in vain for this: {what}.")
        await asyncio.sleep(0.1)
