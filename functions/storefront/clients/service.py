"""A client of one service: requests, bounded in time, and refusals as exceptions.

A request ends within the service's time limit and within the page's deadline, even where the answer
arrives byte by byte: httpx's own timeout bounds each read, not the request. httpx is imported with
the first request. Structs are tolerant: members that they do not name are passed over, so that a
service may add some.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from functions.kit.base.tracing import pass_on
from functions.kit.security.visitor_address import VisitorAddress

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

RETRY_AFTER = 5
"""Seconds that a visitor is told to wait where a service names no time."""


class ServiceAway(Exception):
    """A service cannot be reached, answers too late, or answers with a fault of its own."""

    def __init__(
        self, service: str, retry_after: int = RETRY_AFTER, *, status: int | None = None
    ) -> None:
        """`status` is what it has answered, if it has."""
        super().__init__(f"{service} is away")
        self.service = service
        self.retry_after = retry_after
        self.status = status


class FieldProblem(msgspec.Struct, frozen=True):
    field: str
    message: str


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457), as far as pages use it."""

    code: str = ""
    title: str = ""
    detail: str = ""
    errors: list[FieldProblem] = []
    stock_actual: int | None = None


class Refused(Exception):
    """A service refused a request; its text is in the visitor's language."""

    def __init__(
        self, service: str, status: int, problem: Problem, retry_after: int | None
    ) -> None:
        super().__init__(f"{service} refused: {status} {problem.code}")
        self.service = service
        self.status = status
        self.problem = problem
        self.retry_after = retry_after

    @property
    def code(self) -> str:
        return self.problem.code

    @property
    def text(self) -> str:
        """Why, for a visitor; empty where the service speaks of fields of its own API."""
        return "" if self.problem.errors else self.problem.detail

    @property
    def fields(self) -> dict[str, str]:
        """Messages by the name of their field."""
        return {each.field: each.message for each in self.problem.errors}


class Caller(msgspec.Struct, frozen=True):
    """On whose behalf a request is made."""

    language: str
    address: str | None = None
    token: str | None = None
    agent: str | None = None
    """The User-Agent of the visitor's browser, by which auth recognises a device."""
    deadline: float | None = None
    """Until when the page waits for all answers that it needs, in the loop's time."""


class Answer:
    """A response that is not a refusal."""

    def __init__(self, service: str, response: "httpx.Response") -> None:
        self._service = service
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def next_cursor(self) -> str | None:
        """The `after` of the next page, from the Link header."""
        link = self._response.links.get("next")
        if link is None:
            return None
        import httpx  # noqa: PLC0415 - loaded already: it has made the response

        cursor: str | None = httpx.URL(link["url"]).params.get("after")
        return cursor

    def read(self, kind: type[T]) -> T:
        """The body as a struct. Raises `ServiceAway` where it is something else."""
        try:
            return msgspec.json.decode(self._response.content, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ServiceAway(self._service) from error


class ServiceClient:
    """Requests to one service."""

    def __init__(
        self,
        name: str,
        url: str,
        http: "httpx.AsyncClient",
        *,
        timeout: float,
        visitors: VisitorAddress | None = None,
    ) -> None:
        """`visitors` signs the address of the visitor; None: the service does not learn it."""
        self.name = name
        self.url = url
        self._http = http
        self._timeout = timeout
        self._visitors = visitors

    async def request(
        self,
        method: str,
        path: str,
        *,
        caller: Caller,
        body: object = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        limit: float | None = None,
    ) -> Answer:
        """Raises `Refused` for a 4xx, `ServiceAway` for a 5xx, a broken connection or a timeout.

        A repeatable request is sent once more where its connection breaks, as those do that a
        service had kept open before it was restarted. Unless said otherwise those are GET, PUT and
        what has an idempotency key. `limit` is in seconds, where the service's own is too long.
        """
        sent = self._headers(method, path, caller) | dict(headers or {})
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            sent["content-type"] = "application/json"
        given = {name: value for name, value in (params or {}).items() if value is not None}
        if repeatable is None:
            repeatable = method in {"GET", "PUT"} or "idempotency-key" in sent
        response = await self._send(
            {
                "method": method,
                "url": self.url + path,
                "params": given,
                "headers": sent,
                "content": content,
            },
            tries=2 if repeatable else 1,
            until=self._end(caller, limit),
        )
        return self._answer(response)

    async def upload(
        self,
        path: str,
        chunks: AsyncIterator[bytes],
        *,
        caller: Caller,
        content_type: str,
        params: Mapping[str, Any],
        limit: float,
    ) -> Answer:
        """POST a body as it arrives, once; `limit` is in seconds. Raises as `request` does."""
        sent = self._headers("POST", path, caller) | {"content-type": content_type}
        given = {name: value for name, value in params.items() if value is not None}
        request = {
            "method": "POST",
            "url": self.url + path,
            "params": given,
            "headers": sent,
            "content": chunks,
        }
        until = asyncio.get_running_loop().time() + limit
        return self._answer(await self._send(request, tries=1, until=until, timeout=limit))

    def _headers(self, method: str, path: str, caller: Caller) -> dict[str, str]:
        sent = {"accept": "application/json", "accept-language": caller.language}
        if caller.token is not None:
            sent["authorization"] = f"Bearer {caller.token}"
        if self._visitors is not None:
            sent |= self._visitors.headers(self.name, method, path, caller.address)
            if caller.agent:
                sent["user-agent"] = caller.agent
        pass_on(sent)
        return sent

    def _answer(self, response: "httpx.Response") -> Answer:
        """Raises `Refused` or `ServiceAway`."""
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return Answer(self.name, response)
        retry_after = _seconds(response.headers.get("retry-after"))
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ServiceAway(self.name, retry_after or RETRY_AFTER, status=response.status_code)
        try:
            problem = msgspec.json.decode(response.content, type=Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ServiceAway(self.name) from error
        raise Refused(self.name, response.status_code, problem, retry_after)

    def _end(self, caller: Caller, limit: float | None) -> float:
        own = self._timeout if limit is None else min(limit, self._timeout)
        end = asyncio.get_running_loop().time() + own
        return end if caller.deadline is None else min(end, caller.deadline)

    async def _send(
        self,
        request: Mapping[str, Any],
        *,
        tries: int,
        until: float,
        timeout: float | None = None,  # noqa: ASYNC109 - of each read, for httpx
    ) -> Any:
        """The response. Raises `ServiceAway`."""
        import httpx  # noqa: PLC0415 - a tenth of a second, which a start need not wait for

        try:
            async with asyncio.timeout_at(until):
                while True:
                    tries -= 1
                    try:
                        return await self._http.request(**request, timeout=timeout or self._timeout)
                    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                        # Where nothing listens, nothing will a moment later.
                        if tries == 0 or isinstance(error, httpx.ConnectError):
                            raise
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise ServiceAway(self.name) from error


def _seconds(header: str | None) -> int | None:
    if header is None or not header.isascii() or not header.isdecimal():
        return None
    return min(int(header[:6]), 3600)
