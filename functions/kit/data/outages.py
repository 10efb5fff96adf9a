"""Logs failures of background tasks once for each cause, instead of at each retry.

While the database is unreachable, all tasks together log one warning, and one line when it is
reachable again. Any other error is a bug; its traceback is logged once.
"""

import logging

from functions.kit.base.errors import Unavailable
from functions.kit.data.database import Database

logger = logging.getLogger(__name__)

MAX_TRACKED = 1000
"""Failing tasks whose last cause is stored."""


def is_transient(database: Database, error: BaseException) -> bool:
    """Whether a retry may succeed: the database is unreachable or busy."""
    return (
        isinstance(error, Unavailable)
        or database.is_unavailable(error)
        or database.is_retryable(error)
    )


class Outages:
    """One per process, shared by its background tasks."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._waiting: set[str] = set()
        """Tasks whose last try failed because the database was unreachable or busy."""
        self._causes: dict[str, str] = {}
        """The last cause of each other failing task."""

    def report(self, task: str, error: BaseException) -> None:
        """Log that a task failed and will be retried, unless the same cause was logged before."""
        cause = f"{type(error).__name__}: {error}"
        if is_transient(self.database, error):
            if not self._waiting:
                logger.warning("the database cannot be used, background work waits: %s", cause)
            self._waiting.add(task)
        elif self._causes.get(task) != cause:
            if len(self._causes) >= MAX_TRACKED:
                self._causes.clear()
            self._causes[task] = cause
            logger.error("%s failed and will be retried", task, exc_info=error)

    def recovered(self, task: str) -> None:
        """A task has succeeded. Logs the end of the outage after the last waiting task."""
        self._causes.pop(task, None)
        if task in self._waiting:
            self._waiting.discard(task)
            if not self._waiting:
                logger.info("the database can be used again")
