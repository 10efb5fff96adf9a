"""The mailbox's HTTP API, a plain ASGI application: what the storefront's `/dev/mail` shows."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from functions.local.mailbox.store import Mail, Store, Summary

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class App:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        if scope["type"] != "http":
            return
        status, content = self._answer(scope["method"], scope["path"])
        body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, method: str, path: str) -> tuple[int, object]:
        match method, path.split("/")[1:]:
            case "GET", ["healthz"]:
                return 200, {"status": "ok"}
            case "GET", ["mails"]:
                return 200, [_summary(each) for each in self._store.listing()]
            case "GET", ["mails", number] if number.isascii() and number.isdecimal():
                mail = self._store.get(int(number[:18]))
                return (404, {"error": "no such mail"}) if mail is None else (200, _whole(mail))
            case _:
                return 404, {"error": "GET /mails lists the mails, GET /mails/1 shows one"}


def _summary(summary: Summary) -> dict[str, object]:
    return {
        "number": summary.number,
        "received_at": summary.received_at.isoformat(),
        "sender": summary.sender,
        "recipients": list(summary.recipients),
        "subject": summary.subject,
    }


def _whole(mail: Mail) -> dict[str, object]:
    headers = [list(header) for header in mail.headers]
    return {**_summary(mail.summary), "headers": headers, "text": mail.text, "html": mail.html}
