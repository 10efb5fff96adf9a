"""How the tour shows a step: the request as curl, the status, what matters in the answer.

And how it insists: whatever is not as told ends the tour with a sentence.
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

# Prices as they came: 12.50, not 12.5.
_encoder = msgspec.json.Encoder(decimal_format="number")

_FEW = 5
"""Entries of a list that are shown."""
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Person:
    variable: str
    """What stands for the token in the curl that is shown."""
    token: str = field(repr=False)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    """Fractional numbers as Decimal: prices are compared to the cent."""
    raw: bytes

    def __getitem__(self, name: str) -> Any:
        if not isinstance(self.body, dict) or name not in self.body:
            raise ShopError(
                f"The answer has no {name!r}: {self.raw.decode(errors='replace')[:500]}"
            )
        return self.body[name]


class Guide:
    def __init__(self, console: Console, client: Client) -> None:
        self._console = console
        self._client = client

    def tell(self, text: str) -> None:
        self._console.say(f"   {self._console.good('→')} {text}")

    async def ask(
        self,
        expected: int,
        method: str,
        service: str,
        path: str,
        *,
        person: Person | None = None,
        body: Mapping[str, object] | None = None,
        key: str | None = None,
        as_curl_does: bool = False,
        show: tuple[str, ...] = (),
    ) -> Answer:
        """Sends, prints and checks. `as_curl_does`: without saying that the body is JSON."""
        text = None if body is None else json.dumps(body, ensure_ascii=False)
        headers = {} if text is None else {"Content-Type": "application/json"}
        if as_curl_does:
            headers["Content-Type"] = _FORM
        if key is not None:
            headers["Idempotency-Key"] = key
        url = self._client.urls[service] + path
        self._console.say(f"   $ {_curl(method, url, headers, person, text)}")
        response = await self._client.request(
            method,
            service,
            path,
            token=person.token if person else None,
            content=None if text is None else text.encode(),
            headers=headers,
        )
        answer = _read(response)
        self._console.say(f"     {answer.status} {_essence(answer, show)}")
        if answer.status != expected:
            raise ShopError(
                f"{method} {url} answered {answer.status} where {expected} was expected: "
                f"{response.text[:500]}"
            )
        return answer

    async def look(self, service: str, path: str, *, person: Person | None = None) -> Answer:
        """Asks without a word: for what is waited for."""
        token = person.token if person else None
        return _read(await self._client.request("GET", service, path, token=token))


def insist(what: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise ShopError(f"{what} should be {expected!r}, but is {actual!r}.")


def _read(response: httpx.Response) -> Answer:
    try:
        body = json.loads(response.content, parse_float=Decimal) if response.content else None
    except ValueError as error:
        raise ShopError(f"{response.url} answered no JSON: {response.text[:300]}") from error
    return Answer(response.status_code, body, response.content)


def _curl(
    method: str, url: str, headers: Mapping[str, str], person: Person | None, text: str | None
) -> str:
    words = ["curl"]
    if method != "GET":
        words.append(f"-X {method}")
    words.append(shlex.quote(url))
    if person is not None:
        words.append(f'-H "Authorization: Bearer ${person.variable}"')
    for name, value in headers.items():
        if value != _FORM:
            words.append(f"-H {shlex.quote(f'{name}: {value}')}")
    if text is not None:
        words.append(f"-d {shlex.quote(text)}")
    return " ".join(words)


def _essence(answer: Answer, names: tuple[str, ...]) -> str:
    shown: object = answer.body
    mark = ""
    if isinstance(shown, dict):
        # A refusal shows why, an answer what the step is about; `status` means two things.
        refused = ("code", "error", *(name for name in names if name != "status"))
        chosen = names if answer.status < 400 else refused
        chosen_ones = {name: shown[name] for name in chosen if name in shown}
        mark = _mark("field", "", len(shown) - len(chosen_ones))
        shown = chosen_ones
    elif isinstance(shown, list):
        few = [{name: one[name] for name in names if name in one} for one in shown[:_FEW]]
        fields = max(
            (len(one) - len(part) for one, part in zip(shown, few, strict=False)), default=0
        )
        mark = _mark("field", " each", fields) + _mark("line", "", len(shown) - len(few))
        shown = few
    return msgspec.json.format(_encoder.encode(shown), indent=0).decode() + mark


def _mark(what: str, where: str, left_out: int) -> str:
    """Says what the answer has that is not shown."""
    plural = "" if left_out == 1 else "s"
    return f"  … {left_out} more {what}{plural}{where}" if left_out > 0 else ""
