"""notifications: which mails a customer wants."""

import msgspec

from functions.storefront.clients.service import Caller, ServiceClient


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    delivery_updates: bool
    review_requests: bool = True


class NotificationsClient:
    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    async def unsubscribe(self, caller: Caller, token: str, mails: str) -> None:
        """End the mails of a topic. Raises `Refused` with 404 for another token."""
        body = {"token": token, "mails": mails}
        await self._service.request(
            "POST", "/unsubscribe", caller=caller, body=body, repeatable=True
        )

    async def preferences(self, caller: Caller) -> Preferences:
        answer = await self._service.request("GET", "/preferences", caller=caller)
        return answer.read(Preferences)

    async def change_preferences(self, caller: Caller, wanted: Preferences) -> Preferences:
        body = msgspec.to_builtins(wanted)
        answer = await self._service.request(
            "PATCH", "/preferences", caller=caller, body=body, repeatable=True
        )
        return answer.read(Preferences)
