"""`python -m functions.local.mailbox` takes every mail at its SMTP port, and delivers none."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from cyclopts import Parameter
from cyclopts.validators import Number

from functions.local.broker.command_line import parse
from functions.local.mailbox.app import App
from functions.local.mailbox.store import MAX_BYTES, Store

Port = Annotated[int, Parameter(validator=Number(gte=1, lte=65_535))]


@dataclass(frozen=True, kw_only=True)
class MailboxOptions:
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 5005
    """Port of the HTTP API."""
    smtp_port: Port = 5006
    """Port of the SMTP server."""


class _Handler:
    """What aiosmtpd calls with each mail."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del session
        content = envelope.content
        if isinstance(content, bytes):
            self._store.add(tuple(envelope.rcpt_tos), content)
        return "250 OK"


async def run(options: MailboxOptions) -> None:
    store = Store()
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(_Handler(store), data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, loop=loop),
        *(options.host, options.smtp_port),
    )
    config = uvicorn.Config(
        App(store),
        host=options.host,
        port=options.port,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    async with smtp:
        await uvicorn.Server(config).serve()


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(
        MailboxOptions,
        "python -m functions.local.mailbox",
        "Takes every mail, delivers none, and shows them to the storefront.",
        arguments,
    )
    asyncio.run(run(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
