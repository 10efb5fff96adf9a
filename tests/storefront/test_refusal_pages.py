"""Requests that do not reach the app: the visitor sees a page, in a language of the shop."""

import pytest

from functions.storefront.app import SECURITY_HEADERS, create_app
from functions.storefront.settings import StorefrontSettings
from tests.kit.http.test_connections import listening

CASES = {
    "malformed": (b"GET /es/books HTTP/1.1\r\nno header\r\n\r\n", 400, "es", "Esto no funciona"),
    "a long address": (b"GET /en?" + b"q" * 40_000, 414, "en", "Search for fewer words."),
    "large cookies": (
        b"GET /en HTTP/1.1\r\nhost: shop.test\r\ncookie: " + b"c" * 40_000,
        431,
        "en",
        "Delete this shop&#x27;s cookies",
    ),
    "no path": (b"GET books HTTP/1.1\r\nhost: shop.test\r\n\r\n", 400, "es", "Esto no funciona"),
    "a language that is asked for": (
        b"GET books HTTP/1.1\r\nhost: shop.test\r\naccept-language: en\r\n\r\n",
        400,
        "en",
        "This does not work",
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_request_that_the_server_refuses_is_answered_by_a_page(name: str) -> None:
    """With the shop's own headers, its style, and the way back."""
    sent, status, language, text = CASES[name]
    app = create_app(StorefrontSettings.from_mapping({}))
    async with listening(app) as (_, connect):
        wire = await connect()
        await wire.send(sent)
        answer = await wire.answer()

    page = answer.body.decode()
    assert answer.status == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-language"] == language
    assert answer.headers["content-security-policy"] == SECURITY_HEADERS["content-security-policy"]
    assert f'<html lang="{language}">' in page
    assert text in page
    assert f'href="/{language}">' in page
    assert '<link rel="stylesheet" href="/static/shop.' in page
