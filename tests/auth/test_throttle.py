import asyncio
from datetime import timedelta

import pytest

from functions.auth.domain import TryLimit
from functions.auth.errors import TooManyTries
from functions.auth.throttle import count_try, purge, throttle_key
from tests.auth.service import PASSWORD, Auth, open_auth

WRONG = "not the password"


async def fail(auth: Auth, host: str = "198.51.100.1", email: str = "ana@example.com") -> int:
    body = {"email": email, "password": WRONG}
    return (await auth.from_address(host, "POST", "/login", body)).status_code


async def test_the_eleventh_try_is_refused(auth: Auth) -> None:
    """The eleventh is refused with any password, with the time to retry."""
    await auth.register()
    answers = [await fail(auth) for _ in range(10)]

    assert answers == [401] * 10
    body = {"email": "Ana@Example.com ", "password": PASSWORD}
    refused = await auth.from_address("198.51.100.1", "POST", "/login", body)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "900"
    assert refused.json()["code"] == "too-many-tries"
    assert refused.json()["error"] == "Demasiados intentos"


async def test_the_owner_may_log_in_from_another_address(auth: Auth) -> None:
    """The limit is per account and address."""
    await auth.register()
    for _ in range(11):
        await fail(auth)

    body = {"email": "ana@example.com", "password": PASSWORD}
    assert (await auth.from_address("203.0.113.9", "POST", "/login", body)).status_code == 200


async def test_the_window_slides(auth: Auth) -> None:
    """Each try leaves it after fifteen minutes; refused tries are not counted."""
    for _ in range(5):
        await fail(auth)
    auth.clock.advance(minutes=10)
    for _ in range(5):
        await fail(auth)
    assert await fail(auth) == 429
    auth.clock.advance(minutes=4, seconds=59)
    assert await fail(auth) == 429

    auth.clock.advance(seconds=1)
    answers = [await fail(auth) for _ in range(6)]

    assert answers == [401] * 5 + [429]


async def test_unknown_accounts_are_throttled_alike(auth: Auth) -> None:
    """Otherwise the 429 would reveal which accounts exist."""
    answers = [await fail(auth, email="nobody@example.com") for _ in range(11)]

    assert answers == [401] * 10 + [429]


async def test_a_login_clears_the_accounts_tries(auth: Auth) -> None:
    """After nine failures and a success, ten tries are permitted again."""
    await auth.register()
    for _ in range(9):
        await fail(auth, host="192.0.2.7")

    assert (await auth.log_in()).status_code == 200
    answers = [await fail(auth, host="192.0.2.7") for _ in range(11)]
    assert answers == [401] * 10 + [429]


async def test_one_address_cannot_try_account_after_account(database_url: str) -> None:
    """The limit of an address counts failures over all accounts."""
    async with open_auth(database_url, LOGIN_TRIES_PER_ADDRESS="4") as auth:
        answers = [await fail(auth, email=f"user{number}@example.com") for number in range(5)]

    assert answers == [401] * 4 + [429]


async def test_successful_logins_from_one_address_do_not_add_up(database_url: str) -> None:
    """A successful login removes its try from the address."""
    async with open_auth(database_url, LOGIN_TRIES_PER_ADDRESS="2") as auth:
        await auth.register()
        answers = [(await auth.log_in()).status_code for _ in range(5)]

    assert answers == [200] * 5


async def test_an_ipv6_network_is_one_address(database_url: str) -> None:
    """Addresses of one /64 share their tries."""
    async with open_auth(database_url, LOGIN_TRIES="1") as auth:
        answers = [await fail(auth, host=f"2001:db8::{number}") for number in (1, 2)]

    assert answers == [401, 429]


async def test_an_ipv6_site_has_its_own_limit(database_url: str) -> None:
    """A /48 may make as many tries as four addresses."""
    async with open_auth(database_url, LOGIN_TRIES_PER_ADDRESS="2") as auth:
        answers = [
            await fail(auth, host=f"2001:db8:0:{number}::1", email=f"user{number}@example.com")
            for number in range(9)
        ]
        elsewhere = await fail(auth, host="2001:db8:1::1")

    assert answers == [401] * 8 + [429]
    assert elsewhere == 401


