"""Login tries are counted together by every process that shares the database.

Many tries at once, sent to several real processes: however they are dealt out, ten are looked at.
"""

import asyncio
import random
import statistics
import time
from collections import Counter
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.auth.service import open_auth
from tests.support.processes import Service, running

TRIES = 40
LIMIT = 10
PASSWORD = "una frase bastante larga"
EMAIL = "ana@example.org"


async def log_in(client: httpx.AsyncClient, url: str, email: str, password: str) -> int:
    """The status of the first answer other than 503, which a busy database causes."""
    while True:
        response = await client.post(f"{url}/login", json={"email": email, "password": password})
        if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return response.status_code
        await asyncio.sleep(float(response.headers["retry-after"]) / 10)


@pytest.mark.parametrize("seed", [1, 2])
async def test_processes_count_tries_together(database_url: str, seed: int) -> None:
    """Forty wrong passwords at three processes: ten are looked at, thirty are not, nor the right
    one that comes then; another account is not concerned."""
    choose = random.Random(seed)
    environment = {"DATABASE_URL": database_url, "AUTO_MIGRATE": "true"}
    first, *others = services = [Service("auth", environment) for _ in range(3)]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(first))  # it makes the schema
        await stack.enter_async_context(running(*others))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        for email in (EMAIL, "berta@example.org"):
            body = {"email": email, "password": PASSWORD}
            made = await client.post(f"{first.url}/register", json=body)
            assert made.status_code == 201, made.text
        urls = [choose.choice(services).url for _ in range(TRIES)]
        answers = await asyncio.gather(*[log_in(client, url, EMAIL, "wrong") for url in urls])
        right = [await log_in(client, service.url, EMAIL, PASSWORD) for service in services]
        other = await log_in(client, others[0].url, "berta@example.org", PASSWORD)

    assert Counter(answers) == {401: LIMIT, 429: TRIES - LIMIT}
    assert right == [429, 429, 429]
    assert other == 200


async def test_known_and_unknown_accounts_are_answered_alike(database_url: str) -> None:
    """Status, body and headers are equal; the times are printed."""
    rounds = 60
    generous = open_auth(
        database_url,
        LOGIN_TRIES="1000",
        LOGIN_TRIES_PER_ADDRESS="1000",
        LOGIN_TRIES_PER_ACCOUNT="1000",
    )
    async with generous as auth:
        await auth.register(EMAIL, PASSWORD)
        disabled = await auth.person("disabled@example.org")
        admin = await auth.admin()
        await auth.call("PATCH", f"/users/{disabled.id}", {"disabled": True}, by=admin)
        answers: dict[str, set[tuple[object, ...]]] = {}
        seconds: dict[str, list[float]] = {}
        for number in range(rounds):
            for kind, email in (
                ("known", EMAIL),
                ("unknown", f"nobody{number}@example.org"),
                ("disabled", disabled.email),
            ):
                begun = time.perf_counter()
                response = await auth.log_in(email, f"wrong password {number}")
                seconds.setdefault(kind, []).append(time.perf_counter() - begun)
                answers.setdefault(kind, set()).add(_without_trace(response))
    medians = {kind: statistics.median(each) * 1000 for kind, each in seconds.items()}
    print(
        f"\nlogin, median of {rounds}: "
        + ", ".join(f"{kind} {median:.2f} ms" for kind, median in medians.items())
        + f"; known - unknown {medians['known'] - medians['unknown']:+.2f} ms"
    )

    assert answers["known"] == answers["unknown"] == answers["disabled"]
    assert len(answers["known"]) == 1


def _without_trace(response: httpx.Response) -> tuple[object, ...]:
    headers = {name: value for name, value in response.headers.items() if name != "traceparent"}
    body = {name: value for name, value in response.json().items() if name != "trace_id"}
    return response.status_code, repr(sorted(headers.items())), repr(sorted(body.items()))
