"""The logging of the tests' own process, which every app configures that starts in it."""

import contextlib
import logging
from collections.abc import Iterator


def loggers() -> Iterator[logging.Logger]:
    """The root and every logger that was asked for by its name."""
    yield logging.getLogger()
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


@contextlib.contextmanager
def logging_kept() -> Iterator[None]:
    """Loggers have at the end the levels and handlers that they had at the start.

    An app that logs errors only would otherwise take its warnings from a test that comes later in
    the same process, and which tests share a process differs from one run to the next.
    """
    disabled = logging.root.manager.disable
    kept = [
        (logger, logger.level, logger.handlers[:], logger.propagate, logger.disabled)
        for logger in loggers()
    ]
    try:
        yield
    finally:
        logging.disable(disabled)
        for logger, level, handlers, propagates, is_disabled in kept:
            logger.setLevel(level)
            logger.handlers[:] = handlers
            logger.propagate = propagates
            logger.disabled = is_disabled
