"""The mailbox of a shop on one machine: it takes every mail, and shows the newest."""

import asyncio
import smtplib
import sys
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from functions.local.mailbox import store as stores
from functions.local.mailbox.store import Store
from tests.local.runners import ROOT
from tests.servers.programs import free_ports

LIMIT = 60.0
"""Seconds for a start; far above what it takes."""


def test_only_the_newest_mails_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under numbers that are not used again."""
    monkeypatch.setattr(stores, "MAX_MAILS", 2)
    store = Store()
    numbers = [store.add(("a@b",), b"Subject: %d\n\n" % number) for number in range(3)]

    assert numbers == [1, 2, 3]
    assert [each.subject for each in store.listing()] == ["2", "1"]
    assert store.get(1) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: =?x?q?y?=\nTo: <<>>\n\n\x80",
        b"Content-Type: text/plain; charset=none\n\nx",
        b"Content-Type: text/plain; charset=idna\n\nx",
        b"Content-Type: text/plain; charset=punycode\n\n\xff",
        b'Content-Type: text/plain; charset="a\x00b"\n\nx',
        b"Content-Type: multipart/mixed\n\nx",
        b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n%%%",
    ],
)
def test_any_bytes_are_a_mail(content: bytes) -> None:
    """What cannot be read is shown as far as it can be."""
    store = Store()
    number = store.add(("a@b",), content)
    mail = store.get(number)

    assert mail is not None
    assert mail.summary.recipients == ("a@b",)


async def test_a_mail_is_taken_and_shown(tmp_path: Path) -> None:
    """Over SMTP and over HTTP, by a process of its own."""
    port, smtp_port = free_ports(2)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "functions.local.mailbox"),
        *("--port", str(port), "--smtp-port", str(smtp_port)),
        cwd=ROOT,
    )
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@b.example", "ñ@c.example", "¡Hola!"
    message.set_content("text")
    message.add_alternative("<p>html</p>", subtype="html")

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", smtp_port) as client:
            client.send_message(message)

    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            async with asyncio.timeout(LIMIT):
                while True:
                    try:
                        await client.get("/healthz")
                    except httpx.TransportError:
                        await asyncio.sleep(0.05)  # nothing announces that a port is open
                    else:
                        break
            await asyncio.to_thread(send)
            (listed,) = (await client.get("/mails")).json()
            mail = (await client.get(f"/mails/{listed['number']}")).json()
            missing = [
                (await client.get(path)).status_code for path in ("/", "/mails/9", "/mails/x")
            ]
    finally:
        process.terminate()
        await process.wait()

    assert (listed["subject"], listed["recipients"]) == ("¡Hola!", ["ñ@c.example"])
    assert (mail["text"].strip(), mail["html"].strip()) == ("text", "<p>html</p>")
    assert missing == [404] * 3
