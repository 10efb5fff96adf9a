"""Pages for requests that do not reach the app: malformed, too large, too slow, or one too many.

The server sends them itself (`kit/http/refusals.py`), at a time when it may be full, so they need
no template and no other service.
"""

from collections.abc import Mapping
from html import escape

from functions.kit.base.language import preferred
from functions.kit.http.refusals import Document, Refusal
from functions.storefront.assets import static_url
from functions.storefront.domain.paths import LANGUAGES
from functions.storefront.translations import N_, translations

TEXTS = {
    "malformed-request": (
        N_("This does not work"),
        N_("The address or the form is not one that this shop understands."),
    ),
    "head-too-large": (
        N_("Too much at once"),
        N_("Your browser sends too much. Delete this shop's cookies, and try again."),
    ),
    "target-too-long": (
        N_("Too much at once"),
        N_("The address of this page is too long. Search for fewer words."),
    ),
    "request-timeout": (
        N_("That took too long"),
        N_("Your request arrived too slowly. Look at your connection, and try again."),
    ),
}
"""Title and text by the code of the refusal."""
BUSY = (
    N_("Too many visitors at the moment"),
    N_("The shop is full. Nothing was changed. Try again in a few seconds."),
)
"""Of a server that has no room, or that ends."""

PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · {shop}</title>
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="{style}">
</head>
<body>
<header class="top"><div class="bar"><a class="brand" href="/{language}">{shop}</a></div></header>
<main id="content">
<div class="narrow problem-page">
<h1>{title}</h1>
<p>{text}</p>
<p class="actions"><a class="button" href="/{language}">{home}</a></p>
</div>
</main>
</body>
</html>
"""


def refusal_page(
    refusal: Refusal, path: str, accept_language: str, security_headers: Mapping[str, str]
) -> Document:
    in_path = path.split("/", 2)[1] if path.startswith("/") else ""
    language = in_path if in_path in LANGUAGES else preferred(accept_language)
    gettext = translations(language).gettext
    title, text = TEXTS.get(refusal.code, BUSY)
    page = PAGE.format(
        language=language,
        title=escape(gettext(title)),
        text=escape(gettext(text)),
        shop=escape(gettext(N_("Bookstore"))),
        home=escape(gettext(N_("To the home page"))),
        style=static_url("shop.css"),
    )
    return Document(page.encode(), "text/html; charset=utf-8", language, security_headers)
