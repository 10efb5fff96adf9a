"""The first purchase of both READMEs, typed as it stands there, buys a book."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from functions.local.ports import SERVICES, Ports
from tests.architecture import markdown
from tests.architecture.services import ROOT
from tests.journeys.shop_in_process import ShopInProcess, open_shop

READMES = {"en": (ROOT / "README.md", "A first purchase by HTTP"),
           "es": (ROOT / "README.es.md", "Una primera compra por HTTP")}  # fmt: skip


class Request(NamedTuple):
    service: str
    method: str
    path: str
    headers: dict[str, str]
    body: str | None


def commands(page: Path, title: str) -> list[str]:
    """The lines of a section that begin with curl."""
    section = markdown.sections(page)[title]
    return [line.removeprefix("$ ") for line in section.splitlines() if line.startswith("$ curl")]


def request(command: str) -> Request:
    """What curl would send; with `-d` it says that the body is a form."""
    words = iter(shlex.split(command)[1:])
    method, url, body = "GET", "", None
    headers: dict[str, str] = {}
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name.lower()] = value
            case "-d":
                body = next(words)
                headers["content-type"] = "application/x-www-form-urlencoded"
            case _:
                url = word
    parts = urlsplit(url)
    ports = {Ports().url(name): name for name in SERVICES}
    return Request(ports[f"{parts.scheme}://{parts.netloc}"], method, parts.path, headers, body)


async def send(shop: ShopInProcess, wanted: Request) -> httpx.Response:
    return await shop.clients[wanted.service].request(
        wanted.method, wanted.path, content=wanted.body, headers=wanted.headers
    )


@pytest.mark.parametrize("language", READMES)
async def test_the_commands_of_the_readme_buy_a_book(tmp_path: Path, language: str) -> None:
    """Register, log in, look, buy: each with the port that `nox -s dev` uses."""
    page, title = READMES[language]
    typed = commands(page, title)
    answers, token = [], ""
    async with open_shop(tmp_path) as shop:
        for title in ("Rayuela", "Ficciones", "Pedro Páramo"):
            await shop.sell(title)
        for command in typed:
            answer = await send(shop, request(command.replace("<token>", token)))
            answers.append(answer)
            if "token" in (found := answer.json()):
                token = found["token"]

    assert len(typed) == 4
    assert [answer.status_code for answer in answers] == [201, 200, 200, 201]
    assert answers[-1].json()["purchase_id"] == 1


def test_both_readmes_lead_to_the_same_pages() -> None:
    """Inside of the project, each in its language where there is one, and each to the other."""
    english, spanish = (
        {link for link in markdown.links(page) if not link.startswith("http")}
        for page, _ in READMES.values()
    )

    assert english - spanish == {
        *("README.es.md", "docs/adopting.md", "docs/traffic.md", "docs/tutorial.md")
    }
    assert spanish - english == {
        *("README.md", "docs/adopting.es.md", "docs/traffic.es.md", "docs/tutorial.es.md")
    }


def test_both_readmes_type_the_same() -> None:
    """A command that is corrected in one is corrected in the other, names in capitals aside."""
    typed = [
        re.sub(r"\b[A-Z]{4,}\b|(?<=\S) {2,}#.*", "", "\n".join(markdown.fences(page)))
        for page, _ in READMES.values()
    ]
    consoles = [re.findall(r"^\$ .*?\s*$", each, re.MULTILINE) for each in typed]

    assert consoles[0]
    assert [each.rstrip() for each in consoles[0]] == [each.rstrip() for each in consoles[1]]
