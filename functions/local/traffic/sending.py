"""Requests of the traffic: each is counted, and one that changes something is sent until answered.

A change carries an Idempotency-Key, so it is sent again after a 503 or a broken connection and has
its effect once. A reader does not wait: a page that cannot be shown is counted and left.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import httpx

from functions.local.traffic.figures import Figures, Outcome

PATIENCE = 90.0
"""Seconds for which a change is sent again."""
_LONGEST_PAUSE = 3.0
_TIMEOUT = 30.0

MAX_CONNECTIONS = 200


class Unanswered(Exception):
    """A request that got no answer, or a 5xx: what became of it is not known."""


class Sender:
    def __init__(self, urls: Mapping[str, str], figures: Figures) -> None:
        self.urls = urls
        self.figures = figures
        self._http = httpx.AsyncClient(
            trust_env=False,
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=2.0),
            headers={"user-agent": "bookstore-traffic", "accept-language": "en"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def read(self, kind: str, service: str, path: str, **request: Any) -> httpx.Response:
        """Raises `Unanswered`."""
        response = await self._once(kind, "GET", service, path, request)
        if response is None or response.is_server_error:
            raise Unanswered
        return response

    async def change(
        self, kind: str, method: str, service: str, path: str, **request: Any
    ) -> httpx.Response:
        """Sent until it is answered. Raises `Unanswered` after `PATIENCE`."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        pause = 0.1
        while True:
            response = await self._once(kind, method, service, path, request)
            again = response is None or response.is_server_error or _in_progress(response)
            if response is not None and not again:
                return response
            if asyncio.get_running_loop().time() + pause > deadline:
                raise Unanswered
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(
        self, kind: str, method: str, service: str, path: str, request: Mapping[str, Any]
    ) -> httpx.Response | None:
        """None where no answer arrived."""
        headers = dict(request.get("headers", {}))
        if (token := request.get("token")) is not None:
            headers["authorization"] = f"Bearer {token}"
        if (key := request.get("key")) is not None:
            headers["idempotency-key"] = key
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            response = await self._http.request(
                method, self.urls[service] + path, headers=headers, json=request.get("json")
            )
        except httpx.TransportError:
            self.figures.record(kind, Outcome.AWAY, loop.time() - began)
            return None
        outcome = _outcome(response.status_code)
        self.figures.record(kind, outcome, loop.time() - began)
        if outcome is Outcome.FAILED:
            self.figures.failures[f"{method} {service} {kind}: {response.status_code}"] += 1
        return response


def _outcome(status: int) -> Outcome:
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return Outcome.AWAY
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Outcome.FAILED
    return Outcome.REFUSED if status >= httpx.codes.BAD_REQUEST else Outcome.ANSWERED


def _in_progress(response: httpx.Response) -> bool:
    """Whether the first request of this key is still being answered, or a book still arrives."""
    if response.status_code != httpx.codes.CONFLICT or "retry-after" not in response.headers:
        return False
    return code_of(response) in {"in-progress", "book-not-ready"}


def code_of(response: httpx.Response) -> str:
    """The `code` of a problem document; empty for anything else."""
    try:
        code = response.json().get("code")
    except (ValueError, AttributeError):
        return ""
    return code if isinstance(code, str) else ""
