"""What only the storefront's image holds: what is made of its pages at build, and Jinja.

Its container is a process with the image's packages and none of this machine's. It asks the
services of a local shop, and a visitor goes through every page in both languages.
"""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from functions.storefront.back_office import AREAS
from tests.cluster.dockerfile import Stage
from tests.cluster.manifests import SERVICES
from tests.cluster.running_images import (
    PYTHONS,
    BuildImage,
    environment,
    files_of,
    run,
    started,
)
from tests.servers.programs import free_port
from tests.storefront.browser.running import RunningShop, running_shop
from tests.storefront.browser.steps import ADDRESS, PASSWORD

PACKAGES = {"jinja2", "markupsafe"}
FOLDER = "/app/functions/storefront"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
MAX_EXTRA = 5
"""MiB of packages that the other images do not hold."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    with running_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture(scope="module", params=PYTHONS)
def image(request: pytest.FixtureRequest, built: BuildImage) -> Stage:
    return built("storefront", request.param)


def test_the_other_images_do_not_pay_for_it(built: BuildImage) -> None:
    """Their packages are those of the storefront without Jinja, which takes 5 MiB at most."""
    other = {path.name for path in built("catalog", "this").path("/site").iterdir()}
    site = built("storefront", "this").path("/site")
    own = {path for path in site.iterdir() if path.name not in other}
    size = sum(file.stat().st_size for path in own for file in path.rglob("*") if file.is_file())

    assert {path.name for path in own if ".dist-info" not in path.name} == PACKAGES
    assert other - {path.name for path in site.iterdir()} == set()
    assert size < MAX_EXTRA * 1024 * 1024


def test_every_file_is_compressed(image: Stage) -> None:
    """By brotli, beside the file that clients without it get."""
    static = image.path(f"{FOLDER}/static")
    names = {path.name for path in static.iterdir()}
    files = {name for name in names if not name.endswith(".br")}

    assert files
    assert {f"{name}.br" for name in files} == names - files


def test_every_catalogue_is_compiled(image: Stage) -> None:
    """A cold start compiles none."""
    sources = sorted(image.path(f"{FOLDER}/locale").rglob("*.po"))

    assert sources
    assert [path for path in sources if not path.with_suffix(".mo").is_file()] == []


async def test_every_template_is_compiled(image: Stage, scratch: Path) -> None:
    """Each loads in each language where the templates' sources cannot be read."""
    folder = image.path(f"{FOLDER}/templates")
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html"))
    program = (
        "from jinja2 import ModuleLoader\n"
        "from functions.storefront import rendering\n"
        "from functions.kit.base.catalogues import LOCALES\n"
        "for language in LOCALES:\n"
        "    environment = rendering.environment(language)\n"
        "    assert type(environment.loader) is ModuleLoader\n"
        f"    for name in {names}:\n"
        "        assert environment.get_template(name).root_render_func\n"
    )
    process = await run(image, environment(image, scratch), "python", "-c", program)

    assert names
    assert await process.wait() == 0


class Forms(HTMLParser):
    """The forms of a page that are sent by POST, by their action, as they are filled in already."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "form":
            self._fields = {}
            if given.get("method") == "post":
                self.found[given["action"] or ""] = self._fields
        elif tag == "input" and (name := given.get("name")):
            if given.get("type") != "radio" or "checked" in given:
                self._fields[name] = given.get("value") or ""
            else:
                self._fields.setdefault(name, given.get("value") or "")


class Visitor:
    """A client that sends the forms of the last page, and remembers the files that pages name."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.files: set[str] = set()
        self.forms: dict[str, dict[str, str]] = {}

    async def see(self, path: str, status: int = 200) -> None:
        """A page, or the one below it that it leads to."""
        response = await self.client.get(path, follow_redirects=True)

        assert response.status_code == status, f"{path}: {response.text[:2000]}"
        assert response.url.raw_path.decode().startswith(path), path
        self.files |= set(re.findall(r'(?:href|src)="(/(?:static|covers)/[^"]+)"', response.text))
        self.forms = Forms(response.text).found

    async def send(self, path: str, **fields: str) -> str:
        """Send a form of the page that is seen, and see where it leads; the path of that."""
        data = {**self.forms[path], **fields}
        response = await self.client.post(path, data=data, headers=SAME_ORIGIN)

        assert response.status_code == 303, f"{path}: {response.text[:2000]}"
        await self.see(response.headers["location"])
        return str(response.headers["location"])


async def buy(visitor: Visitor, language: str, email: str) -> None:
    """Through every page of a buyer."""
    home = f"/{language}"
    for path in ("", "/books", "/books?q=a", "/cart", "/sign-in", "/books/1"):
        await visitor.see(home + path)
    await visitor.send(f"{home}/cart/items")
    await visitor.see(f"{home}/register")
    await visitor.send(f"{home}/register", email=email, password=PASSWORD)
    await visitor.see(f"{home}/checkout/address")
    await visitor.send(f"{home}/checkout/address", **ADDRESS, country="CO")
    await visitor.send(f"{home}/checkout/delivery")
    order = await visitor.send(f"{home}/checkout/payment")
    await visitor.see(f"{home}/orders")
    await visitor.see(f"{home}/account")
    await visitor.send(f"{home}/sign-out")

    assert order.startswith(f"{home}/orders/")


async def look_into_back_office(visitor: Visitor, language: str, shop: RunningShop) -> None:
    """Its lists, as an administrator, and an export."""
    admin = json.loads((shop.folder / "data" / "admin.json").read_text("utf-8"))
    await visitor.see(f"/{language}/sign-in")
    await visitor.send(f"/{language}/sign-in", **admin)
    for area in AREAS:
        for entry in area.entries:
            if "admin" in area.roles:
                await visitor.see(f"/{language}/{area.name}/{entry.path}")
    await visitor.see(f"/{language}/staff/books.csv")
    await visitor.see(f"/{language}/account")
    await visitor.send(f"/{language}/sign-out")


async def test_a_visitor_sees_every_page_and_file(
    image: Stage, scratch: Path, shop: RunningShop
) -> None:
    """Nothing is missing from the image, nothing is written, and every file is there compressed."""
    before = files_of(image)
    environ = {
        **environment(image, scratch),
        **{f"{name.upper()}_URL": shop.url(name) for name in SERVICES},
        "ENVIRONMENT": "development",
        "PORT": str(free_port()),
    }
    log = scratch / "log"
    with log.open("wb") as stderr:
        async with started(image, environ, stderr=stderr) as (client, _):
            visitor = Visitor(client)
            for language in ("en", "es"):
                email = f"image-{language}-{image.root.parent.name}@example.org"
                await buy(visitor, language, email)
                await visitor.see(f"/{language}/nothing", status=404)
                await look_into_back_office(visitor, language, shop)
            for path in sorted({*visitor.files, "/robots.txt"}):
                answer = await client.get(path, headers={"accept-encoding": "br"})
                compressed = path.startswith("/static/")

                assert answer.status_code == 200, path
                assert answer.headers.get("content-encoding") == ("br" if compressed else None)
            served = {path for path in visitor.files if path.startswith("/static/")}

    assert len(served) == len(list(image.path(f"{FOLDER}/static").glob("*.br")))
    assert "Traceback" not in log.read_text("utf-8")
    assert files_of(image) == before