async def test_registrations_of_an_ipv6_site_are_bounded(database_url: str) -> None:
    """A /48 may register as many accounts as four addresses."""
    async with open_auth(database_url, REGISTRATIONS_PER_ADDRESS="1") as auth:
        answers = []
        for number in range(5):
            body = {"email": f"u{number}@example.com", "password": PASSWORD}
            answer = await auth.from_address(f"2001:db8:0:{number}::1", "POST", "/register", body)
            answers.append(answer.status_code)

    assert answers == [201] * 4 + [429]


async def test_distributed_guesses_do_not_lock_the_owner_out(database_url: str) -> None:
    """Tries from many addresses are limited; the owner logs in from a known address."""
    async with open_auth(database_url, LOGIN_TRIES_PER_ACCOUNT="5") as auth:
        await auth.register()
        body = {"email": "ana@example.com", "password": PASSWORD}
        home = [(await auth.from_address("203.0.113.9", "POST", "/login", body)).status_code]
        crowd = [await fail(auth, host=f"198.51.100.{number}") for number in range(8)]
        home.append((await auth.from_address("203.0.113.9", "POST", "/login", body)).status_code)
        guess = await auth.from_address("198.51.100.99", "POST", "/login", body)
        unknown = [
            await fail(auth, host=f"198.51.100.{number}", email="nobody@example.com")
            for number in range(6)
        ]

    assert crowd == [401] * 5 + [429] * 3
    assert home == [200, 200]
    assert guess.status_code == 429
    assert unknown == [401] * 5 + [429]


async def test_registrations_are_throttled_by_address(database_url: str) -> None:
    """Registrations that are refused for their content are not counted."""
    async with open_auth(database_url, REGISTRATIONS_PER_ADDRESS="2") as auth:
        await auth.register("no address")
        answers = [(await auth.register(f"u{n}@example.com")).status_code for n in range(3)]
        body = {"email": "u4@example.com", "password": PASSWORD}
        elsewhere = await auth.from_address("203.0.113.9", "POST", "/register", body)

    assert answers == [201, 201, 429]
    assert elsewhere.status_code == 201


async def test_registrations_may_be_unlimited(database_url: str) -> None:
    """0 means no limit, for a class behind one address."""
    async with open_auth(database_url, REGISTRATIONS_PER_ADDRESS="0") as auth:
        answers = [(await auth.register(f"u{n}@example.com")).status_code for n in range(3)]

    assert answers == [201, 201, 201]


async def test_the_current_password_is_throttled_as_a_login_is(auth: Auth) -> None:
    """Its tries count as tries of a login."""
    ana = await auth.person()
    body = {"current_password": WRONG, "new_password": "otra frase bastante larga"}
    answers = [
        (await auth.call("POST", "/me/password", body, by=ana)).status_code for _ in range(11)
    ]

    assert answers == [401] * 10 + [429]
    assert (await auth.log_in()).status_code == 429


async def test_concurrent_tries_are_counted_one_by_one(database_url: str) -> None:
    """Of thirty concurrent tries at two apps, ten are verified."""
    async with open_auth(database_url) as auth, open_auth(database_url, clock=auth.clock) as other:
        answers = await asyncio.gather(*(fail([auth, other][n % 2]) for n in range(30)))

    assert sorted(answers) == [401] * 10 + [429] * 20


async def test_throttle_keys_are_hashed_and_purged(auth: Auth) -> None:
    """The table has neither addresses nor accounts, and a background task purges it."""
    await fail(auth)
    rows = await auth.rows("SELECT * FROM throttles")

    assert len(rows) == 3
    assert not any("ana" in str(row) or "198.51" in str(row) for row in rows)
    await purge(auth.database, auth.clock() + timedelta(minutes=15, seconds=1))
    assert await auth.rows("SELECT * FROM throttles") == []


async def test_a_refused_try_counts_under_none_of_its_keys(auth: Auth) -> None:
    """The transaction counts it under all keys or none."""
    narrow, wide = throttle_key("narrow"), throttle_key("wide")
    limits = {narrow: TryLimit(1, 60), wide: TryLimit(2, 60)}
    await count_try(auth.database, limits, auth.clock())
    with pytest.raises(TooManyTries):
        await count_try(auth.database, limits, auth.clock())

    await count_try(auth.database, {wide: TryLimit(2, 60)}, auth.clock())
