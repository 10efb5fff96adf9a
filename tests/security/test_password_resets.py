"""A forgotten password shows nobody who has an account, and gives no way around the password.

auth runs as a real process, since an answer's time is part of what it shows.
"""

import asyncio
import statistics
import time
from typing import Any

import httpx
import pytest

from tests.support.processes import Service, running

PASSWORD, NEW = "una frase bastante larga", "otra frase bastante larga"
ADMIN = {"FIRST_ADMIN_EMAIL": "admin@example.org", "FIRST_ADMIN_PASSWORD": PASSWORD}
KINDS = ("known", "unknown", "disabled", "closed")


def auth(database_url: str) -> Service:
    limits = ("PASSWORD_RESETS_PER_ACCOUNT", "PASSWORD_RESETS_PER_ADDRESS", "LOGIN_TRIES")
    return Service(
        "auth",
        {
            "DATABASE_URL": database_url,
            "AUTO_MIGRATE": "true",
            **ADMIN,
            **dict.fromkeys(limits, "1000"),
        },
    )


async def token_of(client: httpx.AsyncClient, email: str) -> str:
    answer = await client.post("/login", json={"email": email, "password": PASSWORD})
    token: str = answer.json()["token"]
    return token


async def accounts(client: httpx.AsyncClient) -> None:
    """One account of each kind that an attacker would like to tell apart."""
    ids = {}
    for kind in KINDS:
        if kind != "unknown":
            body = {"email": f"{kind}@example.org", "password": PASSWORD}
            ids[kind] = (await client.post("/register", json=body)).json()["id"]
    admin = {"authorization": f"Bearer {await token_of(client, 'admin@example.org')}"}
    path = f"/users/{ids['disabled']}"
    disabled = await client.patch(path, json={"disabled": True}, headers=admin)
    closer = {"authorization": f"Bearer {await token_of(client, 'closed@example.org')}"}
    body = {"current_password": PASSWORD}
    closed = await client.request("DELETE", "/me", json=body, headers=closer)

    assert (disabled.status_code, closed.status_code) == (200, 200)


async def links(client: httpx.AsyncClient) -> list[str]:
    """A token of each request that was published and is still open."""
    feed = (await client.get("/internal/streams/accounts")).json()
    answers = [
        await client.post(f"/internal/password-resets/{event['data']['reset_id']}/link")
        for event in feed
        if "reset_id" in event["data"]
    ]
    given = [answer.json()["link"] for answer in answers if answer.status_code == 200]
    return [link.partition("?token=")[2] for link in given]


async def only_link(client: httpx.AsyncClient) -> str:
    """The token of the one request, which is published some time after its answer."""
    async with asyncio.timeout(60):
        while not (found := await links(client)):
            pass
    (token,) = found
    return token


async def test_every_address_is_answered_alike(database_url: str) -> None:
    """Status, body and headers are equal; the times are printed."""
    rounds = 60
    service = auth(database_url)
    answers: dict[str, set[Any]] = {kind: set() for kind in KINDS}
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    async with running(service), httpx.AsyncClient(base_url=service.url, timeout=60) as client:
        await accounts(client)
        for _ in range(rounds):
            for kind in KINDS:
                begun = time.perf_counter()
                answer = await client.post(
                    "/password/forgot", json={"email": f"{kind}@example.org"}
                )
                seconds[kind].append(time.perf_counter() - begun)
                answers[kind].add(_shown(answer))
    medians = {kind: statistics.median(each) * 1000 for kind, each in seconds.items()}
    print(
        f"\nforgot, median of {rounds}: "
        + ", ".join(f"{kind} {median:.2f} ms" for kind, median in medians.items())
    )

    assert {kind: len(each) for kind, each in answers.items()} == dict.fromkeys(KINDS, 1)
    assert len(set.union(*answers.values())) == 1
    assert next(iter(answers["known"]))[0] == 202


def _shown(answer: httpx.Response) -> tuple[object, ...]:
    varying = {"traceparent", "date"}
    headers = {name: value for name, value in answer.headers.items() if name not in varying}
    return answer.status_code, answer.text, repr(sorted(headers.items()))


async def test_a_changed_token_opens_nothing(database_url: str) -> None:
    """At any place, cut, lengthened, or of another kind."""
    service = auth(database_url)
    async with running(service), httpx.AsyncClient(base_url=service.url, timeout=60) as client:
        body = {"email": "ana@example.org", "password": PASSWORD}
        await client.post("/register", json=body)
        await client.post("/password/forgot", json={"email": body["email"]})
        async with httpx.AsyncClient(base_url=service.url) as mailer:
            token = await only_link(mailer)
        access = await token_of(client, body["email"])
        hostile = [
            *(token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in (0, 20, 42)),
            *(token[:-1], token + "A", token + "=", token.upper(), f" {token}", access),
            *("' OR 1=1 --", "%", "_" * 43, "\u00e9" * 43, token + "\x00", "0" * 512),
        ]
        answers = [
            await client.post("/password/reset", json={"token": each, "password": NEW})
            for each in hostile
        ]
        still = await client.post("/password/reset", json={"token": token, "password": NEW})

    assert {answer.status_code for answer in answers} == {400}
    assert {answer.json()["code"] for answer in answers} == {"password-reset-invalid"}
    assert still.status_code == 200


async def test_a_killed_process_loses_no_request(database_url: str) -> None:
    """kill -9 after the answer: the next process announces what was acknowledged."""
    service = auth(database_url)
    email = "ana@example.org"
    async with running(service), httpx.AsyncClient(timeout=60) as client:
        body = {"email": email, "password": PASSWORD}
        await client.post(f"{service.url}/register", json=body)
        asked = await client.post(f"{service.url}/password/forgot", json={"email": email})
        await service.kill()
        await service.start()
        while True:  # a background task of the start announces it
            feed = (await client.get(f"{service.url}/internal/streams/accounts")).json()
            if feed:
                break

    assert asked.status_code == 202
    assert len(feed) == 1


@pytest.mark.parametrize("awaited", [0.001, 0.03, 0.2])
async def test_a_reset_is_done_or_has_no_effect(database_url: str, awaited: float) -> None:
    """kill -9 while it is under way: the link still works and the old password as well, or the new
    one alone does.
    """
    service = auth(database_url)
    async with running(service), httpx.AsyncClient(timeout=60) as client:
        body = {"email": "ana@example.org", "password": PASSWORD}
        await client.post(f"{service.url}/register", json=body)
        await client.post(f"{service.url}/password/forgot", json={"email": body["email"]})
        async with httpx.AsyncClient(base_url=service.url) as mailer:
            token = await only_link(mailer)
        new = {"token": token, "password": NEW}
        answered = False
        try:
            # The limit only chooses the moment of the kill; any moment must do.
            await client.post(f"{service.url}/password/reset", json=new, timeout=awaited)
            answered = True
        except httpx.TimeoutException:
            pass
        await service.kill()
        await service.start()
        statuses = {
            password: (
                await client.post(
                    f"{service.url}/login", json={"email": body["email"], "password": password}
                )
            ).status_code
            for password in (PASSWORD, NEW)
        }
        again = await client.post(
            f"{service.url}/password/reset", json={**new, "password": "una tercera frase larga"}
        )

    used = statuses == {PASSWORD: 401, NEW: 200}
    assert used or statuses == {PASSWORD: 200, NEW: 401}
    assert again.status_code == (400 if used else 200)
    assert used or not answered
