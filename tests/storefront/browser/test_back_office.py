"""The back office in Chromium: every page for everybody, on a phone and on a desktop."""

import gzip
import json
import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from functions.storefront.assets import assets
from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.running import RunningShop
from tests.storefront.browser.test_quality import MAX_CSS, MAX_HTML, MAX_JS, check

PAGES = (
    *("staff/orders", "staff/deliveries/to-assign", "staff/deliveries/delivered"),
    "staff/payments",
    *("staff/books", "staff/books/3", "staff/books/3/retire", "staff/books/new", "staff/import"),
    *("staff/providers", "staff/providers/1", "staff/providers/new"),
    "admin/operations",
    "admin/operations/purchase",
    "admin/dead-letters",
    "admin/dead-letters/catalog",
    "admin/users",
    "admin/users/1",
    "admin/keys",
    "admin/keys/rotate",
    *("staff/reviews", "staff/reviews?state=published"),
    "staff/sellers",
)
"""As an administrator sees them, on the books that `nox -s dev` adds."""


def sign_in(page: Page, shop: RunningShop, language: str = "en") -> None:
    """As the administrator of `nox -s dev`."""
    admin = json.loads((shop.folder / "data" / "admin.json").read_text("utf-8"))
    page.goto(f"/{language}/sign-in")
    page.fill("#f-email", admin["email"])
    page.fill("#f-password", admin["password"])
    page.click("main form button")
    expect(page).to_have_url(re.compile("/account$"))


@pytest.mark.parametrize(
    ("language", "width", "scheme"),
    [("es", 320, "light"), ("en", 320, "dark"), ("en", 1280, "light"), ("es", 1280, "dark")],
)
def test_the_pages_are_accessible(
    open_page: OpenPage, shop: RunningShop, language: str, width: int, scheme: str
) -> None:
    """axe-core finds nothing, no page is wider than its window, and each is small."""
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    sign_in(page, shop, language)
    problems = []
    for path in PAGES:
        page.goto(f"/{language}/{path}")
        name = re.sub(r"\W+", "-", path)
        problems += check(page, f"office-{name}-{language}-{width}-{scheme}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            problems.append(f"{path} is wider than {width}")
        if len(gzip.compress(page.content().encode(), 9)) > MAX_HTML:
            problems.append(f"{path} is too large")

    assert problems == []


FILE = """title,author,isbn,price,stock
Los ríos profundos ({language}),José María Arguedas,,8.50,3
,Nadie,,1,1
"""


@pytest.mark.parametrize(("language", "script"), [("en", True), ("es", False)])
def test_a_day_of_a_member_of_staff(
    open_page: OpenPage, shop: RunningShop, language: str, *, script: bool
) -> None:
    """Changes a price in the list, imports a file twice, retires a book and brings it back."""
    page = open_page(java_script_enabled=script)
    sign_in(page, shop, language)
    page.click("header a[href$='/back-office']")
    page.fill("#n-q", "dubliners")
    page.click("form[role='search'].narrow-down button")
    row = page.locator(".rows tbody tr")
    row.locator("input[name='price']").fill("11,25" if script else "11.75")
    row.locator("form[action$='/price'] button").click()
    expect(page.locator(".message.success")).to_be_visible()
    expect(page).to_have_url(re.compile("q=dubliners"))
    expect(row.locator("input[name='price']")).to_have_value("11.25" if script else "11.75")

    page.goto(f"/{language}/staff/import")
    for attempt in range(2):
        content = FILE.format(language=language).encode()
        file: FilePayload = {"name": "books.csv", "mimeType": "text/csv", "buffer": content}
        page.set_input_files("#f-file", files=[file])
        page.click(".work form button")
        # With a script the report of the first file gives way to that of the second one.
        counts = ["0", "0", "1", "1"] if attempt else ["1", "0", "0", "1"]
        for place, count in enumerate(counts):
            expect(page.locator(".facts dd").nth(place)).to_have_text(count)
    with page.expect_download() as download:
        page.click("a[download]")

    column = "title" if language == "en" else "título"
    assert f"3,{column}," in download.value.path().read_text("utf-8")

    page.goto(f"/{language}/staff/books?q=profundos+{language}")
    page.click(".rows tbody th a")
    path = page.url
    page.click("a[href$='/retire']")
    page.click(".work form button.danger")
    expect(page).to_have_url(path)
    expect(page.locator(".head .state.bad")).to_be_visible()
    gone = page.goto(path.replace("/staff", ""))

    assert gone is not None
    assert gone.status == 410
    page.goto(path)
    page.click("form[action$='/restore'] button")
    expect(page.locator(".message.success")).to_be_visible()
    back = page.goto(path.replace("/staff", ""))

    assert back is not None
    assert back.status == 200


def test_a_file_that_is_refused_can_be_chosen_anew(open_page: OpenPage, shop: RunningShop) -> None:
    """Without a page load: the reason is beside the field, which has the focus."""
    page = open_page()
    sign_in(page, shop)
    page.goto("/en/staff/import")
    page.evaluate("document.body.dataset.same = 'yes'")
    wrong: FilePayload = {
        "name": "books.xlsx",
        "mimeType": "text/csv",
        "buffer": b"PK\x03\x04" + b"x" * 90,
    }
    page.set_input_files("#f-file", files=[wrong])
    page.click(".work form button")
    expect(page.locator("#p-file")).to_contain_text("Excel")
    expect(page.locator("#f-file")).to_be_focused()

    assert page.evaluate("document.body.dataset.same") == "yes"


def test_styles_and_scripts_are_small() -> None:
    """All of them together, compressed: those of the shop and of the back office."""
    sizes = {name: len(gzip.compress(asset.content, 9)) for name, asset in assets().items()}

    assert sum(size for name, size in sizes.items() if name.endswith(".css")) <= MAX_CSS
    assert sum(size for name, size in sizes.items() if name.endswith(".js")) <= MAX_JS
