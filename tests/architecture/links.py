"""`nox -s links`: asks every other site that the documentation links to, once.

CI does not run it, because other sites may be away; a scheduled workflow does.
"""

import re
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.architecture import markdown

AT_ONCE = 8
NOT_SITES = re.compile(
    r"https?://(127\.0\.0\.1|localhost|[^/]*\.example(\.|/|:|$)|[^/]*example\.(com|org))"
)
"""Addresses of the reader's own machine, and of examples."""
ACCEPTED = {401, 403, 405, 429}
"""Answers of a page that is there, to a client that is not a browser."""


def main() -> int:
    found = {link for page in markdown.pages() for link in markdown.links(page)}
    wanted = sorted(
        link
        for link in found
        if link.startswith(("http://", "https://")) and not NOT_SITES.match(link)
    )
    with (
        httpx.Client(follow_redirects=True, timeout=30.0) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        wrong = [problem for problem in pool.map(lambda link: ask(client, link), wanted) if problem]
    print(f"{len(wanted)} links, {len(wrong)} wrong", *wrong, sep="\n")
    return 1 if wrong else 0


def ask(client: httpx.Client, link: str) -> str:
    """What is wrong with a link; empty where nothing is."""
    try:
        status = client.get(link).status_code
    except httpx.HTTPError as error:
        return f"{link}: {error!r}"
    return "" if status < 400 or status in ACCEPTED else f"{link}: {status}"


if __name__ == "__main__":
    sys.exit(main())
