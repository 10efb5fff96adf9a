"""The storefront with a cluster's settings behind Knative's gateway, in a real Chromium.

The settings are those of the overlays. The gateway is `knative_gateway.py`; the services are those
of the local shop.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.cluster.manifests import SERVICES, SERVING, one, rendered, settings_of
from tests.servers.programs import free_port
from tests.storefront.browser.running import ROOT, RunningShop, chromium
from tests.storefront.browser.steps import put_into_cart, register
from tests.support.independence import NOBODY, peers
from tests.support.knative_gateway import Chain, knative_gateway, self_signed
from tests.support.proxies import activator, domain_mapping, envoy, queue_proxy

HOST = "shop.books.test"
IN_CLUSTER = "storefront.bookstore.svc.cluster.local"
GATEWAY, ACTIVATOR, QUEUE_PROXY = "10.0.1.5", "10.0.2.6", "127.0.0.1"

BY_NAME: Chain = ((envoy(tls=True), GATEWAY), (queue_proxy, QUEUE_PROXY))
FROM_ZERO: Chain = ((envoy(), GATEWAY), (activator, ACTIVATOR), (queue_proxy, QUEUE_PROXY))
MAPPED: Chain = (
    (domain_mapping(IN_CLUSTER, HOST, tls=True), GATEWAY),
    (envoy(), GATEWAY),
    (activator, ACTIVATOR),
    (queue_proxy, QUEUE_PROXY),
)


def in_cluster(overlay: str, shop: RunningShop) -> dict[str, str]:
    """The storefront's environment in an overlay, with the addresses of the local shop."""
    objects = rendered(overlay)
    service = one(objects, "Service", "storefront", SERVING)
    settings = settings_of(objects, service["spec"]["template"]["spec"]["containers"][0])
    services = {f"{name.upper()}_URL": shop.url(name) for name in SERVICES}
    # Addresses of internal APIs are no settings of the storefront; nobody listens there.
    return {
        **dict.fromkeys(peers(), NOBODY),
        **settings,
        **services,
        "SESSION_KEYS": "s" * 40,
        "INTERNAL_SECRET": "i" * 40,
    }


@contextmanager
def storefront(environment: dict[str, str], log: Path) -> Iterator[int]:
    """The port of a process with these settings."""
    port = free_port()
    command = ["-m", "functions.kit.start.serve", "functions.storefront.app:create_app"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, *command, "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            transport = httpx.HTTPTransport(retries=9)
            with httpx.Client(transport=transport, timeout=60) as client:
                client.get(f"http://127.0.0.1:{port}/readyz").raise_for_status()
            yield port
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.parametrize(
    ("overlay", "chain", "cookie"),
    [
        ("eks", BY_NAME, "__Host-session"),
        ("eks", MAPPED, "__Host-session"),
        ("local", FROM_ZERO, "session"),
    ],
    ids=["https by Knative's own name", "https by a DomainMapping", "plain http from zero"],
)
def test_a_visitor_stays_signed_in(
    shop: RunningShop, tmp_path: Path, overlay: str, chain: Chain, cookie: str
) -> None:
    """Over https the cookie is the strict one, whatever scheme the last proxy reports. Over plain
    http a browser sends no Sec-Fetch-Site, and Origin fits the Host that arrives."""
    secure = overlay == "eks"
    certificate = self_signed(tmp_path, HOST) if secure else None
    with (
        storefront(in_cluster(overlay, shop), tmp_path / "storefront.log") as port,
        knative_gateway(port, chain, certificate=certificate) as gateway,
        chromium(f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as browser,
    ):
        url = f"{'https' if secure else 'http'}://{HOST}:{gateway}"
        context = browser.new_context(base_url=url, locale="en", ignore_https_errors=True)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto("/en/register")
        register(page, "mapped")
        put_into_cart(page, "en", 1)
        page.reload()

        expect(page.locator("main")).to_contain_text("Total")
        found = {each["name"]: each for each in context.cookies()}
        assert (found[cookie]["secure"], found[cookie]["httpOnly"]) == (secure, True)
        assert (found[cookie]["domain"], found[cookie]["path"]) == (HOST, "/")
        assert list(found) == [cookie]
        assert refused_to_another_site(page, url)


def refused_to_another_site(page: Page, url: str) -> bool:
    """Whether a form of another site cannot empty the visitor's cart."""
    page.goto("about:blank")
    page.set_content(f'<form method="post" action="{url}/en/sign-out"><button>go</button></form>')
    with page.expect_response(f"{url}/en/sign-out") as sent:
        page.click("button")
    return sent.value.status == 403
