"""Where a visitor may be sent: pages of this shop, and nothing else."""

from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.storefront.domain.paths import MAX_NEXT, in_other_language, local_path


@pytest.mark.parametrize(
    "path", ["/es", "/en/books/3", "/es/books?q=mar&sort=title", "/en/checkout/payment?address=1"]
)
def test_a_page_of_the_shop_is_a_way_back(path: str) -> None:
    """As it was, with its query."""
    assert local_path(path) == path


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "//evil.example",
        "/\\evil.example",
        "/en//evil.example",
        "https://evil.example/en",
        "javascript:alert(1)",
        "/en/\nset-cookie: a=b",
        "/en/books\\..",
        "/fr/books",
        "/english",
        "/en/" + "a" * MAX_NEXT,
        "/en/ñ",
        " /en",
        "/en/@evil.example",
        "/en/../fr",
        "/en/..",
        "/en/./books",
        "/en/%2e%2E/metrics",
        "/en/.%2e/metrics",
        "/en/..%2fmetrics",
        "http://[",
    ],
)
def test_anything_else_is_none(text: str | None) -> None:
    """Other hosts, schemes, tricks of browsers, and what does not fit into a header."""
    assert local_path(text) is None


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(["/", ".", "..", "%2e", "%2F", "\\", "books", "?", "#"])).map(
            "".join
        ),
    )
)
def test_a_way_back_always_stays_here(text: str) -> None:
    """Whatever comes after the language, and however a browser resolves it."""
    path = local_path("/en/" + text)

    assert path is None or (path.startswith("/en") and path.isascii())
    resolved = urlsplit(urljoin("http://shop.test/", unquote((path or "/en").partition("?")[0])))

    assert resolved.netloc == "shop.test"
    assert resolved.path.split("/")[1] == "en"


def test_a_page_in_the_other_language_is_the_same_page() -> None:
    """Only the first segment changes."""
    assert in_other_language("/es/books/3", "a=1", "en") == "/en/books/3?a=1"
    assert in_other_language("/es", "", "en") == "/en"
    assert in_other_language("/es/", "q=a", "en") == "/en?q=a"
