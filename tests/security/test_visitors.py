"""Visitors of one storefront are limited one by one, and nobody chooses an address.

auth and the storefront run as real processes. A proxy in front of the storefront appends each
visitor's address to `X-Forwarded-For`; auth sees one caller, the storefront.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NamedTuple

import httpx
import pytest

from functions.kit.base.clock import utc_now
from functions.kit.base.settings import Secret
from functions.kit.security.visitor_address import HEADER, VisitorAddress
from tests.support.processes import Service, running
from tests.support.signing import SECRET

TRIES = 3
OTHER = "another-secret-that-is-as-long-as-it-must-be"
FORM = {"sec-fetch-site": "same-origin"}


class Shop(NamedTuple):
    auth: str
    storefront: str
    client: httpx.AsyncClient

    async def sign_in(self, visitor: str, email: str) -> int:
        """A wrong password on the storefront's page; the status of the page."""
        headers = {**FORM, "x-forwarded-for": visitor, "accept-language": "en"}
        fields = {"email": email, "password": "not the password"}
        url = f"{self.storefront}/en/sign-in"
        return (await self.client.post(url, data=fields, headers=headers)).status_code

    async def log_in(self, email: str, **headers: str) -> int:
        """A wrong password at auth itself."""
        body = {"email": email, "password": "not the password"}
        answer = await self.client.post(f"{self.auth}/login", json=body, headers=headers)
        return answer.status_code


@asynccontextmanager
async def shop(url: str, secret: str, storefronts: str) -> AsyncIterator[Shop]:
    auth = Service(
        "auth",
        {
            "DATABASE_URL": url,
            "AUTO_MIGRATE": "true",
            "INTERNAL_SECRET": secret,
            "LOGIN_TRIES_PER_ADDRESS": str(TRIES),
        },
    )
    storefront = Service(
        "storefront",
        {
            "AUTH_URL": auth.url,
            "CATALOG_URL": "http://127.0.0.1:1",
            "PURCHASE_URL": "http://127.0.0.1:1",
            "INTERNAL_SECRET": storefronts,
            "TRUSTED_HOPS": "1",
        },
    )
    async with running(auth, storefront), httpx.AsyncClient(timeout=60) as client:
        yield Shop(auth.url, storefront.url, client)


async def test_two_visitors_do_not_share_a_limit(database_url: str) -> None:
    """One uses up the tries of one address; another one, of IPv4 or IPv6, has all of its own."""
    visitors = ("198.51.100.7", "203.0.113.9", "2001:db8::7")
    async with shop(database_url, SECRET, SECRET) as running_shop:
        answers = {
            visitor: [
                await running_shop.sign_in(visitor, f"user{n}@example.org")
                for n in range(TRIES + 1)
            ]
            for visitor in visitors
        }

    assert answers == dict.fromkeys(visitors, [401] * TRIES + [429])


@pytest.mark.parametrize(("secret", "storefronts"), [(SECRET, ""), ("", SECRET), (SECRET, OTHER)])
async def test_without_the_same_secret_they_share_one(
    tmp_path: object, secret: str, storefronts: str
) -> None:
    """A mistake in the deployment limits too much instead of nothing."""
    async with shop(f"sqlite:///{tmp_path}/auth.db", secret, storefronts) as running_shop:
        answers = [
            await running_shop.sign_in(f"198.51.100.{n}", f"user{n}@example.org")
            for n in range(TRIES + 1)
        ]

    assert answers == [401] * TRIES + [429]


async def test_a_forged_address_gains_nothing(database_url: str) -> None:
    """Unsigned, badly signed, old, of another route, or twice: the connection's address counts."""
    genuine = VisitorAddress(Secret(SECRET), utc_now)
    stale = VisitorAddress(Secret(SECRET), lambda: utc_now() - timedelta(days=1))
    other = VisitorAddress(Secret(OTHER), utc_now)

    def header(signer: VisitorAddress, n: int, path: str = "/login", service: str = "auth") -> str:
        return signer.headers(service, "POST", path, f"198.51.100.{n}")[HEADER]

    async with shop(database_url, SECRET, SECRET) as running_shop:
        forged = [
            "198.51.100.1",
            f"198.51.100.2;{int(time.time())};{'0' * 64}",
            header(other, 3),
            header(stale, 4),
            header(genuine, 5, path="/register"),
            header(genuine, 6, service="catalog"),
            f"{header(genuine, 7)}, {header(genuine, 8)}",
            header(genuine, 9).replace("198.51.100.9", "198.51.100.10"),
        ]
        answers = [
            await running_shop.log_in(f"user{n}@example.org", **{HEADER: each})
            for n, each in enumerate(forged)
        ]
        # The storefront passes no visitor's own header on.
        mine = {**FORM, "x-forwarded-for": "203.0.113.9", HEADER: header(genuine, 11)}
        fields = {"email": "ana@example.org", "password": "not the password"}
        page = f"{running_shop.storefront}/en/sign-in"
        through = [
            (await running_shop.client.post(page, data=fields, headers=mine)).status_code
            for _ in range(TRIES + 1)
        ]
        elsewhere = await running_shop.sign_in("198.51.100.11", "berta@example.org")

    assert answers == [401] * TRIES + [429] * (len(forged) - TRIES)
    assert through == [401] * TRIES + [429]
    assert elsewhere == 401


async def test_registrations_and_links_are_limited_by_visitor(tmp_path: object) -> None:
    """Whatever auth counts by address, it counts by the visitor's."""
    async with shop(f"sqlite:///{tmp_path}/auth.db", SECRET, SECRET) as running_shop:
        statuses = {}
        for visitor, count in (("198.51.100.7", 21), ("203.0.113.9", 1)):
            headers = {**FORM, "x-forwarded-for": visitor}
            url = f"{running_shop.storefront}/en/forgot-password"
            answers = [
                await running_shop.client.post(
                    url, data={"email": f"user{n}@example.org"}, headers=headers
                )
                for n in range(count)
            ]
            statuses[visitor] = [answer.status_code for answer in answers]

    assert statuses["198.51.100.7"] == [303] * 20 + [429]
    assert statuses["203.0.113.9"] == [303]
