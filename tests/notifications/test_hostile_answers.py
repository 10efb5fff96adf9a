"""What an SMTP server answers is somebody else's text: any bytes, addresses and line ends."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.notifications.smtp import MAX_REASON, readable
from tests.notifications.post_office import Office, open_office

FULL = 8
"""A customer whose mail server answers as a test says."""
ADDRESS = "rosa.paz@example.com"

STAGES = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "message")
DEFAULTS = {
    "greeting": b"220 ready",
    "EHLO": b"250 ready",
    "MAIL": b"250 OK",
    "RCPT": b"250 OK",
    "DATA": b"354 go on",
    "message": b"250 taken",
    "RSET": b"250 OK",
    "QUIT": b"221 bye",
}
TEXTS = (
    "\x1b[31m5.1.1 dirección <rosa.paz@example.com>\x00 desconocida".encode("latin-1") * 20,
    b"5.1.1 Rosa.Paz@example.com: user unknown\r\n550 rosa.paz@example.com",
)


class RawServer:
    """An SMTP server that answers any bytes to what concerns one recipient, or to everybody."""

    def __init__(self, stage: str, answer: bytes) -> None:
        self.stage = stage
        self.answer = answer
        self.taken: list[str] = []
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield f"smtp+plain://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        try:
            writer.write(self._answer("greeting", ADDRESS))
            while line := await reader.readline():
                word = line[:4].decode("ascii", "replace").upper()
                if word == "RCPT":
                    recipient = line.decode("ascii", "replace").partition("<")[2].partition(">")[0]
                # The sender is named before the recipient: until then it concerns everybody.
                answer = self._answer(word, recipient if word in {"RCPT", "DATA"} else ADDRESS)
                writer.write(answer)
                if word == "QUIT":
                    break
                if word == "DATA" and answer.startswith(b"354"):
                    await reader.readuntil(b"\r\n.\r\n")
                    answer = self._answer("message", recipient)
                    writer.write(answer)
                    if answer.startswith(b"250"):
                        self.taken.append(recipient)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, stage: str, recipient: str) -> bytes:
        hostile = stage == self.stage and recipient == ADDRESS
        return (self.answer if hostile else DEFAULTS.get(stage, b"500 what?")) + b"\r\n"


@asynccontextmanager
async def rosas_office(database_url: str, server: RawServer) -> AsyncIterator[Office]:
    """Rosa's mail is due before Ana's."""
    async with server.listening() as url, open_office(database_url, url) as office:
        office.auth.people[FULL] = {"email": ADDRESS, "name": "Rosa", "language": "es"}
        await office.deliver(office.order(number=1, sequence=1, user_id=FULL))
        await office.deliver(office.order(number=2, sequence=2))
        await office.send_due()
        yield office


@pytest.mark.parametrize("code", [b"450", b"550", b"421"])
@pytest.mark.parametrize(("stage", "text"), list(itertools.product(STAGES, TEXTS)))
async def test_any_answer_ends_in_a_state_with_a_readable_reason(
    tmp_path: Path, stage: str, code: bytes, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the queue, nor the log, nor an operator's list shows whose address it was."""
    caplog.set_level(logging.INFO, "functions.notifications")
    server = RawServer(stage, code + b" " + text)
    async with rosas_office(f"sqlite:///{tmp_path}/n.db?synchronous=off", server) as office:
        for _ in range(3):
            office.clock.advance(minutes=5)
            await office.send_due()
        first, second = await office.mails()
        listed = (await office.call("GET", "/internal/mails", role="admin")).text

    concerns_all = stage in STAGES[:3]
    final = code == b"550" and not concerns_all
    assert first["state"] == ("put-aside" if final else "waiting")
    assert second["state"] == ("waiting" if concerns_all else "sent")
    assert first["reason"]
    assert first["reason"].isprintable()
    for shown in (first["reason"], listed, caplog.text):
        assert "rosa.paz" not in shown.lower()


@given(answer=st.binary(max_size=600), name=st.from_regex(r"[a-z][a-z.+'-]{2,20}", fullmatch=True))
def test_a_readable_answer_is_one_line_that_can_be_stored(answer: bytes, name: str) -> None:
    """Whatever its bytes are: aiosmtplib makes surrogates of those that are not UTF-8."""
    text = readable(answer.decode("utf-8", "surrogateescape"), f"{name}@example.com")

    assert text.isprintable()
    assert len(text.encode()) <= 4 * MAX_REASON


@pytest.mark.parametrize(
    "answer",
    [
        "5.1.1 <{}>: Recipient address rejected",
        "5.1.1 {}... User unknown",
        "5.1.1 RCPT TO:<{}> (mailbox full)",
        "'{}'; [{}], {}",
        "{}",
    ],
)
@given(
    name=st.from_regex(r"[A-Za-z][A-Za-z0-9.+_'-]{2,20}", fullmatch=True),
    domain=st.sampled_from(["example.com", "xn--and-6ma2c.example", "correo.example.org"]),
)
def test_a_readable_answer_names_nobody(answer: str, name: str, domain: str) -> None:
    """Neither the address of a recipient nor its local part alone, in whatever case."""
    address = f"{name}@{domain}"
    texts = [
        readable(answer.replace("{}", shown), address)
        for shown in (address, address.upper(), name, name.upper())
    ]

    assert [text for text in texts if name.lower() in text.lower().replace("[address]", "")] == []


def test_an_answer_in_another_encoding_can_be_read() -> None:
    """Latin-1 is what servers mean that answer in their own language without UTF-8."""
    raw = "5.1.1 dirección desconocida".encode("latin-1").decode("utf-8", "surrogateescape")

    assert readable(raw) == "5.1.1 dirección desconocida"
