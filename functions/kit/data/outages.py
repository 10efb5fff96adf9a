"""What background tasks log when they fail: one line for one cause, and another when it is over.

They try again and again while the database is away, and each try would otherwise be a traceback.
A fault that is not the database's is a bug, and has its traceback, once.
"""

import logging

from functions.kit.base.errors import Unavailable
from functions.kit.data.database import Database

logger = logging.getLogger(__name__)

REMEMBERED = 1000
"""Failed tasks whose cause is known, so that it is not logged again."""


def is_transient(database: Database, error: BaseException) -> bool:
    """Whether the same work may well succeed later: the database is away or busy."""
    return (
        isinstance(error, Unavailable)
        or database.is_unavailable(error)
        or database.is_retryable(error)
    )


class Outages:
    """One per process, shared by its background tasks."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._away: set[str] = set()
        """Tasks that found the database away, and have not worked since."""
        self._failed: dict[str, str] = {}
        """What each other task failed of."""

    def report(self, task: str, error: BaseException) -> None:
        """A task failed, and is tried again."""
        cause = f"{type(error).__name__}: {error}"
        if is_transient(self.database, error):
            if not self._away:
                logger.warning("the database cannot be used, background work waits: %s", cause)
            self._away.add(task)
        elif self._failed.get(task) != cause:
            if len(self._failed) >= REMEMBERED:
                self._failed.clear()
            self._failed[task] = cause
            logger.error("%s failed; it is tried again", task, exc_info=error)

    def over(self, task: str) -> None:
        """A task has worked."""
        self._failed.pop(task, None)
        if task in self._away:
            self._away.discard(task)
            if not self._away:
                logger.info("the database can be used again")
