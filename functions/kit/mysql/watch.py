"""How long a statement may take, watched by one timer for many of them.

`asyncio.timeout` has to cancel a task, and a timer for each statement is made, sorted in and
cancelled again some hundred times a second for each connection, nearly always for nothing. This
one stays, and looks whether the statement of that moment is late. `connection.py` uses it.
"""

import asyncio
import weakref
from typing import Any, Protocol


class _Connection(Protocol):
    loop: Any

    def abort(self) -> None: ...


class Watch:
    """Of one connection, which it closes when a statement is late."""

    def __init__(self, connection: _Connection) -> None:
        # A timer must not keep alive a connection that nobody has any more.
        self._connection = weakref.ref(connection)
        self._loop: asyncio.AbstractEventLoop = connection.loop
        self._deadline: float | None = None
        """Of the statement that is under way."""
        self._alarm: asyncio.TimerHandle | None = None
        self.expired = False

    def begin(self, seconds: float | None) -> None:
        """A statement is sent now, and may take so long; None for as long as it takes."""
        self._deadline = None if seconds is None else self._loop.time() + seconds
        if self._deadline is not None and (
            self._alarm is None or self._alarm.when() > self._deadline
        ):
            self._set_alarm(self._deadline)

    def end(self) -> None:
        """It was answered, or failed."""
        self._deadline = None

    def close(self) -> None:
        """The connection is."""
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
