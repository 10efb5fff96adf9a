"""The mailbox of a shop on one machine, which `nox -s dev` runs: every mail that was sent."""

from datetime import datetime

import msgspec

from functions.storefront.clients.service import Caller, ServiceClient


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    received_at: datetime
    sender: str
    recipients: list[str]
    subject: str


class Mail(Summary, frozen=True, kw_only=True):
    headers: list[tuple[str, str]]
    text: str
    html: str


class MailboxClient:
    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    async def mails(self, caller: Caller) -> list[Summary]:
        """Newest first."""
        answer = await self._service.request("GET", "/mails", caller=caller)
        return answer.read(list[Summary])

    async def mail(self, caller: Caller, number: int) -> Mail:
        """Raises `Refused` with 404."""
        answer = await self._service.request("GET", f"/mails/{number}", caller=caller)
        return answer.read(Mail)
