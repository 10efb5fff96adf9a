"""The time limit of statements, with one timer for all statements of a connection.

`asyncio.timeout` cancels a task, and needs a timer for each statement, some hundred a second for
each connection, nearly all of which never fire. This timer is kept from one statement to the next.
When it fires, it checks whether the current statement is late, and otherwise it is set again.
`connection.py` uses it.
"""

import asyncio
import weakref
from typing import Any, Protocol


class _Connection(Protocol):
    loop: Any

    def abort(self) -> None: ...


class StatementTimer:
    """The timer of one connection, which it closes if a statement is late."""

    def __init__(self, connection: _Connection) -> None:
        # Weak, so that a pending timer does not keep an unused connection alive.
        self._connection = weakref.ref(connection)
        self._loop: asyncio.AbstractEventLoop = connection.loop
        self._deadline: float | None = None
        """When the current statement is late; None between statements and without a limit."""
        self._alarm: asyncio.TimerHandle | None = None
        self.expired = False

    def begin(self, seconds: float | None) -> None:
        """A statement is being sent, and may take `seconds`; None means no limit."""
        self._deadline = None if seconds is None else self._loop.time() + seconds
        if self._deadline is not None and (
            self._alarm is None or self._alarm.when() > self._deadline
        ):
            self._set_alarm(self._deadline)

    def end(self) -> None:
        """The statement has been answered, or has failed."""
        self._deadline = None

    def close(self) -> None:
        """Stop the timer, because the connection is closed."""
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()

    def _set_alarm(self, when: float) -> None:
        self.close()
        self._alarm = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._alarm = None
        connection = self._connection()
        if self._deadline is None or connection is None:
            return
        if self._loop.time() >= self._deadline:
            self.expired = True
            connection.abort()
        else:
            self._set_alarm(self._deadline)
