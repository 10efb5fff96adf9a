"""The internal API of one service: its status and its dead letters, for administrators."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from functions.storefront.clients.service import Caller, ServiceClient

_TYPE = re.compile(r'"type"\s*:\s*"([\w.-]{1,100})"')

STATUS_SECONDS = 8.0
"""How long the status of a service is waited for, its start from zero included."""


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    revision: str = ""
    exposed_api: str = ""
    started_at: datetime | None = None
    start_seconds: float | None = None


class TaskStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    started_at: datetime
    result: str
    seconds: float | None = None
    error: str | None = None
    failures: int = 0


class PoolStatus(msgspec.Struct, frozen=True, kw_only=True):
    size: int
    in_use: int
    idle: int
    waits: int
    timeouts: int
    longest_wait_seconds: float


class SchemaStatus(msgspec.Struct, frozen=True, kw_only=True):
    applied: list[str] = []
    pending: list[str] = []
    newer: list[int] = []
    last_applied_at: datetime | None = None


class OutboxStatus(msgspec.Struct, frozen=True, kw_only=True):
    unsent: int
    oldest_seconds: float
    has_broker: bool


class PublishedStream(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    head: int
    floor: int


class ConsumedStream(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    owner: str
    position: int
    seen: int
    head: int | None = None
    lag: int | None = None
    restoring: bool = False
    contacted_at: datetime | None = None
    gaps_seen: int = 0
    gaps_repaired: int = 0
    events_read: int = 0
    restores: int = 0
    failed_at: datetime | None = None
    failure: str | None = None


class WaitingLetters(msgspec.Struct, frozen=True, kw_only=True):
    quarantined: int
    dead_lettered: int
    oldest_received_at: datetime | None = None

    @property
    def total(self) -> int:
        return self.quarantined + self.dead_lettered


class ProcessStart(msgspec.Struct, frozen=True, kw_only=True):
    started_at: datetime
    seconds: float | None = None
    exposed_api: str = ""
    version: str = ""
    revision: str = ""


class Starts(msgspec.Struct, frozen=True, kw_only=True):
    count: int
    median_seconds: float | None = None
    slowest_seconds: float | None = None
    latest: list[ProcessStart] = []


class Breach(msgspec.Struct, frozen=True):
    invariant: str
    count: int


class AuditRun(msgspec.Struct, frozen=True, kw_only=True):
    started_at: datetime
    finished_at: datetime
    outcome: str
    checked: int
    breaches: list[Breach] = []


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    file: str
    bytes: int
    finished_at: datetime


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a service is doing, as it says."""

    service: str
    checked_at: datetime
    database: str
    process: ProcessStatus
    tasks: list[TaskStatus] = []
    pool: PoolStatus | None = None
    schema: SchemaStatus = SchemaStatus()
    outbox: OutboxStatus
    published: list[PublishedStream] = []
    consumed: list[ConsumedStream] = []
    dead_letters: WaitingLetters
    starts: Starts
    audited: bool = False
    audit: AuditRun | None = None
    backup: Backup | None = None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter; in a list its body is only a beginning."""

    id: int
    kind: str
    reason: str
    headers: dict[str, str]
    body: str
    received_at: datetime
    replayed_at: datetime | None = None
    discarded_at: datetime | None = None

    @property
    def state(self) -> str:
        if self.replayed_at is not None:
            return "replayed"
        return "waiting" if self.discarded_at is None else "discarded"

    @property
    def event_type(self) -> str:
        """Also of an event in structured mode, whose attributes are in its body; or empty."""
        in_headers = self.headers.get("ce-type", "")
        in_body = _TYPE.search(self.body) if not in_headers and self.body[:1] == "{" else None
        return in_body[1] if in_body is not None else in_headers

    @property
    def subject(self) -> str:
        return self.headers.get("ce-subject", "")


class LetterAction(msgspec.Struct, frozen=True, kw_only=True):
    action: str
    note: str | None = None
    user_id: int | None = None
    at: datetime


class LetterDetails(Letter, frozen=True, kw_only=True):
    history: list[LetterAction] = []


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    outcome: str
    reason: str | None = None


class OperationsClient:
    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    async def status(self, caller: Caller) -> Status:
        """Raises `ServiceAway` where the service does not answer in time, or has no database."""
        answer = await self._service.request(
            "GET", "/internal/status", caller=caller, limit=STATUS_SECONDS
        )
        return answer.read(Status)

    async def letters(
        self, caller: Caller, filters: Mapping[str, Any]
    ) -> tuple[list[Letter], str | None]:
        """A page of dead letters, oldest first, and the cursor of the next."""
        answer = await self._service.request(
            "GET", "/internal/dead-letters", caller=caller, params={**filters, "bodies": "false"}
        )
        return answer.read(list[Letter]), answer.next_cursor

    async def letter(self, caller: Caller, letter_id: int) -> LetterDetails:
        """Raises `Refused` with 404."""
        answer = await self._service.request(
            "GET", f"/internal/dead-letters/{letter_id}", caller=caller
        )
        return answer.read(LetterDetails)

    async def replay(self, caller: Caller, letter_id: int) -> Replayed:
        """Raises `Refused`: 404, or 409 for an event that cannot be processed as it is."""
        answer = await self._service.request(
            "POST", f"/internal/dead-letters/{letter_id}/replay", caller=caller, repeatable=True
        )
        return answer.read(Replayed)

    async def replay_waiting(
        self, caller: Caller, after: str | None
    ) -> tuple[list[Replayed], str | None]:
        """Replay a page of the letters that wait; the cursor of the next page."""
        answer = await self._service.request(
            "POST",
            "/internal/dead-letters/replay",
            caller=caller,
            params={"after": after},
            repeatable=True,
        )
        return answer.read(list[Replayed]), answer.next_cursor

    async def discard(self, caller: Caller, letter_id: int, reason: str) -> LetterDetails:
        """Raises `Refused`: 400 with the field `reason`, 404."""
        answer = await self._service.request(
            "POST",
            f"/internal/dead-letters/{letter_id}/discard",
            caller=caller,
            body={"reason": reason},
            repeatable=True,
        )
        return answer.read(LetterDetails)
