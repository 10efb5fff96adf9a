"""The requests of the tour: each is sent, printed as a curl command, and its response checked.

A response that differs from what the step describes raises ShopError, which ends the tour.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from functions.local.client import Client
from functions.local.console import Console
from functions.local.errors import ShopError

# Prices keep their digits: 12.50, not 12.5.
_encoder = msgspec.json.Encoder(decimal_format="number")

_PRINTED_ENTRIES = 5
"""Of a list."""
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Caller:
    variable: str
    """The shell variable that replaces the token in the printed curl command."""
    token: str = field(repr=False)


@dataclass(frozen=True)
class ParsedResponse:
    status: int
    body: Any
    """Fractional numbers as Decimal: prices are compared to the cent."""
    raw: bytes

    def __getitem__(self, name: str) -> Any:
        if not isinstance(self.body, dict) or name not in self.body:
            raise ShopError(
                f"The response has no {name!r}: {self.raw.decode(errors='replace')[:500]}"
            )
        return self.body[name]


class TourRequests:
    def __init__(self, console: Console, client: Client) -> None:
        self._console = console
        self._client = client

    def remark(self, text: str) -> None:
        self._console.remark(text)

    async def send(
        self,
        expected: int,
        method: str,
        service: str,
        path: str,
        *,
        caller: Caller | None = None,
        body: Mapping[str, object] | None = None,
        key: str | None = None,
        as_form: bool = False,
        show: tuple[str, ...] = (),
    ) -> ParsedResponse:
        """Sends, prints and checks the status; `show` names the printed fields.

        With `as_form`, the content type is the one that curl sends with -d, not that of JSON.
        """
        text = None if body is None else json.dumps(body, ensure_ascii=False)
        headers = {} if text is None else {"Content-Type": "application/json"}
        if as_form:
            headers["Content-Type"] = _FORM
        if key is not None:
            headers["Idempotency-Key"] = key
        url = self._client.urls[service] + path
        self._console.print(f"   $ {_curl(method, url, headers, caller, text)}")
        response = await self._client.request(
            method,
            service,
            path,
            token=caller.token if caller else None,
            content=None if text is None else text.encode(),
            headers=headers,
        )
        parsed = _read(response)
        self._console.print(f"     {parsed.status} {_summary(parsed, show)}")
        if parsed.status != expected:
            raise ShopError(
                f"{method} {url} responded with {parsed.status} instead of {expected}: "
                f"{response.text[:500]}"
            )
        return parsed

    async def read(
        self, service: str, path: str, *, caller: Caller | None = None
    ) -> ParsedResponse:
        """GET, without printing, for polling."""
        token = caller.token if caller else None
        return _read(await self._client.request("GET", service, path, token=token))


def require_equal(what: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise ShopError(f"{what} should be {expected!r} but is {actual!r}.")


def _read(response: httpx.Response) -> ParsedResponse:
    try:
        body = json.loads(response.content, parse_float=Decimal) if response.content else None
    except ValueError as error:
        raise ShopError(
            f"{response.url} did not respond with JSON: {response.text[:300]}"
        ) from error
    return ParsedResponse(response.status_code, body, response.content)


def _curl(
    method: str, url: str, headers: Mapping[str, str], caller: Caller | None, text: str | None
) -> str:
    words = ["curl"]
    if method != "GET":
        words.append(f"-X {method}")
    words.append(shlex.quote(url))
    if caller is not None:
        words.append(f'-H "Authorization: Bearer ${caller.variable}"')
    for name, value in headers.items():
        if value != _FORM:
            words.append(f"-H {shlex.quote(f'{name}: {value}')}")
    if text is not None:
        words.append(f"-d {shlex.quote(text)}")
    return " ".join(words)


def _summary(parsed: ParsedResponse, names: tuple[str, ...]) -> str:
    printed: object = parsed.body
    mark = ""
    if isinstance(printed, dict):
        # For an error its reason; the field `status` of an error is the HTTP status.
        refused = ("code", "error", *(name for name in names if name != "status"))
        chosen = names if parsed.status < 400 else refused
        fields = {name: printed[name] for name in chosen if name in printed}
        mark = _mark("field", "", len(printed) - len(fields))
        printed = fields
    elif isinstance(printed, list):
        few = [
            {name: one[name] for name in names if name in one} for one in printed[:_PRINTED_ENTRIES]
        ]
        left_out = max(
            (len(one) - len(part) for one, part in zip(printed, few, strict=False)), default=0
        )
        mark = _mark("field", " each", left_out) + _mark("entry", "", len(printed) - len(few))
        printed = few
    return msgspec.json.format(_encoder.encode(printed), indent=0).decode() + mark


def _mark(what: str, where: str, left_out: int) -> str:
    """How much of the response is not printed."""
    plural = what if left_out == 1 else {"entry": "entries"}.get(what, f"{what}s")
    return f"  … {left_out} more {plural}{where}" if left_out > 0 else ""
