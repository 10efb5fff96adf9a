"""The pages of the tour: each request is printed as a curl command, each page is read and checked.

They are asked for in the language of the terminal (LC_ALL, LC_MESSAGES, LANG). A page that differs
from what the step describes raises ShopError, which ends the tour.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urlsplit

import httpx

from functions.local.console import Console
from functions.local.errors import ShopError

_CHOSEN = {"radio": "checked", "checkbox": "checked"}
_JAR = "-b jar -c jar"


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    """As they would be sent if nothing were filled in."""


@dataclass
class Link:
    path: str
    text: str = ""


class Page(HTMLParser):
    """What the tour needs of a page: heading, messages, links and forms."""

    def __init__(self, status: int, path: str, html: str) -> None:
        super().__init__()
        self.status, self.path = status, path
        self.heading = ""
        self.messages: list[str] = []
        self.text = ""
        self.links: list[Link] = []
        self.forms: list[Form] = []
        self._open: list[str] = []
        self._link: Link | None = None
        self._select: str | None = None
        self.feed(html)

    def link(self, prefix: str) -> Link:
        """The first link that leads to a path which begins so."""
        for link in self.links:
            if link.path.startswith(prefix):
                return link
        raise ShopError(f"{self.path} has no link to {prefix}...")

    def form(self, action: str) -> Form:
        for form in self.forms:
            if urlsplit(form.action).path == action:
                return form
        raise ShopError(f"{self.path} has no form for {action}. It says: {self.text[:300]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._link = Link(given.get("href", ""))
            self.links.append(self._link)
        elif tag == "form":
            self.forms.append(Form(given.get("action", "")))
        elif tag == "select":
            self._select = given.get("name")
        elif tag == "option" and self._select is not None and self.forms:
            fields = self.forms[-1].fields
            if "selected" in given or self._select not in fields:
                fields[self._select] = given.get("value", "")
        elif tag == "input" and self.forms and given.get("name"):
            wanted = _CHOSEN.get(given.get("type", "text"))
            if wanted is None or wanted in given:
                self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag in {"h1", "p"}:
            self._open.append("h1" if tag == "h1" else given.get("class", ""))
            if "message" in given.get("class", "").split():
                self.messages.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = None
        elif tag == "select":
            self._select = None
        elif tag in {"h1", "p"} and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        if not words:
            return
        self.text = f"{self.text} {words}".strip()
        if self._link is not None:
            self._link.text = f"{self._link.text} {words}".strip()
        if self._open and self._open[-1] == "h1":
            self.heading = f"{self.heading} {words}".strip()
        elif self._open and "message" in self._open[-1].split():
            self.messages[-1] = f"{self.messages[-1]} {words}".strip()


class TourBrowser:
    """Keeps cookies, follows redirects, prints what it does."""

    def __init__(self, console: Console, url: str) -> None:
        self._console = console
        self.url = url
        self._http = httpx.AsyncClient(
            trust_env=False, timeout=60.0, headers={"accept-language": language_of(os.environ)}
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def answers(self) -> bool:
        try:
            return (await self._http.get(self.url + "/livez")).is_success
        except httpx.TransportError:
            return False

    def remark(self, text: str) -> None:
        self._console.remark(text)

    async def get(self, path: str) -> Page:
        return await self._go("GET", path, None)

    async def send(self, form: Form, **typed: str) -> Page:
        """Send a form of the page that was read last, with some fields filled in."""
        return await self._go("POST", form.action, {**form.fields, **typed})

    async def _go(self, method: str, path: str, fields: Mapping[str, str] | None) -> Page:
        while True:
            self._console.print(f"   $ {_curl(self.url + path, method, fields)}")
            try:
                response = await self._http.request(method, self.url + path, data=fields)
            except httpx.TransportError as error:
                raise ShopError(f"{self.url + path}: {type(error).__name__}: {error}") from error
            location = response.headers.get("location")
            if location is None:
                break
            self._console.print(f"     {response.status_code}, go on at {location}")
            method, path, fields = "GET", location, None
        page = Page(response.status_code, path, response.text)
        self._console.print(f"     {page.status} {page.heading}")
        for message in page.messages:
            self._console.print(f"     “{message}”")
        if page.status != httpx.codes.OK:
            raise ShopError(
                f"{self.url + path} responded with {page.status} instead of 200: {page.text[:500]}"
            )
        return page


def language_of(environ: Mapping[str, str]) -> str:
    """`es` or `en`, by the first of the variables that is set (POSIX's order)."""
    locales = (environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "es" if next(filter(None, locales), "").startswith("es") else "en"


def _curl(url: str, method: str, fields: Mapping[str, str] | None) -> str:
    words = [f"curl {_JAR} {shlex.quote(url)}"]
    if method == "POST":
        words += [_option(name, value) for name, value in (fields or {}).items()] or ["-d ''"]
    return " ".join(words)


def _option(name: str, value: str) -> str:
    if name == "password":
        return '--data-urlencode "password=$PASSWORD"'
    return f"--data-urlencode {shlex.quote(f'{name}={value}')}"
